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
_TOLD = ("_field", "_rule", "_message", "_fix")


@dataclass(frozen=True, slots=True)
class Form:
    """What a collector's rows become: the record, the SELECT of its candidates, fields that each candidate has.

    `select` takes what `normalise.select` takes, and gives the same columns beside the fields of the record.
    """

    record: Record
    select: Callable[[Manifest, Options, Mapping[str, str], Sequence[str], str], str]
    always: frozenset[str] = frozenset()


EVENTS = Form(EVENT, normalise.select, frozenset({"usage_source", "cost_source"}))


@dataclass(slots=True)
class Collected:
    """What one collector made of its files.

    `rows` is a Parquet file of all mapped rows: the typed event (or usage record) and `_status` (event, duplicate,
    rejected, filtered), `_filter`, `_zero_cost`, `_number`. `rejected` is a Parquet file with the columns of the
    quarantine. `rows_in` is counted where the rows come in: what becomes of them must add up to it. `empty` counts
    lines that hold no call at all (of collectors whose lines hold many calls).
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
    mapped = scratch / "mapped.parquet"
    progress(f"{manifest.name}: mapping {staged.rows:,} rows")
    text = manifest.map_file.read_text(encoding="utf-8")
    values = manifest.values(options.settings)
    confined.run_map(text, {"source": staged.path}, mapped, values, seconds=seconds, name=str(manifest.map_file))
    relation = f"read_parquet({quoted(str(mapped))})"
    kinds = {str(row[0]): str(row[1]) for row in connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()}
    _check_columns(manifest, kinds, form)
    returned, empty = _check_rows(connection, manifest, staged, relation)
    progress(f"{manifest.name}: checking the calls")
    judged = _judge(connection, manifest, options, kinds, relation, scratch, form)
    rows = scratch / "rows.parquet"
    settled = dedupe.within(manifest, judged, keyed="_duplicate_key" in kinds)
    carried = ", ".join((*types(form.record), "_status", "_file", "_line", "_filter", "_digest", "_zero_cost", *_TOLD))
    connection.execute(
        f"COPY (SELECT {carried}, {quoted(manifest.name)} AS _collector, row_number() OVER () AS _number "
        f"FROM ({settled})) TO {quoted(str(rows))} (FORMAT parquet)"
    )
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
    found = connection.execute(f"""
        WITH mapped AS (SELECT _file, _line, count(*) AS times FROM {relation} GROUP BY ALL),
        source AS (SELECT _file, _line FROM read_parquet({quoted(str(staged.path))}))
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


def _judge(
    connection: duckdb.DuckDBPyConnection,
    manifest: Manifest,
    options: Options,
    kinds: Mapping[str, str],
    relation: str,
    scratch: Path,
    form: Form,
) -> str:
    """Write typed rows with what is wrong with each; return SQL of the relation."""
    given = [name for name in kinds if name in types(form.record)]
    values = ["count(*)", *(f"count({name})" for name in given)]
    counts = connection.execute(f"SELECT {', '.join(values)} FROM {relation}").fetchone()
    filled = {name for name, count in zip(given, (counts or ())[1:], strict=True) if count}
    present = [
        column.name
        for column in columns(form.record)
        if column.required or column.name in {*filled, *options.constants, *form.always}
    ]
    candidates = scratch / "candidates.parquet"
    kept = {name: kind for name, kind in kinds.items() if name in filled or name in normalise.CONTROL}
    select = form.select(manifest, options, kept, present, relation)
    connection.execute(f"COPY ({select}) TO {quoted(str(candidates))} (FORMAT parquet)")
    texts: dict[str, event_sql.Form] = dict.fromkeys(present, "text")
    # The field goes before rule and message; the three are taken apart again below.
    checks = [
        replace(check, told=f"{quoted(check.field + event_sql.SEPARATOR)} || {check.told}")
        for check in event_sql.checks(texts, record=form.record)
    ]
    typed = event_sql.typed(f"read_parquet({quoted(str(candidates))})", texts, [*CARRIED, *_TOLD], form.record)
    split = ("_field", "_rule", "_message")
    judged = ", ".join(
        f"coalesce({name}, nullif(split_part(_problem, chr(31), {n}), '')) AS {name}"
        for n, name in enumerate(split, start=1)
    )
    target = scratch / "judged.parquet"
    connection.execute(f"""
        COPY (
            SELECT {", ".join(types(form.record))}, {", ".join(CARRIED)}, {judged}, _fix
            FROM (SELECT *, CASE WHEN _rule IS NULL AND _filter IS NULL THEN {event_sql.broken(checks)} END AS _problem
                  FROM ({typed}))
        ) TO {quoted(str(target))} (FORMAT parquet)""")
    return f"read_parquet({quoted(str(target))})"


def _quarantine(
    connection: duckdb.DuckDBPyConnection, manifest: Manifest, staged: Staged, rows: Path, scratch: Path
) -> Path:
    early = quarantine.relation(staged.rejected, manifest.name, scratch / "early.jsonl")
    raw, join = "NULL", ""
    if manifest.keep_raw:
        kept = ", ".join(identifier(name) for name in manifest.columns if name not in manifest.private)
        # Longer than it will be: what is cut off before redaction may leave the beginning of a secret.
        row = "CAST(json_merge_patch('{}', to_json(source._row)) AS VARCHAR)"
        raw = privacy.shortened(row, 4 * privacy.RAW_LIMIT)
        join = (
            (
                f"LEFT JOIN (SELECT _file, _line, _row FROM (SELECT _file, _line, {{{_pairs(manifest)}}} AS _row "
                f"FROM read_parquet({quoted(str(staged.path))}))) AS source USING (_file, _line)"
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
            FROM (SELECT * FROM read_parquet({quoted(str(rows))}) WHERE _status = 'rejected') {join}
        ) TO {quoted(str(target))} (FORMAT parquet)""")
    return target


def _pairs(manifest: Manifest) -> str:
    return ", ".join(f"{quoted(name)}: {identifier(name)}" for name in manifest.columns if name not in manifest.private)


def _finding(manifest: Manifest, message: str, fix: str = "") -> Finding:
    return Finding(str(manifest.map_file), 0, "map.sql", RULE, "error", message, fix=fix)
