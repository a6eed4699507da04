"""What a mapping returned → candidates for events: one meaning of tokens, times, costs and identities.

All values stay text here; whether a candidate is a sound event is then decided by the same SQL that validates logs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

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
CACHED = ("cache_read_input_tokens", "cache_creation_input_tokens")
_LOCAL = r"(^|[^a-z0-9])(ollama(_chat)?|vllm|llama[-_.]?cpp|lm[_-]?studio|localhost|local|self[_-]?hosted)([^a-z0-9]|$)"
_NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?"


def select(
    manifest: Manifest, options: Options, mapped: Mapping[str, str], present: Collection[str], relation: str
) -> str:
    """Return the SELECT of candidates from `relation`, whose columns and types are `mapped`.

    It yields the fields `present` as text (at least the required ones, `usage_source` and `cost_source`). `id` is never
    null: one derived from the row lacks its occurrence number still. Beside them: `_file`, `_line`, `_filter`,
    `_digest` (of the mapped values), `_derived` (the id is ours), `_zero_cost` (a recorded 0 was taken as unknown),
    `_duplicate_key`, `_rank` and the first problem found: `_rule`, `_field`, `_message`, `_fix`.
    """
    fields = [column for column in columns() if column.name in {*present, *CACHED, "cache_hit"}]
    taken = ",\n".join(f"{text(column, mapped)} AS {column.name}" for column in fields)
    control = ",\n".join(
        f"CAST({name if name in mapped else 'NULL'} AS {kind}) AS {name}" for name, kind in CONTROL.items()
    )
    # Absent values do not take part, so that a field which the event gains later changes no id.
    content = ", ".join(f"{quoted(c.name + '=')} || {c.name}" for c in fields if c.name in mapped) or "''"
    set_values = ",\n".join(f"{constant(column.name, options)} AS {column.name}" for column in fields)
    numbers = ",\n".join(f"{canonical(column)} AS {column.name}" for column in fields)
    settled = ",\n".join(
        f"{_settled(column.name, manifest)} AS {column.name}" for column in fields if column.name in present
    )
    return f"""
        WITH taken AS (SELECT {taken},\n{control} FROM {relation}),
        digested AS (SELECT *, md5(concat_ws(chr(31), {content})) AS _digest FROM taken),
        given AS (SELECT {set_values},\n{", ".join(CONTROL)}, _digest FROM digested),
        numbers AS (
            SELECT {numbers},\n{", ".join(CONTROL)}, _digest, ts AS _given_ts, {times.utc("ts", options)} AS _utc
            FROM given
        ),
        zero AS (SELECT *, {_zero_cost(manifest, options)} AS _zero_cost FROM numbers)
        SELECT {settled},
            _file, _line, _filter, _digest, id IS NULL AS _derived, _zero_cost, _duplicate_key, _rank,
            {_problems(options)}
        FROM zero"""


def text(column: Column, mapped: Mapping[str, str]) -> str:
    """Return SQL for what the mapping returned for the field, as text without blanks around it; NULL where nothing."""
    if column.name not in mapped:
        return "CAST(NULL AS VARCHAR)"
    kind = mapped[column.name]
    value = f"CAST(to_json({column.name}) AS VARCHAR)" if kind.endswith("]") else f"CAST({column.name} AS VARCHAR)"
    return value if column.name in ("prompt", "output") else f"nullif(trim({value}), '')"


def constant(name: str, options: Options) -> str:
    """Return SQL for the field with what the user set for it."""
    if name not in options.constants:
        return name
    value = quoted(options.constants[name])
    return f"coalesce({name}, {value})" if options.maps.get(name) else value


def canonical(column: Column) -> str:
    """Return SQL that writes a value the one way of its type; what is not of the type stays as it is, to be refused."""
    name, kind = column.name, column.duckdb
    if kind in ("BIGINT", "INTEGER"):
        return (
            f"CASE WHEN {name} IS NULL OR regexp_full_match({name}, '0|[1-9]\\d{{0,17}}') THEN {name} "
            f"WHEN regexp_full_match({name}, {quoted(_NUMBER)}) AND TRY_CAST({name} AS DECIMAL(38,9)) "
            f"= TRY_CAST(TRY_CAST({name} AS DECIMAL(38,9)) AS HUGEINT) "
            f"THEN CAST(TRY_CAST(TRY_CAST({name} AS DECIMAL(38,9)) AS HUGEINT) AS VARCHAR) ELSE {name} END"
        )
    if kind.startswith("DECIMAL"):
        # Text with more digits than the type has was a float once; DuckDB rounds floats forty times faster than text.
        exact = f"regexp_full_match({name}, '[+-]?\\d*\\.?\\d{{0,12}}')"
        rounded = f"TRY_CAST(TRY_CAST({name} AS DOUBLE) AS {kind})"
        cast = f"CASE WHEN {exact} THEN TRY_CAST({name} AS {kind}) ELSE {rounded} END"
        return (
            f"CASE WHEN regexp_full_match({name}, {quoted(_NUMBER)}) "
            f"THEN coalesce(CAST({cast} AS VARCHAR), {name}) ELSE {name} END"
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
    used = "coalesce(TRY_CAST(input_tokens AS DOUBLE), 0) + coalesce(TRY_CAST(output_tokens AS DOUBLE), 0) > 0"
    return (
        "CASE WHEN cost_usd IS NULL OR TRY_CAST(cost_usd AS DECIMAL(20,12)) IS DISTINCT FROM 0 THEN false "
        f"ELSE cache_hit IS DISTINCT FROM 'true' AND {used} AND NOT {local} "
        "AND NOT ends_with(coalesce(model, ''), ':free') END"
    )


def _settled(name: str, manifest: Manifest) -> str:
    if name == "id":
        return "coalesce(id, 'row-' || _digest)"
    if name == "ts":
        return "coalesce(_utc, _given_ts)"
    if name in UNKNOWN:
        return f"coalesce({name}, 'unknown')"
    if name == "input_tokens" and manifest.convention != "inclusive":
        return inclusive(manifest)
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


def inclusive(manifest: Manifest) -> str:
    """Return SQL for input tokens with the cached ones in it; a count that is no count is left to be refused."""
    parts = [f"TRY_CAST({name} AS HUGEINT)" for name in ("input_tokens", *CACHED)]
    sound = " AND ".join(
        # TRY_CAST would take `12.7` for 13 and `1_000` for 1000.
        f"({name} IS NULL OR regexp_full_match({name}, '\\d{{1,18}}'))"
        for name in ("input_tokens", *CACHED)
    )
    total = f"CAST({parts[0]} + coalesce({parts[1]}, 0) + coalesce({parts[2]}, 0) AS VARCHAR)"
    flag = "coalesce(_exclusive, false)" if manifest.convention == "flagged" else "true"
    return f"CASE WHEN {flag} AND {sound} THEN {total} ELSE input_tokens END"


def _problems(options: Options) -> str:
    rule, message, fix = times.problem("_given_ts", options)
    return f"""
            CASE WHEN _reject IS NOT NULL THEN 'COLLECTOR' WHEN _utc IS NULL THEN {rule} END AS _rule,
            CASE WHEN _reject IS NOT NULL THEN 'row' WHEN _utc IS NULL AND {rule} IS NOT NULL THEN 'ts' END AS _field,
            CASE WHEN _reject IS NOT NULL THEN _reject WHEN _utc IS NULL THEN {message} END AS _message,
            CASE WHEN _reject IS NULL AND _utc IS NULL THEN {fix} END AS _fix"""
