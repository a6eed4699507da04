"""What the job that checks a pull request prints: annotations on its lines, the log, the summary of the job."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import TypeVar

from tokenop.catalogue.linting.text import commands
from tokenop.community.comment_words import ALARMS
from tokenop.community.report import Percent
from tokenop.community.routing_figures import Figures
from tokenop.community.routing_figures import lines as told
from tokenop.community.text import cell, counted, table
from tokenop.errors import Finding
from tokenop.planning.text import visible

MOST_LISTED = 200
# GitHub takes `::` for a command where a line begins with it, and `##[` anywhere.
_COMMAND = re.compile(r":(?=:)|#(?=#\[)")
T = TypeVar("T")


def annotated(findings: Iterable[Finding]) -> list[str]:
    """Return workflow commands that show findings at their lines; names that are no text are made some."""
    return [_text(line) for line in commands(spread(sorted(findings), lambda found: found.file))]


def spread(items: Sequence[T], file: Callable[[T], str]) -> list[T]:
    """Return items so that the first of each file come first: where few are shown, no one file takes all places."""
    seen: Counter[str] = Counter()
    ranked = []
    for place, item in enumerate(items):
        ranked.append((seen[file(item)], place))
        seen[file(item)] += 1
    return [items[place] for _, place in sorted(ranked)]


def _text(name: str) -> str:
    return name.encode("utf-8", "replace").decode("utf-8")


def logged(text: str) -> str:
    """Return one line of a log in which no command of GitHub's begins, whatever the text holds."""
    return _COMMAND.sub("\\g<0>\N{WORD JOINER}", " ".join(visible(_text(text)).splitlines()).rstrip())


def summary(
    head: str,
    checked: Mapping[str, int],
    findings: Sequence[Finding],
    economics: Mapping[str, Mapping[str, Percent | None]],
    routing: Mapping[str, Figures] | None = None,
) -> str:
    """Return the summary of the job in markdown."""
    errors = sum(found.severity == "error" for found in findings)
    verdict = "Not passed" if errors else "Passed" if any(checked.values()) else "Nothing to check"
    if not errors and any(found.rule in ALARMS for found in findings):
        verdict = "No errors, but read this yourself"
    looked = ", ".join(f"{kind}: {number}" for kind, number in checked.items() if number)
    lines = [
        f"### {verdict}: {counted(errors, 'error')}, {counted(len(findings) - errors, 'warning')}",
        "",
        f"Commit `{head[:10]}`. {looked or 'No template, routing config, evidence or collector is changed.'}",
        "",
    ]
    if findings:
        rows = [_row(found) for found in sorted(findings, key=lambda f: (f.severity, f))[:MOST_LISTED]]
        lines += table(("where", "rule", "what", "fix"), rows)
    if economics:
        lines += ["", *table(("template", "workload", "expected #", "P10 to P90 #"), economic_rows(economics))]
    for path, figures in sorted((routing or {}).items()):
        lines += ["", f"What {cell(_text(path))} does:", "", *told(figures)]
    return "\n".join(lines) + "\n\n"


def _row(found: Finding) -> tuple[str, ...]:
    place = ":".join(str(part) for part in (found.file, found.line, found.column) if part)
    return (
        cell(_text(place)),
        f"{found.severity} {cell(found.rule)}",
        cell(_text(f"{found.field}: {found.message}")),
        cell(found.fix),
    )


def economic_rows(economics: Mapping[str, Mapping[str, Percent | None]]) -> list[tuple[str, ...]]:
    """Return template, workload, expected saving and its range, each fit for a cell."""
    rows: list[tuple[str, ...]] = []
    for path, saved in sorted(economics.items()):
        for workload, percent in sorted(saved.items()):
            expected, between = "stays silent", ""
            if percent is not None:
                expected, between = f"{percent[1]:.1f} %", f"{percent[0]:.1f} to {percent[2]:.1f} %"
            rows.append((cell(_text(PurePosixPath(path).stem)), cell(workload), expected, between))
    return rows
