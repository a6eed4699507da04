"""`tokenop test-template`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console
    from rich.text import Text

    from tokenop.trials.model import Trial
    from tokenop.trials.replay import Alone

LONGEST = 240  # characters of a reason; --json has all of it
MOST = 3  # errors of each of several templates; alone it is shown with all of them

EPILOG = """\b
Examples:
  tokenop test-template --template semantic-caching --dry-run --validate-economics
  tokenop test-template --template templates/serving-layer/mine.md --dry-run --validate-economics --json
  tokenop test-template --all --dry-run        sound, and patches apply and roll back; no economics
"""


@click.command(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--template",
    "wanted",
    multiple=True,
    metavar="PATH|ID",
    help="Template to try: its file, or the id of a synced or shipped one. May be given several times.",
)
@click.option("--all", "every", is_flag=True, help="Try all templates, the synced or shipped ones.")
@click.option("--dry-run", is_flag=True, help="Write nothing outside of scratch folders. The only mode there is.")
@click.option("--validate-economics", is_flag=True, help="Replay the levers on the reference workloads, too.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(wanted: tuple[str, ...], every: bool, dry_run: bool, validate_economics: bool, as_json: bool) -> None:
    """Try a template out: claim, silence, patches, rollback.

    Its levers are replayed on made-up reference workloads (docs/workloads.md) and held against its claim; its patches
    are applied to scratch projects and rolled back. Exits with 1 where a check fails.
    """
    from tokenop.cli.progress import steps
    from tokenop.trials.run import trials

    paths = _paths(wanted, every)
    if not dry_run:
        click.echo("Note: --dry-run is the only mode; nothing outside of scratch folders is written.", err=True)
    with steps() as say:
        found = trials(paths, economics=validate_economics, progress=say)
    if as_json:
        import json

        document = {"schema_version": 1, "trials": [one.as_dict() for one in found]}
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        _print(found, validate_economics)
    if not all(one.passed for one in found):
        raise click.exceptions.Exit(1)


def _paths(wanted: Sequence[str], every: bool) -> list[Path]:
    """Return the files of the templates that are meant.

    Raises:
        MisuseError: none is named, or a name is neither a file nor a template that is synced or shipped.
    """
    from tokenop import settings
    from tokenop.catalogue.loader import find
    from tokenop.catalogue.schema import closest
    from tokenop.cli import using
    from tokenop.errors import MisuseError, NoInputError

    folder = settings.content("templates")
    shipped = {path.stem: path for path in find(folder)}
    if every and not shipped:
        raise NoInputError(f"{folder}: holds no template")
    if not every and not wanted:
        raise MisuseError("name a template with --template PATH or ID, or try all of them with --all")
    if every or not shipped.keys().isdisjoint(wanted):
        using.tell()
    paths = list(shipped.values()) if every else []
    for name in wanted:
        if name in shipped:
            paths.append(shipped[name])
        elif Path(name).is_file():
            paths.append(Path(name))
        else:
            raise MisuseError(f"{name!r} is neither a file nor a template of {folder}; {closest(name, shipped)}")
    return list(dict.fromkeys(paths))


def _print(found: Sequence[Trial], economics: bool) -> None:
    from tokenop.cli.progress import results

    console = results()
    if len(found) == 1:
        _one(console, found[0])
    else:
        _overview(console, found)
    failed = [one for one in found if not one.passed]
    click.echo()
    if len(found) > 1:
        click.echo(f"{len(found) - len(failed)} of {len(found)} templates pass.")
    else:
        notes = sum(check.verdict == "note" for check in found[0].checks)
        told = f", {notes} note{'s' * (notes != 1)}" if notes else ""
        click.echo(f"{_visible(found[0].template)} {'fails' if failed else 'passes'}: {_counted(found[0])}{told}.")
    click.echo(f"Next: {_next((failed or found)[0], economics)}")


def _next(trial: Trial, economics: bool) -> str:
    """Return what comes next: trying again, the economics, all rules, and for a template of the catalogue its use."""
    from tokenop import settings
    from tokenop.cli import again

    if not trial.passed:
        this = again.command("test-template", template=[str(trial.path)], dry_run=True, validate_economics=economics)
        return f"mend it, then {this}"
    if trial.path.is_relative_to(settings.content("templates")):
        return again.command("template-apply", trial.template, dry_run=True)
    if not economics:
        return again.command("test-template", template=[str(trial.path)], dry_run=True, validate_economics=True)
    return again.command("templates", "lint", trial.path)


def _counted(trial: Trial) -> str:
    judged = [check for check in trial.checks if check.verdict != "note"]
    good = sum(check.verdict == "pass" for check in judged)
    return f"{good} of {len(judged)} checks hold"


def _one(console: Console, trial: Trial) -> None:
    """Print the savings by workload, then every check."""
    from rich.table import Table

    for finding in trial.findings:
        console.print(_plain(str(finding), "yellow" if finding.severity == "warning" else "red"), soft_wrap=True)
    if trial.economics:
        console.print("SAMPLE DATA: savings on made-up workloads, in percent of the bill and in dollars a month.")
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("workload", no_wrap=True)
        for name in ("P10", "expected", "P90", "a month"):
            table.add_column(name, justify="right", no_wrap=True)
        for name, alone in trial.economics.items():
            table.add_row(name, *_figures(alone))
        console.print(table)
        _reasons(console, trial)
    for check in trial.checks:
        console.print(_checked(check.verdict, f"{check.section}: {check.name}: {check.text}"), soft_wrap=True)


def _figures(alone: Alone) -> list[str]:
    from tokenop.planning.text import usd

    if alone.percent is None or alone.monthly_usd is None:
        return ["–", "silent" if alone.silent else "unknown", "–", "–"]
    return [*(f"{value:.1f} %" for value in alone.percent), usd(alone.monthly_usd[1])]


def _reasons(console: Console, trial: Trial) -> None:
    """Print why it is silent, each reason once."""
    reasons: dict[str, list[str]] = {}
    for name, alone in trial.economics.items():
        if alone.silent:
            reasons.setdefault(alone.silent, []).append(name)
    for reason, names in reasons.items():
        cut = reason if len(reason) <= LONGEST else f"{reason[:LONGEST]}…"
        console.print(_plain(f"silent on {', '.join(names)}: {cut}", "dim"), soft_wrap=True)
    console.print()


def _overview(console: Console, found: Sequence[Trial]) -> None:
    """Print a line for each template, and what fails."""
    for trial in found:
        silent = [name for name, alone in trial.economics.items() if alone.silent]
        where = f"; silent on {len(silent)} of {len(trial.economics)} workloads" if trial.economics else ""
        verdict = "pass" if trial.passed else "fail"
        console.print(_checked(verdict, f"{trial.template}: {_counted(trial)}{where}"), soft_wrap=True)
        errors = [finding for finding in trial.findings if finding.severity == "error"]
        for finding in errors[:MOST]:
            console.print(_plain(f"    {finding}", ""), soft_wrap=True)
        for check in trial.checks:
            if check.verdict == "fail":
                console.print(_plain(f"    {check.section}: {check.name}: {check.text}", ""), soft_wrap=True)


def _checked(verdict: str, text: str) -> Text:
    mark, style = {"pass": ("✓", "green"), "fail": ("✗", "red"), "note": ("·", "dim")}[verdict]
    line = _plain(f"{mark} ", style)
    return line.append_text(_plain(text, ""))


def _plain(text: str, style: str) -> Text:
    from rich.text import Text

    return Text(_visible(text), style=style)


def _visible(text: str) -> str:
    from tokenop.planning.text import visible

    return visible(text)
