"""What the untrusted job says to the trusted one: `report.json`, and how little of it is believed."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from tokenop.community.pull_request import fingerprint
from tokenop.community.routing_figures import MOST_CONFIGS, Figures, as_json, from_json
from tokenop.errors import Finding, InputError, Severity

NAME = "report.json"
ARTIFACT = "pull-request-report"
SCHEMA = Path(__file__).with_name("report.schema.json")
LARGEST = 256 * 1024
MOST_FINDINGS, MOST_ECONOMICS = 500, 200
KINDS = ("templates", "evidence", "collectors", "people", "routing")

Percent = tuple[float, float, float]


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A finding without a word of text: which rule, in which file (its path's fingerprint), where."""

    file: str
    line: int
    column: int
    rule: str
    severity: Severity


@dataclass(frozen=True, slots=True)
class Report:
    """What was checked and found, as far as numbers say it.

    `economics`: file → workload → percent saved. `routing`: file → what the changed config does. `day` is the one
    against which freshness was judged.
    """

    head: str
    day: date
    checked: Mapping[str, int]
    marks: tuple[Mark, ...]
    more: int = 0
    economics: Mapping[str, Mapping[str, Percent | None]] = field(default_factory=dict)
    routing: Mapping[str, Figures] = field(default_factory=dict)

    def count(self, severity: str) -> int:
        """Return how many listed findings have this severity."""
        return sum(mark.severity == severity for mark in self.marks)


def mark(finding: Finding) -> Mark:
    """Return what of a finding may leave the job that ran a contributor's code."""
    return Mark(fingerprint(finding.file), finding.line, finding.column, finding.rule, finding.severity)


def of(
    head: str,
    day: date,
    checked: Mapping[str, int],
    findings: Iterable[Finding],
    economics: Mapping[str, Mapping[str, Percent | None]],
    routing: Mapping[str, Figures] | None = None,
) -> Report:
    """Return the report of one run. `economics` and `routing` are by path; errors come first where room is short."""
    marks = sorted({mark(finding) for finding in findings}, key=lambda m: (m.severity, m))
    rows = [
        (path, name, percent) for path, saved in sorted(economics.items()) for name, percent in sorted(saved.items())
    ]
    by_print: dict[str, dict[str, Percent | None]] = {}
    for path, name, percent in rows[:MOST_ECONOMICS]:
        by_print.setdefault(fingerprint(path), {})[name] = percent
    listed = tuple(sorted(marks[:MOST_FINDINGS]))
    routed = {fingerprint(path): one for path, one in sorted((routing or {}).items())[:MOST_CONFIGS]}
    return Report(head, day, dict(checked), listed, len(marks) - len(listed), by_print, routed)


def written(report: Report) -> str:
    """Return the report as JSON text: the same report gives the same bytes."""
    return json.dumps(
        {
            "schema_version": 1,
            "head": report.head,
            "day": report.day.isoformat(),
            "checked": {kind: report.checked.get(kind, 0) for kind in KINDS},
            "findings": [
                {"rule": m.rule, "file": m.file, "line": m.line, "column": m.column, "severity": m.severity}
                for m in report.marks
            ],
            "more_findings": report.more,
            "economics": [
                {"file": file, "workload": workload, "percent": None if percent is None else list(percent)}
                for file, saved in sorted(report.economics.items())
                for workload, percent in sorted(saved.items())
            ],
            "routing": [{"file": file, **as_json(one)} for file, one in sorted(report.routing.items())],
        },
        indent=1,
        allow_nan=False,
    )


def unpacked(archive: bytes) -> bytes:
    """Return the one file of an artifact, read in memory.

    Raises:
        InputError: it is not a zip, holds another or more than one file, or too much.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            entries = opened.infolist()
            if [entry.filename for entry in entries] != [NAME]:
                raise InputError(f"the artifact holds {len(entries)} files, not {NAME} alone")
            # Others are unpacked in one piece, however large that is; GitHub makes none of them.
            if entries[0].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise InputError("the artifact is packed in an unusual way")
            with opened.open(NAME) as file:
                # What the zip says of its own size is not believed: reading stops here.
                text = file.read(LARGEST + 1)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError) as error:
        raise InputError("the artifact is not a sound zip") from error
    if len(text) > LARGEST:
        raise InputError(f"{NAME} is larger than {LARGEST // 1024} KB")
    return text


def read(text: bytes, head: str) -> Report:
    """Return the report that `text` says, checked against its schema and the commit that it must be about.

    Raises:
        InputError: it is anything but a report on `head`. No part of the text is repeated.
    """
    try:
        content = json.loads(text.decode("utf-8"), object_pairs_hook=_once, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{NAME} is not sound JSON") from error
    if not _validator().is_valid(content):
        raise InputError(f"{NAME} does not keep to its schema")
    if content["head"] != head:
        raise InputError(f"{NAME} is about another commit")
    marks = [Mark(f["file"], int(f["line"]), int(f["column"]), f["rule"], f["severity"]) for f in content["findings"]]
    economics: dict[str, dict[str, Percent | None]] = {}
    for entry in content["economics"]:
        percent = entry["percent"]
        low, expected, high = percent or (0.0, 0.0, 0.0)
        of_file = economics.setdefault(entry["file"], {})
        of_file[entry["workload"]] = None if percent is None else (float(low), float(expected), float(high))
    routing = {entry["file"]: from_json(entry) for entry in content["routing"]}
    checked = {kind: int(number) for kind, number in content["checked"].items()}
    try:
        day = date.fromisoformat(content["day"])
    except ValueError as error:
        raise InputError(f"{NAME} names no day of the calendar") from error
    return Report(head, day, checked, tuple(sorted(set(marks))), int(content["more_findings"]), economics, routing)


def comparable(rule: str) -> bool:
    """Return whether a finding of `rule` must come out the same on both sides: the engine and collectors run on one."""
    from tokenop.catalogue.rules import RULES
    from tokenop.routing import lint

    if rule in lint.RULES:
        return True
    known = RULES.get(rule)
    # How many findings of a file are left out depends on those of the engine.
    return known is not None and not known.replays and not known.weekly and rule != "FM099"


def unlike(report: Report, relinted: Iterable[Finding], files: Sequence[str]) -> tuple[Mark, ...]:
    """Return what only one of two says of `files` (paths): the contributor's own run, and main's linter.

    Where either listed not all findings of a file, what is left out cannot be compared.
    """
    looked_at = {fingerprint(path) for path in files}
    ours = {mark(finding) for finding in relinted}
    cut = {m.file for m in (*report.marks, *ours) if m.rule == "FM099"}
    both = {m for m in report.marks if m.file in looked_at} ^ {m for m in ours if m.file in looked_at}
    return tuple(sorted(m for m in both if comparable(m.rule) and m.file not in cut))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a name twice")
    return dict(pairs)


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


@cache
def _validator() -> Any:
    import jsonschema_rs

    return jsonschema_rs.validator_for(json.loads(SCHEMA.read_text(encoding="utf-8")))
