"""SC004: Rollback says when, by whom, how, how long, and how one sees that it worked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import ceil

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.catalogue.sections import named
from tokenop.errors import Finding

_STEP = re.compile(r"^ {0,3}[0-9]{1,9}[.)] ", re.MULTILINE)
# A label: `**Owner**: …`, or a cell of a table.
_OWNER = re.compile(r"\bowner\b[ \t*_]{0,5}[:|][ \t*_]{0,5}\w")
_TIME = re.compile(
    r"\btime\b[ \t*_]{0,5}[:|][ \t*_]{0,5}(?:[a-z]+ ){0,3}([0-9]+(?:\.[0-9]+)?) ?(seconds?|minutes?|min|hours?|days?)\b"
)
_MINUTES = {"s": 1 / 60, "m": 1.0, "h": 60.0, "d": 1440.0}


def _check(draft: Draft, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    section = named(draft.document).get("rollback")
    if section is None or not section.text:
        return  # SC001, SC003
    text = section.text.casefold()
    time = _TIME.search(text)
    wanted = (
        ("trigger" in text, "names no trigger", "say what makes one roll back: **Trigger**: …"),
        (len(_STEP.findall(section.text)) >= 2, "has no numbered steps", "write the steps as 1. 2. 3."),
        (_OWNER.search(text), "names no owner", "say who does it: **Owner**: …"),
        (time, "does not say how long it takes", "say it as **Time**: 5 minutes"),
        ("verif" in text, "does not say how to verify", "say how one sees that it worked: **Verification**: …"),
    )
    for there, message, fix in wanted:
        if not there:
            yield RULE.found(draft.document, "body", f"section Rollback {message}", fix, place=(section.line, 1))
    minutes = draft.get("risk.rollback_minutes")
    if time and minutes is not None and ceil(float(time[1]) * _MINUTES[time[2][0]]) != minutes:
        message = f"section Rollback says {time[1]} {time[2]}, risk.rollback_minutes says {minutes}"
        yield RULE.found(draft.document, "body", message, "say the same in both", place=(section.line, 1))


RULE = Rule(
    "SC004",
    "error",
    "template",
    what="Rollback has a trigger, numbered steps, an owner, a time and a verification.",
    why="It is read in a hurry, by whoever is on call.",
    how="Write **Trigger**, **Owner**, **Time** (that of `risk.rollback_minutes`), numbered steps, **Verification**.",
    check=_check,
    examples=(
        Example(wrong="When a golden task fails", right="**Trigger**: a golden task fails"),
        Example(wrong="- Revert the commit", right="1. Revert the commit"),
        Example(wrong="Somebody does it. **Time**", right="**Owner**: the team that owns the prompt. **Time**"),
        Example(wrong="**Time**: not long.", right="**Time**: 5 minutes."),
        Example(wrong="**Time**: 2 hours.", right="**Time**: 5 minutes."),
        Example(wrong="Then input tokens", right="**Verification**: input tokens"),
    ),
)
