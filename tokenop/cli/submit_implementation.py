"""`tokenop submit-implementation`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tokenop.errors import MisuseError

if TYPE_CHECKING:
    from tokenop.catalogue.model import Template
    from tokenop.community.drafting import Drafted

# As `evidence.model.ORGANISATIONS`, which a test compares; here so that `--help` imports nothing.
ORGANISATIONS = (
    "consulting", "education", "financial-services", "healthcare", "individual", "manufacturing", "media",
    "public-sector", "research", "retail", "software", "startup", "telecommunications", "other",
)  # fmt: skip

EPILOG = """\b
Examples:
  tokenop submit-implementation prompt-caching --by octocat --organisation software
      --baseline-cost 3400 --optimized-cost 2100 --implementation-time 2
  tokenop submit-implementation prompt-caching --by octocat --organisation software
      --before march.jsonl --after april.jsonl --implementation-time 2
      --worked "Cache point after the tools" --lessons "Dates in the system prompt broke it"
  tokenop submit-implementation model-routing --by octocat --organisation software --run runs/3f9a1c0b77e2
  tokenop submit-implementation prompt-caching --interactive

\b
What you do not give stays unknown: nothing is guessed. Costs are those of the windows; without windows, of a month.
Only the kind of organisation is written, and texts lose e-mail addresses, keys and the like. Kinds: consulting,
education, financial-services, healthcare, individual, manufacturing, media, public-sector, research, retail, software,
startup, telecommunications, other.
"""

_ASKED = (
    ("organisation", f"Kind of organisation ({', '.join(ORGANISATIONS)})"),
    ("before", "Days measured before, such as 2026-09-01 to 2026-09-30"),
    ("calls_before", "Calls in these days"),
    ("cost_before_usd", "Cost of these days in USD"),
    ("quality_before", "Quality in these days, 0 to 1"),
    ("after", "Days measured after"),
    ("calls_after", "Calls in these days"),
    ("cost_after_usd", "Cost of these days in USD"),
    ("quality_after", "Quality in these days, 0 to 1"),
    ("method", "How it was measured, in a sentence"),
    ("days", "Days of work it took, of 8 hours"),
    ("worked", "What worked"),
    ("lessons", "What others should know"),
)
_DAYS = ("before", "after")
# What people call the fields of an entry here.
_CALLED = {
    "by": "--by",
    "version": "--version",
    "cost_before_usd": "--baseline-cost",
    "cost_after_usd": "--optimized-cost",
    "days": "--implementation-time",
    "before": "--window-before",
    "after": "--window-after",
    **{name: f"--{name.replace('_', '-')}" for name in (
        "organisation", "calls_before", "calls_after", "quality_before", "quality_after", "method", "worked", "lessons",
    )},
}  # fmt: skip


@click.command(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("template_id", metavar="ID")
@click.option("--by", metavar="HANDLE", help="Your name on GitHub. Default: git's github.user.")
@click.option(
    "--organisation",
    type=click.Choice(ORGANISATIONS),
    metavar="KIND",
    help="What kind of organisation it was; no name.",
)
@click.option("--baseline-cost", "cost_before_usd", metavar="USD", help="Cost before.")
@click.option("--optimized-cost", "cost_after_usd", metavar="USD", help="Cost after.")
@click.option("--implementation-time", "days", metavar="DAYS", help="Days of work (8 hours each).")
@click.option("--calls-before", metavar="N", help="Calls before.")
@click.option("--calls-after", metavar="N", help="Calls after.")
@click.option("--window-before", "before_days", metavar="DAY/DAY", help="First and last day measured before.")
@click.option("--window-after", "after_days", metavar="DAY/DAY", help="First and last day measured after.")
@click.option("--quality-before", metavar="0-1", help="Quality before, by the same yardstick as after.")
@click.option("--quality-after", metavar="0-1", help="Quality after.")
@click.option("--method", help="How it was measured.")
@click.option("--worked", help="What worked.")
@click.option("--lessons", help="What others should know.")
@click.option(
    "--before", type=click.Path(path_type=Path), help="Event log of the time before: says all figures itself."
)
@click.option("--after", type=click.Path(path_type=Path), help="Event log of the time after.")
@click.option(
    "--run", "run", type=click.Path(path_type=Path), help="Folder of a `tokenop run` on live answers: its figures."
)
@click.option("--plan", type=click.Path(path_type=Path), help="Plan that predicted the saving.")
@click.option("--version", "version", metavar="X.Y.Z", help="Version of the template. Default: the current one.")
@click.option("--day", metavar="YYYY-MM-DD", help="Day of the report. Default: today.")
@click.option("--interactive", is_flag=True, help="Ask for what is not given; an empty answer is unknown.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="File to add it to. Default: validations/ID/ of the checkout."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    template_id: str,
    by: str | None,
    before: Path | None,
    after: Path | None,
    run: Path | None,
    plan: Path | None,
    version: str | None,
    day: str | None,
    interactive: bool,
    out: Path | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Report what a template saved you.

    Prints the cost reduction, whether it counts as a success and whether it was worth the work; adds the entry to
    validations/ID/implementations.md and prints the text of a pull request.
    """
    from tokenop.cli import checkout
    from tokenop.evidence import write

    where = checkout.root(Path.cwd())
    template = checkout.template(template_id, where)
    given["before"], given["after"] = given.pop("before_days"), given.pop("after_days")
    notes: list[str] = []
    if run and (before or after):
        raise MisuseError("give either --run or --before and --after: a run is not the time before and after")
    if run:
        version = _from_run(run, template_id, version, given, notes)
    sample = _from_logs(before, after, given, notes)
    if sample:
        notes.append("the logs are made up: the entry is marked as a sample and never counts")
    if plan:
        _predicted(plan, template_id, given, notes)
    if interactive:
        by = by or _answer("by", "Your name on GitHub", given, needed=True)
        _ask(given, leave=_DAYS if run else ())
    drafted = _draft(template, checkout.who(by), version, day, given, sample)
    target = out or write.path_of(where / "validations", "implementations", template_id)
    if checkout.add(target, "implementations", drafted.entry, checkout.day(None)):
        notes.append(f"your earlier entry {drafted.entry.entry_id} was replaced")
    _tell(drafted, template, target, [*notes, *drafted.notes], as_json)


def _from_logs(before: Path | None, after: Path | None, given: dict[str, Any], notes: list[str]) -> bool:
    """Put the figures of two logs into `given` where it does not say them; return whether they are made up."""
    if not before and not after:
        return False
    if not before or not after:
        raise MisuseError("give both --before and --after: one log alone says no saving")
    from tokenop.cli.progress import steps
    from tokenop.community import drafting, measured

    with steps() as say:
        say(f"reading {before}")
        first = measured.side(before)
        say(f"reading {after}")
        second = measured.side(after)
    found = drafting.from_logs(first, second)
    for name, side in (("before", first), ("after", second)):
        if side.unpriced:
            what = "left out" if side.cost is not None else "too many to leave out, so the cost is unknown"
            models = "`tokenop prices coverage` says which models"
            notes.append(f"{side.unpriced:,} calls {name} have no price: {what}; {models}")
        if side.quality is None and side.scored:
            notes.append(f"only {side.scored:,} calls {name} have a quality score, too few to tell a point by")
    for name, value in found.items():
        if given.get(name) is None:
            given[name] = value
    return first.sample or second.sample


def _from_run(run: Path, template_id: str, version: str | None, given: dict[str, Any], notes: list[str]) -> str | None:
    """Put the figures of a run into `given`, and return the version of the template that was run.

    Figures of a run belong together: none of them can be given beside it. Nor can days: prompts that were asked one
    afternoon are no traffic of a month, whatever days stand beside them.
    """
    from tokenop.experiment import entry

    found = entry.read(run, template_id)
    measured: str | None = found.pop("version", version)
    if version is not None and version != measured:
        raise MisuseError(f"--version: the run was of {template_id} {measured}")
    beside = sorted(_CALLED[name] for name in (*found, *_DAYS) if given.get(name) is not None)
    if beside:
        raise MisuseError(f"--run says what was measured: leave out {', '.join(beside)}")
    given.update(found)
    notes.append("a run measures prompts, not days of traffic: the entry counts as reported, not as measured")
    return measured


def _predicted(plan: Path, template_id: str, given: dict[str, Any], notes: list[str]) -> None:
    from tokenop.community import drafting

    given["predicted_percent"] = drafting.predicted(plan, template_id)
    if given["predicted_percent"] is None:
        notes.append(f"{plan} did not choose {template_id}: no prediction is written")
    else:
        notes.append("the prediction is a share of the bill that the plan was made from: report on the same calls")


def _ask(given: dict[str, Any], leave: tuple[str, ...]) -> None:
    for name, question in _ASKED:
        if given.get(name) is None and name not in leave:
            given[name] = _answer(name, question, given, needed=name == "organisation")


def _answer(name: str, question: str, given: dict[str, Any], needed: bool) -> str | None:
    """Ask until the answer is one that its field can hold: a slip must not cost the answers before it."""
    from tokenop.cli import checkout
    from tokenop.community import drafting
    from tokenop.evidence.grammar import Refused
    from tokenop.planning.text import visible

    while True:
        said: str = click.prompt(question, default="", show_default=False, err=True).strip()
        if not said and not needed:
            return None
        try:
            found = drafting.read_value(name, said)
            if name == "after" and given.get("before") is not None:
                drafting.apart(given["before"], found)
            if name in drafting.PROSE:
                checkout.publishable(said)
            return said
        except Refused as refused:
            click.echo(f"  {visible(f'{refused.message} ({refused.fix})')}", err=True)


def _draft(
    template: Template, by: str, version: str | None, day: str | None, given: dict[str, Any], sample: bool
) -> Drafted:
    from tokenop.cli import checkout
    from tokenop.community import drafting

    if given.get("organisation") is None:
        raise MisuseError("say what kind of organisation it was: --organisation, one of " + ", ".join(ORGANISATIONS))
    about = version or template.version
    return drafting.implementation(template.id, about, by, checkout.day(day), given, template.category, sample, _CALLED)


def _tell(drafted: Drafted, template: Template, target: Path, notes: list[str], as_json: bool) -> None:
    from tokenop.cli.checkout import shown
    from tokenop.community import outcome, submission_text
    from tokenop.evidence import write
    from tokenop.planning.text import visible

    entry, tolerance = drafted.entry, template.quality.max_absolute_drop
    found = outcome.outcome(entry, tolerance, monthly=True)
    text = submission_text.implementation(entry, found, tolerance)
    for note in notes:
        click.echo(f"note: {visible(note)}", err=True)
    if as_json:
        import json

        document = {
            "file": shown(target),
            "entry": write.lines(entry),
            "evidence": entry.evidence,
            "sample": entry.sample,
            **found.as_dict(),
            "pull_request": text._asdict(),
            "notes": notes,
        }
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    for line in submission_text.summary(entry, found, tolerance):
        click.echo(visible(line))
    click.echo(f"\nText of the pull request:\n\n{text.title}\n\n{text.body}")
    options = "" if "validations" in target.parts else f" --results {shown(target)}"
    click.echo(f"Wrote {entry.entry_id} to {shown(target)}. Next: tokenop contribute --template {template.id}{options}")
