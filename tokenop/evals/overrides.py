"""Overrides: somebody takes responsibility, by name and for some days, for a change that the gate cannot judge.

They stand in a file of the pull request, so that a reviewer sees them. An override turns `inconclusive` into "may be
merged". It never turns `fail` into anything.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from tokenop import documents
from tokenop.errors import Finding, FindingsError

SCHEMA_FILE = Path(__file__).with_name("overrides.schema.json")
RULE = "OVERRIDE"
LONGEST = timedelta(days=31)
_WORDS = 3  # fewer are no reason


@dataclass(frozen=True, slots=True)
class Override:
    """Who answers for which config until when (the last day on which it counts), and why."""

    by: str
    day: date
    expires: date
    config: str
    config_sha256: str
    reason: str
    line: int


def load(path: Path) -> tuple[Override, ...]:
    """Return the overrides in a file; none where there is no file.

    Raises:
        FindingsError: anything wrong in it, all findings at once.
        InputError: it cannot be read.
    """
    from tokenop.catalogue import schema

    if not path.exists():
        return ()
    document = documents.load_yaml(path)
    found = [
        Finding(str(path), one.place[0], one.field, RULE, "error", one.message, one.place[1], one.fix)
        for one in schema.objections(document, *_validators())
    ]
    if found:
        raise FindingsError(found)
    made = []
    for index, entry in enumerate(document.meta["overrides"]):
        field = f"overrides[{index}]"
        if sum(word.isalpha() for word in re.findall(r"\w+", entry["reason"])) < _WORDS:
            fix = "say why it may be merged without knowing"
            found.append(_finding(document, f"{field}.reason", "gives no reason that anybody could read", fix))
        day, expires = (_day(document, f"{field}.{name}", entry[name], found) for name in ("date", "expires"))
        if day and expires and not day <= expires <= day + LONGEST:
            fix = f"choose a day from {day} to {day + LONGEST}"
            found.append(_finding(document, f"{field}.expires", "is before the date, or too long after it", fix))
        elif day and expires:
            line = document.key_line(field)[0]
            made.append(
                Override(entry["by"], day, expires, entry["config"], entry["config_sha256"], entry["reason"], line)
            )
    if found:
        raise FindingsError(found)
    return tuple(made)


def applying(overrides: Sequence[Override], config_sha256: str, today: date) -> tuple[Override | None, tuple[str, ...]]:
    """Return the override that counts for a config today, and why each other does not."""
    counting, others = None, []
    for one in overrides:
        if one.config_sha256 != config_sha256:
            others.append(f"line {one.line}, by {one.by}: is for another state of {one.config}")
        elif not one.day <= today <= one.expires:
            when = f"expired on {one.expires}" if today > one.expires else f"begins on {one.day}"
            others.append(f"line {one.line}, by {one.by}: {when}")
        else:
            counting = counting or one
    return counting, tuple(others)


def _day(document: documents.Document, field: str, text: str, found: list[Finding]) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        found.append(_finding(document, field, f"{text} is no day of the calendar", "write YYYY-MM-DD"))
        return None


def _finding(document: documents.Document, field: str, message: str, fix: str) -> Finding:
    line, column = document.line(field)
    return Finding(str(document.path), line, field, RULE, "error", message, column, fix)


@cache
def _validators() -> tuple[Any, Any]:
    import jsonschema_rs
    from jsonschema import Draft202012Validator

    schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    return Draft202012Validator(schema), jsonschema_rs.validator_for(schema)
