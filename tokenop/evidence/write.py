"""Writing an entry as people would, and putting it where two branches rarely meet."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from tokenop.evidence import questions
from tokenop.evidence.grammar import MAX_VALUE
from tokenop.evidence.model import Implementation, Review, Window
from tokenop.evidence.read import TITLES, Kind


def lines(entry: Review | Implementation) -> str:
    """Return the lines of an entry, from its name to its last field. What is not known has no line."""
    fields = _review(entry) if isinstance(entry, Review) else _implementation(entry)
    if entry.sample:
        fields["sample"] = True
    name = entry.entry_id
    body = "".join(f"- {name} {key}: {_text(value)}\n" for key, value in fields.items() if value not in (None, ""))
    return f"## {name}\n\n{body}"


def empty(kind: Kind, template: str) -> str:
    """Return the file of a template that nobody has written about."""
    return f"# {TITLES[kind]}{template}\n"


def added(text: str, entry: Review | Implementation) -> str:
    """Return the file `text` with the entry in the order of names; one of the same name is replaced.

    By name and not by day: two pull requests are mostly of different people, so they mostly touch different places,
    and forges that know nothing of .gitattributes merge them as well.
    """
    head, *blocks = text.replace("\r\n", "\n").split("\n## ")
    named = {block.split("\n", 1)[0].strip(): block for block in blocks}
    kept = [f"## {named[name].rstrip()}\n" for name in named if name != entry.entry_id]
    parts = sorted([*kept, lines(entry)], key=lambda part: part.split("\n", 1)[0])
    return "\n".join([f"{head.rstrip()}\n", *parts])


def path_of(validations: Path, kind: Kind, template: str) -> Path:
    """Return where a kind of evidence about a template stands."""
    return validations / template / f"{kind}.md"


def one_line(text: str) -> str:
    """Return text as one line of at most what a field holds."""
    flat = " ".join(text.split())
    return flat if len(flat) <= MAX_VALUE else f"{flat[: MAX_VALUE - 2]} …"


def _review(entry: Review) -> dict[str, object]:
    return {
        "day": entry.day,
        "verdict": entry.verdict,
        **{name: entry.answers[name] for name in questions.IDS if name in entry.answers},
    }


def _implementation(entry: Implementation) -> dict[str, object]:
    return {
        "day": entry.day,
        "organisation": entry.organisation,
        "evidence": entry.evidence,
        "before": entry.window_before,
        "after": entry.window_after,
        "calls_before": entry.calls_before,
        "calls_after": entry.calls_after,
        "cost_before_usd": entry.cost_before_usd,
        "cost_after_usd": entry.cost_after_usd,
        "quality_before": entry.quality_before,
        "quality_after": entry.quality_after,
        "method": one_line(entry.method),
        "hours": entry.hours,
        "predicted_percent": entry.predicted_percent,
        "worked": one_line(entry.worked),
        "lessons": one_line(entry.lessons),
    }


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, Window):
        return f"{value.first} to {value.last}"
    if isinstance(value, tuple) and len(value) == 3 and all(isinstance(part, Decimal) for part in value):
        return ", ".join(f"{part:f}" for part in value)
    return one_line(str(value))
