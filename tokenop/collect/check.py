"""Holding a collector against its own sample: what it must find there stands beside it.

Beside what the sample gives, its manifest is held against licence, hosts, rights and map.sql (`check_manifest`,
`check_columns`), and the sample is run with its rows made wrong (`check_survival`).
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tokenop import database, sqltree
from tokenop.collect import (
    check_columns,
    check_manifest,
    check_resources,
    check_survival,
    engine,
    manifest,
    settling,
    sources,
    usage,
)
from tokenop.collect.manifest import Manifest
from tokenop.collect.options import Options
from tokenop.database import quoted
from tokenop.errors import Finding, FindingsError, InputError, TokenOpError
from tokenop.events.schema import EVENT, USAGE, columns
from tokenop.events.usage import ORDER, as_json

EXPECTED = "expected.jsonl"
EXPECTED_INVENTORY = "expected.yaml"
SAMPLE_RULE, EXPECTED_RULE, FILES_RULE, MAP_RULE = (
    "COLLECTOR-SAMPLE",
    "COLLECTOR-EXPECTED",
    "COLLECTOR-FILES",
    "COLLECTOR-MAP",
)
_MOST_DIFFERENCES = 20
# What is checked may come from anyone: a sample is a few rows, and a map.sql that needs long for them is wrong.
_LARGEST_SAMPLE = 1_000_000
_SECONDS = 60
# Enough for each kind of mutation a few times; more are in tests/benchmarks/bench_mutations.py.
MUTANTS = 96


@dataclass(frozen=True, slots=True)
class Difference:
    """What one expected record and what the sample gives disagree in: (field, expected, given)."""

    record: str
    line: int
    fields: tuple[tuple[str, Any, Any], ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """The result for one collector. The counts are those of its sample, absent where it could not run."""

    name: str
    findings: tuple[Finding, ...]
    counts: dict[str, int]
    mutated: dict[str, int] = field(default_factory=dict)
    differences: tuple[Difference, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "collector": self.name,
            "ok": not self.findings,
            "counts": self.counts,
            "mutated": self.mutated,
            "findings": [finding.as_dict() for finding in self.findings],
            "differences": [
                {
                    "record": difference.record,
                    "line": difference.line,
                    "fields": [{"field": n, "expected": one, "got": other} for n, one, other in difference.fields],
                }
                for difference in self.differences
            ],
        }


def check(folder: Path, extractors: Mapping[str, str] | None = None, mutants: int = 0) -> Checked:
    """Check the collector in `folder`: manifest, map.sql, that its sample gives what is expected, mutated or not.

    Args:
        folder: the collector.
        extractors: the text of the module that extracts, by collector; None leaves out what needs it.
        mutants: rows of the sample that are made wrong, of a collector that is right so far (such as `MUTANTS`).
    """
    readme = folder / "README.md"
    if readme.is_symlink():
        return Checked(
            folder.name, (_finding(readme, FILES_RULE, "is a symbolic link; put the file itself there"),), {}
        )
    try:
        found = manifest.load(folder)
    except FindingsError as error:
        return Checked(folder.name, error.findings, {})
    except InputError as error:
        return Checked(folder.name, (_finding(folder / "README.md", FILES_RULE, str(error)),), {})
    extracted = None if extractors is None else extractors.get(found.name)
    said = list(check_manifest.problems(found, extractors is None or extracted is not None))
    problems = list(_files(found)) or list(_types(found)) or list(_map(found))
    if problems:
        return Checked(found.name, (*said, *problems), {})
    if found.kind != "inventory":
        said += check_columns.problems(found, extracted)
    return _tried(found, said, mutants)


def _tried(found: Manifest, said: list[Finding], mutants: int) -> Checked:
    """Return what running the collector adds to what is said of its files already."""
    try:
        events, counts = outcome(found)
    except FindingsError as error:
        unbound = any(finding.rule == "sql-binder" for finding in error.findings)
        named = check_columns.undeclared(found) if unbound else []
        return Checked(found.name, (*said, *(named or error.findings)), {})
    except TokenOpError as error:
        return Checked(found.name, (*said, _finding(_sample(found), SAMPLE_RULE, str(error))), {})
    differences: list[Difference] = []
    said += _differences(found, events, differences)
    survived: dict[str, int] = {}
    if mutants and not said:
        over = check_resources.problems if found.kind == "inventory" else check_survival.problems
        wrong, result = over(found, _samples(found), mutants)
        said += wrong
        survived = result.as_dict() if result else {}
    return Checked(found.name, tuple(said), counts, survived, tuple(differences))


def outcome(collector: Manifest) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Return what the collector's sample gives, in order, and the counts.

    These are events in order of time and id, usage records in order of their periods, or one inventory as a whole.
    """
    if collector.kind == "inventory":
        return _inventory(collector)
    record = EVENT if collector.kind == "events" else USAGE
    run_over = engine.collect if record == EVENT else usage.collect
    with tempfile.TemporaryDirectory(prefix="tokenop-check-") as folder, database.connect() as connection:
        scratch = Path(folder)
        files = sources.find(collector, [_sample(collector)], scratch)
        # Where a sample lies must not show in what it gives.
        files = [sources.SourceFile(file.path, _sample(collector).name, file.kind) for file in files]
        collected = run_over(connection, collector, files, Options(), scratch, seconds=_SECONDS)
        settling.settle(connection, [collected], Options(), record)
        counted = settling.count(connection, [collected], record)
        target = scratch / "given.jsonl"
        settled = settling.table("settled", record)
        values, order = _events_as_json() if record == EVENT else _usage_as_json()
        connection.execute(
            f"COPY (SELECT {values} FROM (SELECT * FROM {settled} WHERE _status = 'event' ORDER BY {order})) "
            f"TO {quoted(str(target))} (FORMAT json)"
        )
        lines = target.read_text(encoding="utf-8").splitlines()
        required = {column.name for column in columns(record) if column.required}
        given = [_plain(json.loads(line), required) for line in lines]
    counts = {
        "rows_in": counted.rows_in,
        **({"events": counted.events} if record == EVENT else {"records": counted.records}),
        "duplicates": counted.duplicates,
        "rejected": counted.rejected,
        "filtered": counted.filtered,
    }
    return given, counts


def _events_as_json() -> tuple[str, str]:
    values = ", ".join(
        f"strftime(ts AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ') AS {column.name}" if column.name == "ts"
        else f"CAST({column.name} AS DOUBLE) AS {column.name}" if column.duckdb.startswith("DECIMAL")
        else column.name
        for column in columns()
    )  # fmt: skip
    return values, "ts, id"


def _usage_as_json() -> tuple[str, str]:
    return ", ".join(as_json(column.name) for column in columns(USAGE)), ORDER


def _inventory(collector: Manifest) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Return the inventory of all samples together, without the path under which they lie."""
    from tokenop import inventory

    kind: sources.Kind = "json"
    files = [sources.SourceFile(sample, sample.name, kind) for sample in _samples(collector)]
    found = inventory.collect(files, settings=collector.values({}))
    document: dict[str, Any] = yaml_value(found.yaml)
    return [document], {key: found.counts[key] for key in ("rows_in", "listed", "skipped")}


def yaml_value(text: str) -> Any:
    """Return what a YAML text holds."""
    import yaml

    return yaml.safe_load(text)


def expected_file(collector: Manifest) -> Path:
    """Return where it stands what the sample must give."""
    return collector.folder / (EXPECTED_INVENTORY if collector.kind == "inventory" else EXPECTED)


def render(collector: Manifest, given: list[dict[str, Any]]) -> str:
    """Return the content of the expected file for what the sample gives."""
    if collector.kind == "inventory":
        from tokenop.inventory.text import dump

        return "".join(map(dump, given))
    return "".join(json.dumps(event, ensure_ascii=False) + "\n" for event in given)


def _plain(event: dict[str, Any], required: set[str]) -> dict[str, Any]:
    """Leave out what is absent, but never one of the fields that every record states."""
    return {name: value for name, value in event.items() if value is not None or name in required}


def _sample(collector: Manifest) -> Path:
    found = sorted(collector.folder.glob("sample.*"))
    return found[0] if found else collector.folder / "sample.jsonl"


def _samples(collector: Manifest) -> list[Path]:
    """Return all samples: an inventory has one of each form that it reads (sample.json, sample-plan.json …)."""
    if collector.kind != "inventory":
        return [_sample(collector)]
    return sorted(collector.folder.glob("sample*")) or [_sample(collector)]


def _files(collector: Manifest) -> Iterator[Finding]:
    code = () if collector.kind == "inventory" else (collector.map_file,)
    for path in (*code, *_samples(collector), expected_file(collector)):
        if path.is_symlink():
            # It could point at any file of whoever runs the check, and findings quote what is in it.
            yield _finding(path, FILES_RULE, "is a symbolic link; put the file itself there")
        elif not path.is_file():
            fix = "write it: tokenop collectors check --update" if path == expected_file(collector) else ""
            yield Finding(str(path), 0, path.name, FILES_RULE, "error", "is missing", fix=fix)
        elif path.stat().st_size > _LARGEST_SAMPLE:
            yield _finding(path, FILES_RULE, f"is larger than {_LARGEST_SAMPLE // 1000:,} KB; a few rows are enough")


def _types(collector: Manifest) -> Iterator[Finding]:
    import duckdb

    with database.connect() as connection:
        for name, kind in collector.columns.items():
            try:
                connection.execute(f"SELECT CAST(NULL AS {kind})")
            except duckdb.Error as error:
                message = f"input.columns.{name}: {kind} is not a type: {str(error).splitlines()[0]}"
                yield _finding(collector.folder / "README.md", manifest.RULE, message)


def _map(collector: Manifest) -> Iterator[Finding]:
    if collector.kind == "inventory":
        return  # read by code of this program, which nobody contributes as data
    try:
        text = collector.map_file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        yield _finding(collector.map_file, MAP_RULE, f"cannot be read: {error}")
        return
    for problem in sqltree.check_select(
        text, {"source": collector.staged_columns}, {setting.name for setting in collector.settings}
    ):
        line = 0 if problem.position is None else text.count("\n", 0, problem.position) + 1
        yield Finding(str(collector.map_file), line, "map.sql", MAP_RULE, "error", problem.message, fix=problem.fix)


def _differences(collector: Manifest, events: list[dict[str, Any]], differences: list[Difference]) -> Iterator[Finding]:
    """Yield a finding for each record that is not as expected; `differences` takes up what makes it so."""
    path = expected_file(collector)
    if collector.kind == "inventory":
        yield from _inventory_differences(path, events, differences)
        return
    expected: list[tuple[int, dict[str, Any]]] = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            event = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield _finding(path, EXPECTED_RULE, f"is not JSON: {error}", number)
            return
        if not isinstance(event, dict):
            yield _finding(path, EXPECTED_RULE, "is JSON, but not an object", number)
            return
        expected.append((number, event))
    given = {str(event["id"]): event for event in events}
    wanted = {str(event.get("id")): (line, event) for line, event in expected}
    for name, (place, event) in wanted.items():
        if event != given.get(name):
            differences.append(_difference(name, place, event, given.get(name)))
    differences += [
        _difference(name, len(expected), None, event) for name, event in given.items() if name not in wanted
    ]
    del differences[_MOST_DIFFERENCES:]
    for difference in differences:
        yield _finding(path, EXPECTED_RULE, _told(difference, wanted, given), difference.line)


def _told(difference: Difference, wanted: Mapping[str, object], given: Mapping[str, object]) -> str:
    if difference.record not in given:
        return f"the sample does not give {difference.record}"
    if difference.record not in wanted:
        return f"the sample also gives {difference.record}, which is not expected"
    parts = [f"{name}: expected {json.dumps(one)}, got {json.dumps(other)}" for name, one, other in difference.fields]
    return f"{difference.record}: {'; '.join(parts)}"


def _inventory_differences(path: Path, given: list[dict[str, Any]], differences: list[Difference]) -> Iterator[Finding]:
    """Yield a finding for each value of the inventory that is not as expected, named by its path."""
    import yaml

    try:
        expected = yaml_value(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        yield _finding(path, EXPECTED_RULE, f"is not YAML: {error}")
        return
    (document,) = given
    found = list(_paths(expected, document, ""))
    for place, wanted, got in found[:_MOST_DIFFERENCES]:
        differences.append(Difference(place, 0, ((place, wanted, got),)))
        yield _finding(path, EXPECTED_RULE, f"{place}: expected {json.dumps(wanted)}, got {json.dumps(got)}")


def _paths(expected: Any, given: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """Yield path, expected and given value wherever two documents differ."""
    if isinstance(expected, dict) and isinstance(given, dict):
        for name in (*expected, *(name for name in given if name not in expected)):
            yield from _paths(expected.get(name), given.get(name), f"{path}.{name}" if path else str(name))
    elif isinstance(expected, list) and isinstance(given, list) and len(expected) == len(given):
        for index, (one, other) in enumerate(zip(expected, given, strict=True)):
            yield from _paths(one, other, f"{path}[{index}]")
    elif expected != given:
        yield path or "document", expected, given


def _difference(name: str, line: int, wanted: dict[str, Any] | None, given: dict[str, Any] | None) -> Difference:
    one, other = wanted or {}, given or {}
    keys = sorted({*one, *other})
    return Difference(name, line, tuple((k, one.get(k), other.get(k)) for k in keys if one.get(k) != other.get(k)))


def _finding(path: Path, rule: str, message: str, line: int = 0) -> Finding:
    return Finding(str(path), line, path.name, rule, "error", message)
