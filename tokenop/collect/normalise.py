"""What a mapping returned → candidates for events: one meaning of tokens, times, costs and identities.

Values are read here with their types, the text of what cannot be read is kept; whether a candidate is a sound event is
then decided by the same SQL that validates logs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tokenop.collect import times
from tokenop.collect.manifest import Manifest
from tokenop.collect.options import Options
from tokenop.database import quoted
from tokenop.events import sql as event_sql
from tokenop.events.schema import Column, columns

# Fields that say `unknown` where the source is silent; ids and times have no such word.
UNKNOWN = ("intent", "provider", "model", "endpoint", "region", "tenant")
# What the mapping may return beside fields of the event.
CONTROL = {
    "_file": "VARCHAR",
    "_line": "BIGINT",
    "_filter": "VARCHAR",
    "_reject": "VARCHAR",
    "_exclusive": "BOOLEAN",
    "_duplicate_key": "VARCHAR",
    "_rank": "DOUBLE",
}
_COUNTS = ("input_tokens", "output_tokens")
CACHED = ("cache_read_input_tokens", "cache_creation_input_tokens")
_LOCAL = r"(^|[^a-z0-9])(ollama(_chat)?|vllm|llama[-_.]?cpp|lm[_-]?studio|localhost|local|self[_-]?hosted)([^a-z0-9]|$)"
_NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?"


def select(
    manifest: Manifest, options: Options, mapped: Mapping[str, str], present: Collection[str], relation: str
) -> tuple[str, dict[str, event_sql.Form]]:
    """Return the SELECT of candidates for events from `relation`, and the forms of their fields; see `candidates`."""
    fields = [column for column in columns() if column.name in {*present, *CACHED, "cache_hit"}]
    told = Told(lambda name: _said(name, manifest), _zero_cost(manifest, options), _problems(options))
    return candidates(manifest, options, mapped, fields, present, relation, told)


@dataclass(frozen=True, slots=True)
class Told:
    """What a record says beyond its values: SQL of a field's final value, of `_zero_cost`, and of the first problem."""

    said: Callable[[str], str]
    zero_cost: str
    problems: str


def candidates(
    manifest: Manifest,
    options: Options,
    mapped: Mapping[str, str],
    fields: Sequence[Column],
    present: Collection[str],
    relation: str,
    told: Told,
) -> tuple[str, dict[str, event_sql.Form]]:
    """Return the SELECT of candidates from `relation`, whose columns and types are `mapped`, and the fields' forms.

    It yields the fields `present`, of `fields`: strings as they are, all others parsed, beside the text of what could
    not be. A value that the mapping returns with the field's own type is not looked at twice. Beside the fields:
    `_file`, `_line`, `_filter`, `_digest` (of the mapped values, where something depends on it), `_derived` (the id is
    ours), `_zero_cost` (a recorded 0 was taken as unknown), `_duplicate_key`, `_rank` and the first problem found:
    `_rule`, `_field`, `_message`, `_fix`.
    """
    taken = ",\n".join(f"{_taken(column, mapped)} AS {column.name}" for column in fields)
    control = ",\n".join(
        f"CAST({name if name in mapped else 'NULL'} AS {kind}) AS {name}" for name, kind in CONTROL.items()
    )
    set_values = ",\n".join(f"{_constant(column, options)} AS {column.name}" for column in fields)
    exact = {c.name for c in fields if _exact(c, mapped) and c.name not in options.constants}
    parsed = ",\n".join(_parsed(column, column.name in exact, options) for column in fields)
    settled = ",\n".join(_settled(column, told) for column in fields if column.name in present)
    kept = ", ".join((*CONTROL, "_digest"))
    sql = f"""
        WITH taken AS (SELECT {taken},\n{control} FROM {relation}),
        digested AS (SELECT *, {_digest(manifest, fields, mapped)} AS _digest FROM taken),
        given AS (SELECT {set_values},\n{kept} FROM digested),
        parsed AS (SELECT {parsed},\n{kept} FROM given),
        zero AS (SELECT *, {told.zero_cost} AS _zero_cost FROM parsed)
        SELECT {settled},
            _file, _line, _filter, _digest, id IS NULL AS _derived, _zero_cost, _duplicate_key, _rank,
            {told.problems}
        FROM zero"""
    forms: dict[str, event_sql.Form] = {
        c.name: "typed" if event_sql.kind(c) == "string" else "parsed" for c in fields if c.name in present
    }
    return sql, forms


def _exact(column: Column, mapped: Mapping[str, str]) -> bool:
    """Tell whether the mapping returns the field with a type that loses nothing as the field's own."""
    kind = mapped.get(column.name, "")
    family = event_sql.kind(column)
    whole = kind.removeprefix("U") in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
    if family in ("integer", "number"):
        return whole or (family == "number" and (kind == "DOUBLE" or kind.startswith("DECIMAL")))
    return kind == {"time": "TIMESTAMP WITH TIME ZONE", "boolean": "BOOLEAN", "list": "VARCHAR[]"}.get(family)


def _taken(column: Column, mapped: Mapping[str, str]) -> str:
    """Return SQL for the mapped value: with its own type where that is exact, else as text, nothing being NULL."""
    name = column.name
    if name not in mapped:
        return "CAST(NULL AS VARCHAR)"
    if _exact(column, mapped):
        return name
    return _as_text(column, mapped)


def _as_text(column: Column, mapped: Mapping[str, str]) -> str:
    name = column.name
    value = f"CAST(to_json({name}) AS VARCHAR)" if mapped[name].endswith("]") else f"CAST({name} AS VARCHAR)"
    return value if name in ("prompt", "output") else f"nullif(trim({value}), '')"


def _digest(manifest: Manifest, fields: Iterable[Column], mapped: Mapping[str, str]) -> str:
    """Return SQL for a digest of the mapped values, where ids or the order of rows depend on it."""
    # Absent values do not take part, so that a field which the event gains later changes no id.
    content = ", ".join(f"{quoted(c.name + '=')} || {_as_text(c, mapped)}" for c in fields if c.name in mapped) or "''"
    digest = f"md5(concat_ws(chr(31), {content}))"
    return digest if manifest.rows == "expanded" or "id" not in mapped else f"CASE WHEN id IS NULL THEN {digest} END"


def _constant(column: Column, options: Options) -> str:
    name = column.name
    if name not in options.constants:
        return name
    constant = quoted(options.constants[name])
    return f"coalesce(CAST({name} AS VARCHAR), {constant})" if options.maps.get(name) else constant


def _parsed(column: Column, exact: bool, options: Options) -> str:
    """Return SQL for a value, of the field's type, and for the text that could not be read as it."""
    name, kind = column.name, column.duckdb
    if event_sql.kind(column) == "string":
        return name
    unread = event_sql.given(name)
    if exact:
        # Rounding and range of whole numbers are judged before they become the field's own type.
        return f"{name}, CAST(NULL AS VARCHAR) AS {unread}"
    value = times.utc(name, options) if event_sql.kind(column) == "time" else _value(name, kind)
    return f"{value} AS {name}, CASE WHEN ({value}) IS NULL THEN {name} END AS {unread}"


def _value(name: str, kind: str) -> str:
    """Return SQL that reads a text as the one value of its type that it can mean, else NULL."""
    if kind in ("BIGINT", "INTEGER"):
        whole = f"TRY_CAST({name} AS DECIMAL(38,9))"
        # TRY_CAST would take `12.7` for 13 and `1_000` for 1000: written again, a sound count is what it was.
        return (
            f"CASE WHEN CAST(TRY_CAST({name} AS BIGINT) AS VARCHAR) = {name} THEN CAST({name} AS HUGEINT) "
            f"WHEN regexp_full_match({name}, {quoted(_NUMBER)}) AND {whole} = TRY_CAST({whole} AS HUGEINT) "
            f"THEN TRY_CAST({whole} AS HUGEINT) END"
        )
    if kind.startswith("DECIMAL"):
        # Text with more digits than the type has was a float once; DuckDB rounds floats forty times faster than text.
        return (
            f"CASE WHEN regexp_full_match({name}, '\\d{{1,20}}(\\.\\d{{1,12}})?') THEN TRY_CAST({name} AS {kind}) "
            f"WHEN regexp_full_match({name}, '[+-]?\\d*\\.?\\d{{0,12}}') THEN TRY_CAST({name} AS {kind}) "
            f"WHEN regexp_full_match({name}, {quoted(_NUMBER)}) THEN TRY_CAST(TRY_CAST({name} AS DOUBLE) AS {kind}) END"
        )
    if kind == "DOUBLE":
        return f"CASE WHEN regexp_full_match({name}, {quoted(_NUMBER)}) THEN TRY_CAST({name} AS DOUBLE) END"
    if kind == "BOOLEAN":
        return (
            f"CASE WHEN lower({name}) IN ('true', 't', 'yes', 'y', '1') THEN true "
            f"WHEN lower({name}) IN ('false', 'f', 'no', 'n', '0') THEN false END"
        )
    return f"TRY_CAST(TRY_CAST({name} AS JSON) AS VARCHAR[])"


def _zero_cost(manifest: Manifest, options: Options) -> str:
    """Return SQL that is true where a recorded cost of 0 means that nobody knew the price."""
    known = manifest.values(options.settings).get("zero_cost", manifest.zero_cost)
    if known == "free":
        return "false"
    local = f"regexp_matches(lower(concat_ws(' ', provider, model, endpoint)), {quoted(_LOCAL)})"
    used = "coalesce(input_tokens, 0) + coalesce(output_tokens, 0) > 0"
    return (
        f"CASE WHEN cost_usd IS DISTINCT FROM 0 THEN false ELSE cache_hit IS DISTINCT FROM true AND {used} "
        f"AND NOT {local} AND NOT ends_with(coalesce(model, ''), ':free') END"
    )


def _settled(column: Column, told: Told) -> str:
    name = column.name
    unread = "" if event_sql.kind(column) == "string" else f", {event_sql.given(name)}"
    return f"{told.said(name)} AS {name}{unread}"


def _said(name: str, manifest: Manifest) -> str:
    if name == "id":
        return "coalesce(id, 'row-' || _digest || '-1')"
    if name in UNKNOWN:
        return f"coalesce({name}, 'unknown')"
    if name == "input_tokens" and manifest.convention != "inclusive":
        return inclusive(manifest)
    if name == "usage_source":
        told = " AND ".join(f"coalesce({n}::VARCHAR, {event_sql.given(n)}) IS NOT NULL" for n in _COUNTS)
        return f"coalesce(usage_source, CASE WHEN NOT ({told}) THEN 'missing' END)"
    if name == "cost_usd":
        return "CASE WHEN NOT _zero_cost THEN cost_usd END"
    if name == "cost_source":
        silent = f"cost_usd IS NULL AND {event_sql.given('cost_usd')} IS NULL"
        return (
            "CASE WHEN _zero_cost THEN 'unpriced' "
            f"ELSE coalesce(cost_source, CASE WHEN {silent} THEN 'unpriced' ELSE 'reported' END) END"
        )
    return name


def inclusive(manifest: Manifest) -> str:
    """Return SQL for input tokens with the cached ones in it; a count that is no count is left to be refused."""
    parts = ("input_tokens", *CACHED)
    sound = " AND ".join(f"{event_sql.given(name)} IS NULL AND coalesce({name}, 0) >= 0" for name in parts)
    total = " + ".join([f"CAST({parts[0]} AS HUGEINT)", *(f"coalesce({name}, 0)" for name in CACHED)])
    flag = "coalesce(_exclusive, false)" if manifest.convention == "flagged" else "true"
    return f"CASE WHEN {flag} AND {sound} THEN {total} ELSE input_tokens END"


def _problems(options: Options) -> str:
    rule, message, fix = times.problem(event_sql.given("ts"), options)
    return f"""
            CASE WHEN _reject IS NOT NULL THEN 'COLLECTOR' WHEN ts IS NULL THEN {rule} END AS _rule,
            CASE WHEN _reject IS NOT NULL THEN 'row' WHEN ts IS NULL AND {rule} IS NOT NULL THEN 'ts' END AS _field,
            CASE WHEN _reject IS NOT NULL THEN _reject WHEN ts IS NULL THEN {message} END AS _message,
            CASE WHEN _reject IS NULL AND ts IS NULL THEN {fix} END AS _fix"""
