"""Collectors of aggregates: the same way as for calls, but each row becomes a usage record."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tokenop.collect import engine, normalise, times
from tokenop.collect.engine import Collected, Form
from tokenop.collect.manifest import Manifest
from tokenop.collect.options import Options
from tokenop.collect.sources import SourceFile
from tokenop.collect.stage import Progress
from tokenop.database import quoted
from tokenop.events.schema import USAGE, columns

if TYPE_CHECKING:
    import duckdb

PERIOD = ("period_start", "period_end")


def collect(
    connection: duckdb.DuckDBPyConnection,
    manifest: Manifest,
    files: Sequence[SourceFile],
    options: Options,
    scratch: Path,
    progress: Progress = lambda _: None,
    seconds: float = 600,
) -> Collected:
    """Run `manifest`'s collector over `files`: rows in = records + duplicates + rejected + filtered.

    The rows are those of `engine.collect`, a record having the status `event`.

    Raises:
        FindingsError, InputError, MisuseError: as `engine.collect`.
    """
    return engine.collect(connection, manifest, files, options, scratch, progress, seconds, FORM)


def select(
    manifest: Manifest, options: Options, mapped: Mapping[str, str], present: Collection[str], relation: str
) -> str:
    """Return the SELECT of candidates for usage records, as `normalise.select` does for events.

    What is unknown stays null, but for the provider: sums over all models have no model.
    """
    fields = [column for column in columns(USAGE) if column.name in {*present, *normalise.CACHED}]
    taken = ",\n".join(f"{normalise.text(column, mapped)} AS {column.name}" for column in fields)
    control = ",\n".join(
        f"CAST({name if name in mapped else 'NULL'} AS {kind}) AS {name}" for name, kind in normalise.CONTROL.items()
    )
    content = ", ".join(f"{quoted(c.name + '=')} || {c.name}" for c in fields if c.name in mapped) or "''"
    given = ",\n".join(f"{normalise.constant(column.name, options)} AS {column.name}" for column in fields)
    numbers = ",\n".join(f"{normalise.canonical(column)} AS {column.name}" for column in fields)
    instants = ", ".join(f"{times.utc(name, options)} AS _{name}" for name in PERIOD)
    settled = ",\n".join(f"{_settled(column.name, manifest)} AS {column.name}" for column in fields)
    return f"""
        WITH taken AS (SELECT {taken},\n{control} FROM {relation}),
        digested AS (SELECT *, md5(concat_ws(chr(31), {content})) AS _digest FROM taken),
        given AS (SELECT {given},\n{", ".join(normalise.CONTROL)}, _digest FROM digested),
        numbers AS (
            SELECT {numbers},\n{", ".join(normalise.CONTROL)}, _digest, {instants} FROM given
        )
        SELECT {settled},
            _file, _line, _filter, _digest, id IS NULL AS _derived, false AS _zero_cost, _duplicate_key, _rank,
            {_problems(options)}
        FROM numbers"""


FORM = Form(USAGE, select)


def _settled(name: str, manifest: Manifest) -> str:
    if name == "id":
        return "coalesce(id, 'usage-' || _digest)"
    if name in PERIOD:
        return f"coalesce(_{name}, {name})"
    if name == "source":
        return f"coalesce(source, {quoted(manifest.name)})"
    if name == "provider":
        return "coalesce(provider, 'unknown')"
    if name == "input_tokens" and manifest.convention != "inclusive":
        return normalise.inclusive(manifest)
    return name


def _problems(options: Options) -> str:
    """Return SQL for the first problem of a row: what the mapping says, then times that cannot be told."""
    rules, fields, messages, fixes = [], [], [], []
    for name in PERIOD:
        rule, message, fix = times.problem(name, options)
        unclear = f"WHEN _{name} IS NULL AND {rule} IS NOT NULL THEN"
        rules.append(f"{unclear} {rule}")
        fields.append(f"{unclear} {quoted(name)}")
        messages.append(f"{unclear} {message}")
        fixes.append(f"{unclear} {fix}")
    return f"""
            CASE WHEN _reject IS NOT NULL THEN 'COLLECTOR' {" ".join(rules)} END AS _rule,
            CASE WHEN _reject IS NOT NULL THEN 'row' {" ".join(fields)} END AS _field,
            CASE WHEN _reject IS NOT NULL THEN _reject {" ".join(messages)} END AS _message,
            CASE WHEN _reject IS NOT NULL THEN NULL {" ".join(fixes)} END AS _fix"""
