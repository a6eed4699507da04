"""`tokenop plan`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from tokenop.catalogue.model import Template
    from tokenop.planning.build import Plan
    from tokenop.planning.inputs import Opened

EPILOG = """\b
Examples:
  tokenop plan                       events.jsonl here, shipped templates
  tokenop plan --events september.parquet --constraints policy.yaml
  tokenop plan --inventory inventory.yaml    with the instances that serve models
  tokenop plan --workload profile.yaml --json | jq .savings_monthly_usd
"""


@click.command(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--events", type=click.Path(path_type=Path), help="Event log (JSONL, CSV or Parquet). Default: events.jsonl here."
)
@click.option(
    "--workload",
    type=click.Path(path_type=Path),
    help="Shared workload from `tokenop profile --shareable`, instead of events.",
)
@click.option(
    "--inventory",
    type=click.Path(path_type=Path),
    help="Inventory of what runs, from `tokenop discover`. Default: inventory.yaml beside the events, if any.",
)
@click.option(
    "--constraints",
    type=click.Path(path_type=Path),
    help="policy.yaml: what the plan must keep. Default: policy.yaml here, if any.",
)
@click.option(
    "--templates-dir", type=click.Path(path_type=Path), help="Folder of templates. Default: the synced or shipped ones."
)
@click.option(
    "--min-status",
    type=click.Choice(["draft", "proposed", "approved"]),
    default="proposed",
    show_default=True,
    help="Least status of a template to be considered.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("optimization-plan.yaml"),
    show_default=True,
    help="Where to write the plan.",
)
@click.option(
    "--terraform",
    type=click.Path(path_type=Path),
    default=Path(),
    show_default=True,
    help="Folder of the root module's *.tf: what the plan changes of the inventory becomes patches/*.tf.diff.",
)
@click.option(
    "--draws", type=click.IntRange(10, 100_000), default=1000, show_default=True, help="Draws behind each interval."
)
@click.option("--seed", type=click.IntRange(0), default=20260921, show_default=True, help="Seed of the draws.")
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
def command(
    events: Path | None,
    workload: Path | None,
    inventory: Path | None,
    constraints: Path | None,
    templates_dir: Path | None,
    min_status: str,
    out: Path,
    terraform: Path,
    draws: int,
    seed: int,
    as_json: bool,
) -> None:
    """Choose the templates that save most under your policy.

    Every template is replayed on your events; the best set under the constraints is chosen exactly, and for each
    template left out the plan names the constraint or the predicate.
    """
    import tempfile

    from tokenop.cli import patches

    with tempfile.TemporaryDirectory(prefix="tokenop-") as scratch:
        plan = make(events, workload, constraints, templates_dir, min_status, draws, seed, Path(scratch), inventory)
    write(plan, out)
    diffs = patches.beside_plan(plan, terraform, out.parent / "patches")
    if as_json:
        import json

        click.echo(json.dumps(plan.document, indent=2, ensure_ascii=False))
        return
    _print(plan, out)
    patches.show(diffs, out.parent / "patches")


def make(
    events: Path | None,
    workload: Path | None,
    constraints: Path | None,
    templates_dir: Path | None,
    min_status: str,
    draws: int,
    seed: int,
    scratch: Path,
    inventory: Path | None = None,
) -> Plan:
    """Build the plan from files; see the options of the command."""
    from tokenop import settings
    from tokenop.cli.progress import steps
    from tokenop.database import connect
    from tokenop.planning import build, inputs, policy
    from tokenop.prices import book as prices

    log = inputs.choose_log(events, workload, inventory)
    if constraints is None and Path("policy.yaml").is_file():
        constraints = Path("policy.yaml")
    rules = policy.load(constraints)
    fleet = inputs.open_inventory(inventory, log or workload)
    if fleet.path and not inventory:
        click.echo(f"{fleet.path}: this inventory's bill and levers are part of the plan", err=True)
    folder = templates_dir or settings.content("templates")
    templates = _templates(templates_dir, folder)
    with steps() as say:
        say("reading prices")
        book = prices.load()
        connection = connect(spill_to=scratch)
        say("reading events" if log else "reading the workload")
        opened: Opened
        if log:
            opened = inputs.open_events(connection, book, log, scratch)
        elif workload:
            opened = inputs.open_shared(connection, workload)
        else:
            opened = inputs.open_nothing(connection, book)
        return build.build(
            build.Request(
                connection=connection,
                book=book,
                templates=templates,
                policy=rules,
                window=opened.window,
                coverage=opened.coverage,
                inputs={**opened.inputs, **fleet.inputs, "commit": inputs.commit_of(folder)},
                min_status=min_status,
                draws=draws,
                seed=seed,
                progress=say,
                scalars=opened.scalars,
                sample=opened.sample,
                inventory=fleet.inventory,
                evidence=inputs.evidence_beside(folder),
            )
        )


def _templates(templates_dir: Path | None, folder: Path) -> tuple[Template, ...]:
    from tokenop.catalogue import loader
    from tokenop.cli import using
    from tokenop.errors import FindingsError, NoInputError

    using.tell(templates_dir)
    catalogue = loader.load(templates_dir)
    errors = [finding for finding in catalogue.findings if finding.severity == "error"]
    if errors:
        raise FindingsError(errors, f"{folder}: these templates must be mended before a plan can be made")
    if not catalogue.templates:
        raise NoInputError(f"{folder}: holds no template")
    return catalogue.templates


def write(plan: Plan, out: Path) -> None:
    """Write the plan as YAML."""
    from tokenop.files import write_text
    from tokenop.profile.yaml_text import dump

    text = dump(plan.document)
    write_text(out, "# Written by `tokenop plan`. Amounts are US dollars; intervals are P10, P50, P90.\n" + text)


def _print(plan: Plan, out: Path) -> None:
    from tokenop.cli.progress import results
    from tokenop.planning import text

    console = results()
    text.show(console, plan.document)
    saved = plan.document["savings_monthly_usd"]
    console.print(
        f"\n{text.marked(out)}: {text.templates(len(plan.chosen))}, {text.usd(saved['p50'])} a month. "
        f"Next: {plan.document['next']}",
        soft_wrap=True,
    )
