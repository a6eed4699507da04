"""Write the generated pages: `python scripts/generate_docs.py`, or `--check` to see whether they are in step.

A page that can be derived from the program is derived, so that it cannot say something else. Pages written by hand
hold generated parts between marks (`<!-- name:begin -->`, `<!-- name:end -->`).
"""

from __future__ import annotations

import argparse
import difflib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click

# Beside this file, which tests load from elsewhere.
sys.path.insert(0, str(Path(__file__).parent))
import published_schemas

ROOT = Path(__file__).resolve().parents[1]
WIDTH = 96
NOTE = "<!-- Written by scripts/generate_docs.py (make docs). Do not edit. -->"

Page = Callable[[], str]
Schema = dict[str, Any]


def cli_page() -> str:
    """Return docs/cli.md: the help text of every command."""
    from tokenop.cli.main import cli

    parts = [
        "# The command line",
        "",
        NOTE,
        "",
        "Results go to standard output, progress and notes to standard error. `--json` prints the same result for",
        "programs. Files are written at once or not at all. `NO_COLOR` is honoured.",
        "",
        "| exit code | meaning |",
        "|---|---|",
        "| 0 | done, nothing found |",
        "| 1 | findings, or an expected error that the message names |",
        "| 2 | the command was called in a way that cannot work |",
        "| 3 | there was nothing to work on |",
        "| 4 | a bug in tokenop; `CONTRIBUTING.md` says how to report it |",
    ]
    for context in contexts(of(cli, None, "tokenop")):
        parts += ["", f"## {context.command_path}", "", "```text", help_text(context), "```"]
    return "\n".join(parts) + "\n"


def contexts(context: click.Context) -> Iterator[click.Context]:
    """Yield a command's context and those of all commands below it, a group before its commands."""
    yield context
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            command = context.command.get_command(context, name)
            if command is not None:
                yield from contexts(of(command, context, name))


def of(command: click.Command, parent: click.Context | None, name: str) -> click.Context:
    """Return the context of a command at the width of the page."""
    settings = {"terminal_width": WIDTH, "max_content_width": WIDTH, **command.context_settings}
    return click.Context(command, parent, name, **settings)


def help_text(context: click.Context) -> str:
    """Return the help of a command, without spaces at the ends of lines."""
    return "\n".join(line.rstrip() for line in context.get_help().splitlines())


def events_page() -> str:
    """Return docs/events.md: the event's fields and rules."""
    from tokenop.events import docs

    return docs.markdown()


def usage_page() -> str:
    """Return docs/usage.md: the usage record's fields and rules, and how records are compared with calls."""
    from tokenop.events import docs

    return docs.usage_markdown()


def rules_page() -> str:
    """Return docs/rules.md: what is checked in templates and in the evidence about them."""
    from tokenop.catalogue.linting import pages

    return pages.markdown(NOTE)


def templates_page() -> str:
    """Return docs/templates.md: the fields of a template and the names that its expressions may use."""
    from tokenop.catalogue import schema, vocabulary
    from tokenop.events import schema as events
    from tokenop.sqltree import functions

    added = {name: kind for name, kind in vocabulary.EVENT_COLUMNS.items() if name not in events.types()}
    parts = [
        "# The fields of a template",
        "",
        NOTE,
        "",
        "A template is a markdown file with YAML frontmatter. [templates/README.md](../templates/README.md) says how",
        "to write one and lists the lever kinds with their parameters. This page lists every field, and the names that",
        "the two kinds of expression may use. `tokenop templates lint` checks all of it.",
        "",
        "## Frontmatter",
        "",
        "| field | type | required | meaning |",
        "|---|---|---|---|",
        *schema_rows(schema.schema(), schema.schema()),
        "",
        "## `applies_when`: the workload",
        "",
        "One row that describes the whole workload. NULL where the events do not say: then the template stays silent.",
        "",
        *named(vocabulary.PROFILE_SCALARS, SCALARS),
        "",
        "With an inventory (`inventory.yaml` of `tokenop discover`, or `plan --inventory`) also these. Without one",
        "they are NULL, and no template applies that names one of them or has a `capacity` lever.",
        "",
        *named(vocabulary.INVENTORY_SCALARS, INVENTORY),
        "",
        "## `where`: one call",
        "",
        "Every field of the [event](events.md), and what pricing adds:",
        "",
        *named(added, CALL_COLUMNS),
        "",
        "## `where` of a `capacity` lever: one resource of the inventory",
        "",
        *named(vocabulary.RESOURCE_COLUMNS, RESOURCES),
        "",
        "## What an expression may do",
        "",
        "Comparisons, `AND`, `OR`, `NOT`, `IN`, `BETWEEN`, `LIKE`, `IS NULL`, `CASE`, casts, arithmetic, and these",
        "functions:",
        "",
        ", ".join(f"`{name}`" for name in sorted(functions.PREDICATE_FUNCTIONS)) + ".",
        "",
        "Nothing else: no sub-query, no table, no file, no setting, no clock.",
    ]
    return "\n".join(parts) + "\n"


def named(types: Mapping[str, str], meanings: Mapping[str, str]) -> list[str]:
    """Return a table of the names that an expression may use."""
    rows = [f"| `{name}` | {kind} | {meanings[name]} |" for name, kind in types.items()]
    return ["| name | type | meaning |", "|---|---|---|", *rows]


def schema_rows(node: Schema, root: Schema, path: str = "") -> Iterator[str]:
    """Yield one table row for each field of a JSON Schema object, nested fields after the one that holds them."""
    required = set(node.get("required", ()))
    for name, entry in node.get("properties", {}).items():
        field = resolved(entry, root)
        items = resolved(field["items"], root) if "items" in field else {}
        below = items if items.get("properties") else field
        own = f"{path}.{name}" if path else name
        told = "yes" if name in required else ""
        meaning = (entry.get("description") or field["description"]).replace("<", "&lt;")
        yield f"| `{own}` | {kind_of(field, items)} | {told} | {meaning} |"
        # A range is always the same five fields: they are told once, where the first lever is.
        yield from schema_rows(below, root, own + ("[]" if below is items else ""))
        if name == "parameters":
            yield from schema_rows(resolved(field["additionalProperties"], root), root, f"{own}.*")


def resolved(entry: Schema, root: Schema) -> Schema:
    """Return `entry` with its `$ref`, if any, looked up in the schema."""
    found: Any = root if "$ref" in entry else entry
    for part in entry.get("$ref", "#").split("/")[1:]:
        found = found[part]
    return dict(found)


def kind_of(field: Schema, items: Schema) -> str:
    """Return in a few words what a value must be."""
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if items:
        return "list of objects" if items.get("properties") else f"list of {kind_of(items, {})}"
    kind = str(field.get("type", "any"))
    low, high = field.get("minimum"), field.get("maximum")
    if low is not None and high is not None:
        return f"{kind}, {low:,} to {high:,}"
    return kind


SCALARS = {
    "window_hours": "Hours that the log covers.",
    "calls": "Calls in the log.",
    "calls_per_day": "Calls per 24 hours of the window.",
    "monthly_calls": "Calls, scaled to a month of 730.5 hours.",
    "monthly_cost_usd": "Known cost, scaled to a month of 730.5 hours.",
    "cost_per_call_usd": "Mean cost of a call whose cost is known.",
    "input_tokens_mean": "Mean input tokens of a call, cached ones included.",
    "input_tokens_p95": "95th percentile of the same.",
    "output_tokens_mean": "Mean output tokens of a call.",
    "output_tokens_p95": "95th percentile of the same.",
    "output_cost_share": "Part of the list cost that output tokens make.",
    "cached_input_share": "Part of the input tokens read from the provider's cache.",
    "cache_write_share": "Part of the input tokens written to the provider's cache.",
    "prefix_reuse_share": "Part of the input tokens that a prompt cache of five minutes could have read.",
    "repeat_share": "Part of the calls whose prompt was asked before, within 24 hours.",
    "warm_share": "Part of the calls whose tenant, intent and model had a call in the five minutes before.",
    "batch_share": "Part of the calls that already use the batch API.",
    "distinct_tenants": "Different tenants.",
    "distinct_intents": "Different intents.",
    "distinct_models": "Different models, by provider.",
    "distinct_providers": "Different providers.",
    "top_model_cost_share": "Part of the cost that the dearest model makes.",
    "frontier_cost_share": "Part of the cost on models whose output lists at USD 10 per million tokens or more.",
    "peak_to_mean_hour": "Calls in the busiest hour over the mean hour.",
    "latency_p50_ms": "Median latency.",
    "latency_p95_ms": "95th percentile of latency.",
    "quality_mean": "Mean quality score of the calls that have one.",
    "priced_cost_share": "Part of the tokens whose cost is known.",
    "agent_share": "Part of the calls made by a named agent.",
    "session_share": "Part of the calls that belong to a session.",
}

INVENTORY = {
    "infra_resources": "Resources that are part of the bill.",
    "infra_monthly_usd": "What those cost a month whose count and price are known.",
    "infra_on_demand_monthly_usd": "The on-demand part of that.",
    "gpu_on_demand_monthly_usd": "The on-demand part of resources whose purpose is `gpu`.",
    "gpu_count": "GPUs, where count and machine are known.",
    "on_demand_share": "Part of the instances that is on-demand.",
    "spot_share": "Part of the instances that is spot.",
    "reserved_share": "Part of the instances that is reserved, over the resources that state it.",
}

RESOURCES = {
    "address": "Address in Terraform.",
    "provider": "`aws`, `google`, `azure` or `databricks`.",
    "type": "Resource type of Terraform, such as `aws_autoscaling_group`.",
    "purpose": "`gpu`, or `inference` for managed endpoints.",
    "region": "Region; NULL where unknown, as all that follows.",
    "instance_type": "Machine that it is priced at.",
    "gpus_per_instance": "Accelerators of one machine.",
    "accelerator": "Their kind.",
    "total": "Instances.",
    "on_demand": "Of these, paid by the hour. Reserved ones too, where `reserved` is not stated.",
    "spot": "Of these, spot.",
    "reserved": "Of these, reserved; NULL unless somebody stated it: Terraform does not know.",
    "autoscaling": "Whether something scales the count.",
    "autoscaling_min": "Least count.",
    "autoscaling_max": "Greatest count.",
    "scale_to_zero": "Whether it may go away entirely.",
    "hourly_usd": "Price of an on-demand instance.",
    "hourly_usd_spot": "Price of a spot instance.",
    "hourly_usd_reserved": "Price of an instance under a commitment of a year.",
    "monthly_usd": "What all of it costs a month.",
    "change": "What a plan of Terraform makes of it: `none`, `create`, `update` or `replace`.",
}

CALL_COLUMNS = {
    "n": "Calls in this row: 1 in a log, more in a shared workload.",
    "t_uncached": "Input tokens that no cache served or stored.",
    "t_read": "Input tokens read from the provider's cache.",
    "t_write_5m": "Input tokens written to the provider's cache for five minutes.",
    "t_write_1h": "Input tokens written to the provider's cache for an hour.",
    "t_output": "Output tokens.",
    "r_uncached": "List price of such a token, USD, on the day of the call.",
    "r_read": "List price of such a token; NULL where there is none.",
    "r_write_5m": "List price of such a token; NULL where there is none.",
    "r_write_1h": "List price of such a token; NULL where there is none.",
    "r_output": "List price of such a token.",
    "priced_provider": "Provider in the price book; NULL where unknown.",
    "priced_model": "Model in the price book; NULL where unknown.",
}


def lever_page() -> str:
    """Return templates/README.md with its lever table brought up to date."""
    from tokenop.catalogue import reference

    return reference.updated((ROOT / "templates" / "README.md").read_text(encoding="utf-8"))


def readme() -> str:
    """Return README.md with its table of commands and the demo's output brought up to date."""
    from tokenop.cli.main import COMMANDS

    table = ["| command | what it does |", "|---|---|"]
    table += [f"| `tokenop {name}` | {line} |" for name, (_, line) in COMMANDS.items()]
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    text = between(text, "commands", "\n".join(table))
    text = between(text, "sources", "\n".join(sources()))
    return between(text, "demo", f"```text\n{demo_output(run_demo())}\n```")


def sources() -> list[str]:
    """Return the table of the shipped collectors: what each reads, what it gives, whether `extract` can fetch it."""
    from tokenop.collect import manifest

    given = {"events": "calls", "usage": "bills and sums", "inventory": "machines"}
    rows = ["| source | gives | `tokenop extract` |", "|---|---|---|"]
    for name in manifest.names():
        found = manifest.find(name)
        fetched = (
            ("yes" if found.extract.extra is None else f"`tokenop[{found.extract.extra}]`") if found.extract else "–"
        )
        rows.append(f"| [{name}](collectors/{name}/README.md): {found.title} | {given[found.kind]} | {fetched} |")
    return rows


def between(text: str, name: str, content: str) -> str:
    """Return `text` with what stands between the marks `name` replaced.

    Raises:
        ValueError: the marks are missing.
    """
    begin, end = f"<!-- {name}:begin (make docs) -->", f"<!-- {name}:end -->"
    if begin not in text or end not in text:
        raise ValueError(f"the marks {begin} and {end} are missing")
    before, rest = text.split(begin, 1)
    return f"{before}{begin}\n\n{content}\n\n{end}{rest.split(end, 1)[1]}"


def demo_output(printed: str) -> str:
    """Return what the demo prints, without the commit, which every change alters."""
    lines = [line.rstrip() for line in printed.strip().splitlines()]
    return re.sub(r"commit \w+", "commit …", "\n".join(lines))


def run_demo() -> str:
    """Run the demo as a newcomer would and return what it prints."""
    with tempfile.TemporaryDirectory(prefix="tokenop-docs-") as folder:
        environment = {**os.environ, "HOME": folder, "NO_COLOR": "1", "COLUMNS": str(WIDTH), "PYTHONUTF8": "1"}
        ran = subprocess.run(
            [sys.executable, "-m", "tokenop", "demo"],
            cwd=folder, env=environment, capture_output=True, text=True, encoding="utf-8", check=False,
        )  # fmt: skip
    if ran.returncode:
        raise RuntimeError(f"tokenop demo exits with {ran.returncode}:\n{ran.stderr}")
    return ran.stdout


PAGES: dict[str, Page] = {
    "docs/cli.md": cli_page,
    "docs/events.md": events_page,
    "docs/usage.md": usage_page,
    "docs/templates.md": templates_page,
    "docs/rules.md": rules_page,
    "templates/README.md": lever_page,
    "README.md": readme,
    **published_schemas.pages(),
}


def main(arguments: list[str] | None = None) -> int:
    """Write the pages, or compare them: exit code 1 and a diff where one is out of step."""
    parser = argparse.ArgumentParser(description="Write the generated pages.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 with a diff where a page differs")
    parser.add_argument("pages", nargs="*", metavar="PAGE", help=f"by default all: {', '.join(PAGES)}")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.pages) - set(PAGES))
    if unknown:
        parser.error(f"no generated page {unknown[0]}; there are: {', '.join(PAGES)}")
    different = [name for name in options.pages or PAGES if changed(name, PAGES[name](), write=not options.check)]
    if different and options.check:
        sys.stderr.write(f"Out of step: {', '.join(different)}. Run `make docs`.\n")
        return 1
    return 0


def changed(name: str, text: str, write: bool) -> bool:
    """Compare a page with what it should be; write it or show the difference."""
    path = ROOT / name
    before = path.read_text(encoding="utf-8") if path.is_file() else ""
    if before == text:
        return False
    if write:
        path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"wrote {name}\n")
    else:
        lines = difflib.unified_diff(before.splitlines(True), text.splitlines(True), name, f"{name} (generated)")
        sys.stdout.writelines(lines)
    return True


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
