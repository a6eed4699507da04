"""What a mapping returned → candidates for events: one meaning of tokens, times, costs and identities.

All values stay text here; whether a candidate is a sound event is then decided by the same SQL that validates logs.
"""

from __future__ import annotations

from collections.abc import Mapping

from tokenop.collect import times
from tokenop.collect.manifest import Manifest
from tokenop.collect.options import Options
from tokenop.database import quoted
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
_CACHED = ("cache_read_input_tokens", "cache_creation_input_tokens")
_LOCAL = r"(^|[^a-z0-9])(ollama(_chat)?|vllm|llama[-_.]?cpp|lm[_-]?studio|localhost|local|self[_-]?hosted)([^a-z0-9]|$)"
_NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?"


def select(manifest: Manifest, options: Options, mapped: Mapping[str, str], relation: str) -> str:
    """Return the SELECT of candidates from `relation`, whose columns and types are `mapped`.

    `id` is never null: one derived from the row lacks its occurrence number still.
    It yields every field of the event as text, and `_file`, `_line`, `_filter`, `_digest` (of the mapped values),
    `_derived` (the id is ours), `_zero_cost` (a recorded 0 was taken as unknown), `_duplicate_key`, `_rank` and the
    first problem found: `_rule`, `_field`, `_message`, `_fix`.
    """
    fields = columns()
    taken = ",\n".join(f"{_text(column, mapped)} AS {column.name}" for column in fields)
    control = ",\n".join(
        f"CAST({name if name in mapped else 'NULL'} AS {kind}) AS {name}" for name, kind in CONTROL.items()
    )
    # Absent values do not take part, so that a field which the event gains later changes no id.
    content = ", ".join(f"{quoted(column.name + '=')} || {column.name}" for column in fields)
    set_values = ",\n".join(f"{_constant(column.name, options)} AS {column.name}" for column in fields)
    numbers = ",\n".join(f"{_canonical(column)} AS {column.name}" for column in fields)
    settled = ",\n".join(f"{_settled(column.name, manifest, options)} AS {column.name}" for column in fields)
    return f"""
        WITH taken AS (SELECT {taken},\n{control} FROM {relation}),
        digested AS (SELECT *, md5(concat_ws(chr(31), {content})) AS _digest FROM taken),
        given AS (SELECT {set_values},\n{", ".join(CONTROL)}, _digest FROM digested),
        numbers AS (SELECT {numbers},\nts AS _given_ts,\n{", ".join(CONTROL)}, _digest FROM given),
        zero AS (SELECT *, {_zero_cost(manifest, options)} AS _zero_cost FROM numbers)
        SELECT {settled},
            _file, _line, _filter, _digest, id IS NULL AS _derived, _zero_cost, _duplicate_key, _rank,
            {_problems(options)}
        FROM zero"""


def _text(column: Column, mapped: Mapping[str, str]) -> str:
    if column.name not in mapped:
        return "CAST(NULL AS VARCHAR)"
    kind = mapped[column.name]
    value = f"CAST(to_json({column.name}) AS VARCHAR)" if kind.endswith("]") else f"CAST({column.name} AS VARCHAR)"
    return value if column.name in ("prompt", "output") else f"nullif(trim({value}, ' \t\r\n'), '')"


def _constant(name: str, options: Options) -> str:
    if name not in options.constants:
        return name
    constant = quoted(options.constants[name])
    return f"coalesce({name}, {constant})" if options.maps.get(name) else constant


def _canonical(column: Column) -> str:
    """Return SQL that writes a value the one way of its type; what is not of the type stays as it is, to be refused."""
    name, kind = column.name, column.duckdb
    if name == "ts":
        return name
    if kind in ("BIGINT", "INTEGER"):
        return (
            f"CASE WHEN {name} IS NULL OR regexp_full_match({name}, '0|[1-9]\\d{{0,17}}') THEN {name} "
            f"WHEN regexp_full_match({name}, {quoted(_NUMBER)}) AND TRY_CAST({name} AS DECIMAL(38,9)) "
            f"= TRY_CAST(TRY_CAST({name} AS DECIMAL(38,9)) AS HUGEINT) "
            f"THEN CAST(TRY_CAST(TRY_CAST({name} AS DECIMAL(38,9)) AS HUGEINT) AS VARCHAR) ELSE {name} END"
        )
    if kind.startswith("DECIMAL"):
        return (
            f"CASE WHEN regexp_full_match({name}, {quoted(_NUMBER)}) "
            f"THEN coalesce(CAST(TRY_CAST({name} AS {kind}) AS VARCHAR), {name}) ELSE {name} END"
        )
    if kind == "DOUBLE":
        return (
            f"CASE WHEN regexp_full_match({name}, {quoted(_NUMBER)}) "
            f"THEN coalesce(CAST(TRY_CAST({name} AS DOUBLE) AS VARCHAR), {name}) ELSE {name} END"
        )
    if kind == "BOOLEAN":
        return (
            f"CASE WHEN lower({name}) IN ('true', 't', 'yes', 'y', '1') THEN 'true' "
            f"WHEN lower({name}) IN ('false', 'f', 'no', 'n', '0') THEN 'false' ELSE {name} END"
        )
    if kind.endswith("[]"):
        return f"coalesce(CAST(to_json(TRY_CAST(TRY_CAST({name} AS JSON) AS VARCHAR[])) AS VARCHAR), {name})"
    return name


def _zero_cost(manifest: Manifest, options: Options) -> str:
    """Return SQL that is true where a recorded cost of 0 means that nobody knew the price."""
    known = manifest.values(options.settings).get("zero_cost", manifest.zero_cost)
    if known == "free":
        return "false"
    local = f"regexp_matches(lower(concat_ws(' ', provider, model, endpoint)), {quoted(_LOCAL)})"
    return (
        "coalesce(TRY_CAST(cost_usd AS DECIMAL(20,12)) = 0 AND cache_hit IS DISTINCT FROM 'true' "
        "AND coalesce(TRY_CAST(input_tokens AS DOUBLE), 0) + coalesce(TRY_CAST(output_tokens AS DOUBLE), 0) > 0 "
        f"AND NOT {local} AND NOT ends_with(coalesce(model, ''), ':free'), false)"
    )


def _settled(name: str, manifest: Manifest, options: Options) -> str:
    if name == "id":
        return "coalesce(id, 'row-' || _digest)"
    if name == "ts":
        return f"coalesce({times.utc('_given_ts', options)}, _given_ts)"
    if name in UNKNOWN:
        return f"coalesce({name}, 'unknown')"
    if name == "input_tokens" and manifest.convention != "inclusive":
        return _inclusive(manifest)
    if name == "usage_source":
        return "coalesce(usage_source, CASE WHEN input_tokens IS NULL OR output_tokens IS NULL THEN 'missing' END)"
    if name == "cost_usd":
        return "CASE WHEN NOT _zero_cost THEN cost_usd END"
    if name == "cost_source":
        return (
            "CASE WHEN _zero_cost THEN 'unpriced' "
            "ELSE coalesce(cost_source, CASE WHEN cost_usd IS NULL THEN 'unpriced' ELSE 'reported' END) END"
        )
    return name


def _inclusive(manifest: Manifest) -> str:
    """Return SQL for input tokens with the cached ones in it; a count that is no count is left to be refused."""
    parts = [f"TRY_CAST({name} AS HUGEINT)" for name in ("input_tokens", *_CACHED)]
    sound = " AND ".join(f"({name} IS NULL OR {part} >= 0)" for name, part in zip(("input_tokens", *_CACHED), parts))  # noqa: B905
    total = f"CAST({parts[0]} + coalesce({parts[1]}, 0) + coalesce({parts[2]}, 0) AS VARCHAR)"
    flag = "coalesce(_exclusive, false)" if manifest.convention == "flagged" else "true"
    return f"CASE WHEN {flag} AND {sound} THEN {total} ELSE input_tokens END"


def _problems(options: Options) -> str:
    rule, field, message, fix = times.problem("_given_ts", options)
    return f"""
            CASE WHEN _reject IS NOT NULL THEN 'COLLECTOR' ELSE {rule} END AS _rule,
            CASE WHEN _reject IS NOT NULL THEN 'row' ELSE {field} END AS _field,
            CASE WHEN _reject IS NOT NULL THEN _reject ELSE {message} END AS _message,
            CASE WHEN _reject IS NULL THEN {fix} END AS _fix"""
