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
from tokenop.events import sql as event_sql
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
) -> tuple[str, dict[str, event_sql.Form]]:
    """Return the SELECT of candidates for usage records, as `normalise.select` does for events.

    What is unknown stays null, but for the provider: sums over all models have no model.
    """
    fields = [column for column in columns(USAGE) if column.name in {*present, *normalise.CACHED}]
    told = normalise.Told(lambda name: _said(name, manifest), "false", _problems(options))
    return normalise.candidates(manifest, options, mapped, fields, present, relation, told)


FORM = Form(USAGE, select)


def _said(name: str, manifest: Manifest) -> str:
    if name == "id":
        return "coalesce(id, 'usage-' || _digest || '-1')"
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
        rule, message, fix = times.problem(event_sql.given(name), options)
        unclear = f"WHEN {name} IS NULL AND {rule} IS NOT NULL THEN"
        rules.append(f"{unclear} {rule}")
        fields.append(f"{unclear} {quoted(name)}")
        messages.append(f"{unclear} {message}")
        fixes.append(f"{unclear} {fix}")
    return f"""
            CASE WHEN _reject IS NOT NULL THEN 'COLLECTOR' {" ".join(rules)} END AS _rule,
            CASE WHEN _reject IS NOT NULL THEN 'row' {" ".join(fields)} END AS _field,
            CASE WHEN _reject IS NOT NULL THEN _reject {" ".join(messages)} END AS _message,
            CASE WHEN _reject IS NOT NULL THEN NULL {" ".join(fixes)} END AS _fix"""
