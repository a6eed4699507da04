"""One collector's run: files → staged rows → confined mapping → candidates → judged rows, none of them lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tokenop.collect import confined, dedupe, normalise, privacy, quarantine
from tokenop.collect.manifest import Manifest
from tokenop.collect.options import Options
from tokenop.collect.sources import SourceFile
from tokenop.collect.stage import Progress, Staged, stage
from tokenop.database import identifier, quoted
from tokenop.errors import Finding, FindingsError
from tokenop.events import sql as event_sql
from tokenop.events.schema import EVENT, Record, columns, types

if TYPE_CHECKING:
    import duckdb

RULE = "COLLECTOR-MAP"
NO_CALL = "holds no call"
# What a judged row carries beside the event.
CARRIED = ("_file", "_line", "_filter", "_digest", "_derived", "_zero_cost", "_duplicate_key", "_rank")
_KEYS = ("_duplicate_key", "_rank")
_TOLD = ("_field", "_rule", "_message", "_fix")


@dataclass(frozen=True, slots=True)
class Form:
    """What a collector's rows become: the record, the SELECT of its candidates, fields that each candidate has.

    `select` takes what `normalise.select` takes, and gives the same columns beside the fields of the record.
    """

    record: Record
    select: Callable[[Manifest, Options, Mapping[str, str], Sequence[str], str], tuple[str, dict[str, event_sql.Form]]]
    always: frozenset[str] = frozenset()


EVENTS = Form(EVENT, normalise.select, frozenset({"usage_source", "cost_source"}))


@dataclass(slots=True)
class Collected:
    """What one collector made of its files.

    `rows` is a Parquet file of all mapped rows: the typed event (or usage record) and `_status` (event, duplicate,
    rejected, filtered), `_filter`, `_zero_cost`. `rejected` is a Parquet file with the columns of the quarantine.
    `rows_in` is counted where the rows come in: what becomes of them must add up to it. `empty` counts lines that
    hold no call at all (of collectors whose lines hold many calls).
    """

    manifest: Manifest
    files: int
    rows_in: int
    rows: Path
    rejected: Path
    rejected_early: int
    empty: int
    taken: Mapping[str, str] = field(default_factory=dict)


def collect(
    connection: duckdb.DuckDBPyConnection,
    manifest: Manifest,
    files: Sequence[SourceFile],
    options: Options,
    scratch: Path,
    progress: Progress = lambda _: None,
    seconds: float = 600,
    form: Form = EVENTS,
) -> Collected:
    """Run `manifest`'s collector over `files`; `scratch` is an empty folder of its own.

    map.sql is stopped after `seconds`.

    Raises:
        FindingsError: map.sql is refused, or returns what it may not.
        InputError, MisuseError: a file or an option cannot be used.
    """
    staged = stage(connection, manifest, files, options, scratch, progress)
    progress(f"{manifest.name}: mapping and checking {staged.rows:,} rows")
    judged = scratch / "judged.parquet"
    mapped: dict[str, str] = {}

    def finish(kinds: Mapping[str, str]) -> str:
        _check_columns(manifest, kinds, form)
        mapped.update(kinds)
        return _judged(manifest, options, kinds, form)

    confined.run_map(
        manifest.map_file.read_text(encoding="utf-8"),
        {"source": staged.relation},
        judged,
        manifest.values(options.settings),
        seconds=seconds,
        name=str(manifest.map_file),
        finish=finish,
    )
    relation = f"read_parquet({quoted(str(judged))})"
    returned, empty = _check_rows(connection, manifest, staged, relation)
    rows = scratch / "rows.parquet"
    settled = dedupe.within(connection, manifest, relation, keyed="_duplicate_key" in mapped)
    if settled is None:
        judged.replace(rows)
    else:
        connection.execute(f"COPY ({settled}) TO {quoted(str(rows))} (FORMAT parquet)")
    rejected = _quarantine(connection, manifest, staged, rows, scratch)
    rows_in = (staged.rows if manifest.rows == "one" else returned + empty) + len(staged.rejected)
    return Collected(manifest, len(files), rows_in, rows, rejected, len(staged.rejected), empty, staged.taken)


def _check_columns(manifest: Manifest, kinds: Mapping[str, str], form: Form) -> None:
    allowed = {*types(form.record), *normalise.CONTROL}
    noun = "event" if form.record == EVENT else "usage record"
    problems = [f"returns the column {name}, which the {noun} has not" for name in kinds if name not in allowed]
    problems += [f"must return {name}" for name in ("_file", "_line") if name not in kinds]
    problems += [
        f"returns {name} as {kinds[name]}: it must be {normalise.CONTROL[name]}"
        for name in normalise.CONTROL
        if name in kinds and not _fits(kinds[name], normalise.CONTROL[name])
    ]
    if manifest.convention == "flagged" and "_exclusive" not in kinds:
        problems.append("must return _exclusive, since the convention is flagged")
    if problems:
        raise FindingsError([_finding(manifest, message) for message in problems])


def _fits(kind: str, wanted: str) -> bool:
    """Tell whether every value of the type `kind` can be cast to `wanted`."""
    if wanted == "VARCHAR" or kind in (wanted, '"NULL"'):
        return True
    whole = kind.removeprefix("U") in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
    return wanted != "BOOLEAN" and (whole or (wanted == "DOUBLE" and kind.startswith(("FLOAT", "DOUBLE", "DECIMAL"))))


def _check_rows(
    connection: duckdb.DuckDBPyConnection, manifest: Manifest, staged: Staged, relation: str
) -> tuple[int, int]:
    """Refuse a mapping that loses or invents rows; return how many it returns, how many source rows hold no call."""
    source = f"({staged.relation.select})"
    # Equal sums of hashes say that the rows are the same ones; only otherwise need it be found out which are not.
    sums = "SELECT count(*), sum(hash(_file, _line)::HUGEINT), sum(hash(_line, _file)::HUGEINT) FROM"
    before, after = (connection.execute(f"{sums} {rows}").fetchone() for rows in (source, relation))
    if before == after and before is not None:
        return int(before[0]), 0
    found = connection.execute(f"""
        WITH mapped AS (SELECT _file, _line, count(*) AS times FROM {relation} GROUP BY ALL),
        source AS (SELECT _file, _line FROM {source})
        SELECT count(*) FILTER (mapped._file IS NULL), count(*) FILTER (source._file IS NULL),
               count(*) FILTER (times > 1), coalesce(sum(times), 0),
               min(coalesce(source._file, mapped._file) || ':' || coalesce(source._line, mapped._line))
                   FILTER (mapped._file IS NULL OR source._file IS NULL OR times > 1)
        FROM source FULL JOIN mapped USING (_file, _line)""").fetchone()
    assert found is not None
    lost, invented, repeated, returned, example = found
    if invented:
        raise FindingsError([_finding(manifest, f"returns {invented} rows that no source row has, first {example}")])
    if manifest.rows == "one" and (lost or repeated):
        message = f"must return each source row once: {lost} are lost and {repeated} repeated, first {example}"
        raise FindingsError([_finding(manifest, message, "leave a row out by giving it a _filter")])
    return int(returned), int(lost)


def relation(connection: duckdb.DuckDBPyConnection, part: Collected, record: Record = EVENT) -> str:
    """Return a SELECT of all rows of `part`: every field of the record, what the engine says of each, `_number`."""
    file = quoted(str(part.rows))
    here = {row[0] for row in connection.execute(f"DESCRIBE FROM read_parquet({file})").fetchall()}
    fields = ", ".join(name if name in here else f"NULL::{kind} AS {name}" for name, kind in types(record).items())
    carried = ", ".join(("_status", "_file", "_line", "_filter", "_digest", "_zero_cost", *_TOLD))
    return (
        f"SELECT {fields}, {carried}, {quoted(part.manifest.name)} AS _collector, file_row_number AS _number "
        f"FROM read_parquet({file}, file_row_number = true)"
    )


def _judged(manifest: Manifest, options: Options, kinds: Mapping[str, str], form: Form) -> str:
    """Return the SELECT from `mapped` of typed events, each with its `_status` and what is wrong with it.

    Duplicates are still events here: a row is judged by itself alone.
    """
    present = [
        column.name
        for column in columns(form.record)
        if column.required or column.name in {*kinds, *options.constants, *form.always}
    ]
    select, forms = form.select(manifest, options, kinds, present, "mapped")
    # The field goes before rule and message; the three are taken apart again below.
    checks = [
        replace(check, told=f"{quoted(check.field + event_sql.SEPARATOR)} || {check.told}")
        for check in event_sql.checks(forms, record=form.record)
    ]
    typed = event_sql.typed(f"({select})", forms, [*CARRIED, *_TOLD], form.record)
    split = ("_field", "_rule", "_message")
    judged = ", ".join(
        f"coalesce({name}, nullif(split_part(_problem, chr(31), {n}), '')) AS {name}"
        for n, name in enumerate(split, start=1)
    )
    broken = event_sql.broken(checks)
    carried = [name for name in CARRIED if name not in _KEYS or "_duplicate_key" in kinds]
    status = "CASE WHEN _filter IS NOT NULL THEN 'filtered' WHEN _rule IS NOT NULL THEN 'rejected' ELSE 'event' END"
    # A column without a value costs as much to write as one with many: what is absent here is NULL in `relation`.
    return f"""
        SELECT *, {status} AS _status
        FROM (SELECT {", ".join(present)}, {", ".join(carried)}, {judged}, _fix
              FROM (SELECT *, CASE WHEN _rule IS NULL AND _filter IS NULL THEN {broken} END AS _problem
                    FROM ({typed})))"""


def _quarantine(
    connection: duckdb.DuckDBPyConnection, manifest: Manifest, staged: Staged, rows: Path, scratch: Path
) -> Path:
    early = quarantine.relation(staged.rejected, manifest.name, scratch / "early.jsonl")
    raw, join = "NULL", ""
    rejects = f"(SELECT * FROM read_parquet({quoted(str(rows))}) WHERE _status = 'rejected')"
    if manifest.keep_raw and connection.execute(f"SELECT 1 FROM {rejects} LIMIT 1").fetchone():
        kept = ", ".join(identifier(name) for name in manifest.columns if name not in manifest.private)
        # Longer than it will be: what is cut off before redaction may leave the beginning of a secret.
        row = "CAST(json_merge_patch('{}', to_json(source._row)) AS VARCHAR)"
        raw = privacy.shortened(row, 4 * privacy.RAW_LIMIT)
        join = (
            (
                f"LEFT JOIN (SELECT _file, _line, _row FROM (SELECT _file, _line, {{{_pairs(manifest)}}} AS _row "
                f"FROM ({staged.relation.select}))) AS source USING (_file, _line)"
            )
            if kept
            else ""
        )
    target = scratch / "rejected.parquet"
    connection.execute(f"""
        COPY (
            {early}
            UNION ALL
            SELECT {quoted(manifest.name)}, _file, _line, _field, _rule, _message, _fix, {raw}
            FROM {rejects} {join}
        ) TO {quoted(str(target))} (FORMAT parquet)""")
    return target


def _pairs(manifest: Manifest) -> str:
    return ", ".join(f"{quoted(name)}: {identifier(name)}" for name in manifest.columns if name not in manifest.private)


def _finding(manifest: Manifest, message: str, fix: str = "") -> Finding:
    return Finding(str(manifest.map_file), 0, "map.sql", RULE, "error", message, fix=fix)
