"""`tokenop route diff`."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from tokenop.comparison.model import Compared

EPILOG = """\b
Examples:
  tokenop route diff                                    what this branch changes, on ./events.jsonl or else made-up logs
  tokenop route diff --base HEAD~1 --events events.jsonl
  tokenop route diff --workload workload.yaml --json    the k-anonymous workload that your team commits
  tokenop route diff --format markdown                  as in the comment on a pull request
  tokenop route diff new/default.yaml --against old/default.yaml
"""


@click.command(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("configs", nargs=-1, type=click.Path(path_type=Path))
@click.option("--base", metavar="REV", help="Compare with this revision [default: where the branch left the main one].")
@click.option("--against", type=click.Path(path_type=Path), help="Compare CONFIG with this file, without git.")
@click.option("--events", type=click.Path(path_type=Path), help="Replay on this log of events.")
@click.option("--workload", type=click.Path(path_type=Path), help="Replay on this shared workload.")
@click.option("--recordings", type=click.Path(path_type=Path), help="Recorded answers for the gate.")
@click.option("--prices", type=click.Path(path_type=Path), help="A file of dated prices, on top of the known ones.")
@click.option("--no-quality", is_flag=True, help="Leave the gate out.")
@click.option("--format", "form", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
def command(
    configs: tuple[Path, ...],
    base: str | None,
    against: Path | None,
    events: Path | None,
    workload: Path | None,
    recordings: Path | None,
    prices: Path | None,
    no_quality: bool,
    form: str,
    as_json: bool,
) -> None:
    """Say what a changed routing config does to cost and quality.

    Every call of a log is routed by the config as it was and as it is now, and priced both ways. The golden tasks say
    whether answers get worse, from recorded answers; exits with 1 where they do, or where nobody can tell.
    """
    from tokenop.cli.evaluating import load_prices, located
    from tokenop.cli.progress import steps
    from tokenop.comparison import differences, quality, sources

    logs = sources.choose(events, workload, Path.cwd())
    with tempfile.TemporaryDirectory(prefix="tokenop-") as folder, steps() as say:
        if against is not None:
            changed = differences.of_files([located(path) for path in configs], located(against))
        else:
            changed = differences.of_git(Path.cwd(), base, configs, Path(folder))
        gate = (
            None
            if no_quality or not changed
            else quality.gate(recordings and located(recordings), datetime.now(UTC).date())
        )
        compared = list(differences.compare(changed, logs, gate, load_prices(prices), Path(folder), say))
    _print(compared, "json" if as_json else form)
    if any(one.stopped for one in compared):
        raise click.exceptions.Exit(1)


def _print(compared: Sequence[Compared], form: str) -> None:
    if form == "json":
        import json

        document = {"schema_version": 1, "configs": [one.as_dict() for one in compared]}
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    elif not compared:
        click.echo("No routing config differs: nothing is routed otherwise than before.")
    elif form == "markdown":
        from tokenop.community import routing_figures
        from tokenop.community.comment import code

        for one in compared:
            lines = routing_figures.lines(routing_figures.of(one))
            click.echo("\n".join([f"**What {code(one.path)} does**:", "", *lines, ""]))
    else:
        from tokenop.cli.progress import results
        from tokenop.comparison import text

        text.show(results(), compared)
        stopped = any(one.stopped for one in compared)
        following = "tokenop eval gate shows each answer" if stopped else "tokenop route test && git push"
        click.echo(f"Next: {following}; the pull request shows the same.")
