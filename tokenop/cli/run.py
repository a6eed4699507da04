"""`tokenop run`."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tokenop.errors import MisuseError

if TYPE_CHECKING:
    from tokenop.experiment.live import Finished, Options
    from tokenop.experiment.outcomes import Asked

EPILOG = """\b
Examples:
  tokenop run                                   optimization-plan.yaml and the prompts in events.jsonl here
  tokenop run --input prompts.jsonl             the community templates that apply to these prompts
  tokenop run --input prompts.jsonl --baseline anthropic/claude-sonnet-4-5
      --candidate groq/llama-3.3-70b-versatile --max-drop 0.05 --budget 2 --early-stopping
  tokenop run --input sample --recordings sample --baseline anthropic/claude-sonnet-4-5
      --candidate anthropic/claude-haiku-4-5 --max-drop 0.05     made-up prompts and answers, no keys
  tokenop run --outcomes mmlu/ --baseline gpt-4-1106-preview --candidate random:0.5

\b
A run that was interrupted, or that ended at its budget or time, goes on where it stopped when the same command is
given again: what was paid is not paid twice. Exit code 0: a candidate passed; 1: none did.
"""


@click.command(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--plan", type=click.Path(path_type=Path), help="Plan to evaluate. Default: optimization-plan.yaml here.")
@click.option(
    "--input", "prompts", type=click.Path(path_type=Path), help="Prompts, a JSON object a line; `sample`: made-up ones."
)
@click.option(
    "--events", type=click.Path(path_type=Path), help="Event log that carries prompts. Default: events.jsonl here."
)
@click.option(
    "--sample-size", type=click.IntRange(1), metavar="N", help="How many prompts. Default: 100; of outcomes, all."
)
@click.option("--early-stopping", is_flag=True, help="Stop a candidate as soon as its verdict is certain.")
@click.option("--baseline", metavar="TARGET", help="Who answers today. Default: what each prompt says.")
@click.option("--candidate", "candidates", multiple=True, metavar="TARGET", help="Who may answer instead. Repeatable.")
@click.option("--config", type=click.Path(path_type=Path), help="Routing config whose names targets may use.")
@click.option("--max-drop", metavar="0-1", help="How far quality may drop. Default: the template's own, else 0.01.")
@click.option("--budget", metavar="USD", help="What the run may spend; no call is made that might exceed it.")
@click.option(
    "--judge", "judges", multiple=True, metavar="TARGET", help="Model that compares answers. Twice: a second."
)
@click.option("--recordings", type=click.Path(path_type=Path), help="Answers from recordings; nothing is sent.")
@click.option("--outcomes", type=click.Path(path_type=Path), help="Folder of CSVs with outcomes of models by prompt.")
@click.option(
    "--templates-dir", type=click.Path(path_type=Path), help="Folder of templates. Default: the shipped ones."
)
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Where runs go.")
@click.option("--seed", type=click.IntRange(0), default=20260921, show_default=True, help="Seed of the sample.")
@click.option("--parallel", type=click.IntRange(1, 64), default=16, show_default=True, help="Calls at once.")
@click.option(
    "--timeout", type=click.FloatRange(1, 600), help="Seconds for one call. Default: what --config says, else 60."
)
@click.option("--minutes", type=click.FloatRange(0.01), default=10.0, show_default=True, help="No new call after that.")
@click.option(
    "--max-output-tokens", type=click.IntRange(1, 1_000_000), help="Limit of answers where prompts give none."
)
@click.option("--dry-run", is_flag=True, help="Say who would be asked what, and what it may cost; ask nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def command(as_json: bool, outcomes: Path | None, dry_run: bool, out: Path, **given: Any) -> int:
    """Measure what a change does to quality and cost, on your prompts.

    Today's model and the candidates answer the same prompts. Answers are judged by checks first, by references next,
    and by a model only where you name one. The verdict holds however early the run stops.
    """
    from tokenop.cli.progress import steps
    from tokenop.experiment import live

    if outcomes is not None:
        asked = _offline(outcomes, given, dry_run)
        with steps() as say:
            finished = live.offline(asked, out, say)
    else:
        options = _options(out, given)
        if dry_run:
            return _tell_dry(live.dry(options), as_json)
        finished = _interruptible(options)
    _write_tables(finished)
    _tell(finished, as_json)
    return 0 if finished.document["verdict"] == "pass" else 1


def _interruptible(options: Options) -> Finished:
    from tokenop.cli.progress import steps
    from tokenop.experiment import live

    try:
        with steps() as say:
            return live.run(options, say)
    except KeyboardInterrupt:
        click.echo("interrupted: calls under way were finished and kept; the same command goes on", err=True)
        raise


def _options(out: Path, given: dict[str, Any]) -> Options:
    from tokenop.experiment.live import Options

    plan, prompts, events = given.pop("plan"), given.pop("prompts"), given.pop("events")
    if plan is None and prompts is None and not given["candidates"] and Path("optimization-plan.yaml").is_file():
        plan = Path("optimization-plan.yaml")
    if prompts is not None and events is not None:
        raise MisuseError("give either --input or --events, not both")
    if prompts is None and events is None:
        from tokenop.planning.inputs import default_log

        events = default_log(Path())
    drop, budget = _share(given.pop("max_drop")), _usd(given.pop("budget"))
    return Options(plan=plan, prompts=prompts, events=events, max_drop=drop, budget=budget, out=out, **given)


def _offline(folder: Path, given: dict[str, Any], dry_run: bool) -> Asked:
    from tokenop.experiment import setup
    from tokenop.experiment.outcomes import Asked

    beside = [name for name in ("plan", "prompts", "events", "config", "recordings", "budget") if given[name]]
    if beside or given["judges"] or dry_run:
        raise MisuseError(
            "--outcomes asks nobody: leave out --plan, --input, --events, --config and what belongs to calls"
        )
    drop = _share(given["max_drop"])
    return Asked(
        folder=folder,
        baseline=given["baseline"],
        candidates=given["candidates"],
        sample_size=given["sample_size"],
        early=given["early_stopping"],
        max_drop=setup.MAX_DROP if drop is None else drop,
        seed=given["seed"],
    )


def _share(text: str | None) -> Decimal | None:
    value = _decimal(text, "--max-drop")
    if value is not None and value > 1:
        raise MisuseError("--max-drop is a share from 0 to 1: 0.01 is one point")
    return value


def _usd(text: str | None) -> Decimal | None:
    return _decimal(text, "--budget")


def _decimal(text: str | None, option: str) -> Decimal | None:
    import re

    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text):
        raise MisuseError(f"{option} takes a number such as 0.05, not {text[:40]!r}")
    return Decimal(text)


def _write_tables(finished: Finished) -> None:
    """Write baseline.csv, optimized.csv and diff.csv as `tokenop report` does."""
    from tokenop.database import connect
    from tokenop.experiment import tables as measured
    from tokenop.reports import relations, tables

    with connect() as connection:
        for name in ("baseline", "optimized"):
            results = finished.measured.results(None if name == "baseline" else finished.measured.shown.name)
            measured.create(connection, name, results, finished.measured.setup.all_prompts)
        relations.create_difference(connection)
        for relation, name in (("baseline", "baseline"), ("optimized", "optimized"), ("difference", "diff")):
            tables.write(connection, relation, finished.folder / f"{name}.csv")


def _tell(finished: Finished, as_json: bool) -> None:
    from tokenop.cli import run_text

    if as_json:
        import json

        click.echo(json.dumps(finished.document, indent=2, ensure_ascii=False))
        return
    run_text.show(finished)


def _tell_dry(found: dict[str, Any], as_json: bool) -> int:
    from tokenop.cli import run_text

    if as_json:
        import json

        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        run_text.dry(found)
    return 0
