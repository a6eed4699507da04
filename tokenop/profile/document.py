"""profile.yaml: what a log of events says about the workload, for people, for `plan`, and for sharing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tokenop import __version__
from tokenop.errors import NoInputError
from tokenop.profile import cells, clusters, drivers, public_names, segments, window
from tokenop.profile.narrow import KEYS, narrow
from tokenop.profile.scalars import Again, Scalar, of_narrow, ratio
from tokenop.profile.workload import SCHEMA_VERSION
from tokenop.profile.yaml_text import Table
from tokenop.sample import ID_PREFIX

if TYPE_CHECKING:
    import duckdb

_CENT_FRACTION = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Source:
    """Where the calls come from."""

    events_hash: str
    prices_hash: str
    window: window.Window
    coverage: Mapping[str, Any]


def describe(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    calls: str = "calls",
    semantic: bool = False,
    prefixes: bool = True,
) -> dict[str, Any]:
    """Return the profile of the relation `calls` (one row an event) as a document; tables are `yaml_text.Table`.

    Args:
        connection: where the relation is.
        source: hashes and coverage, which are quoted.
        calls: the relation.
        semantic: cluster by what prompts say, where events carry them, instead of by intent.
        prefixes: whether to measure prefix reuse.
    """
    with narrow(connection, calls) as table:
        found = segments.measure(connection, table, calls, prefixes)
        again = Again(found.recurring, ratio(found.prefix.hit_5m, found.prefix.tokens) if found.prefix else None)
        scalars = of_narrow(connection, table, calls, source.window, again)
        grouped = (clusters.by_meaning if semantic else clusters.by_intent)(connection, calls)
        driven = {name: [_driver(one) for one in top] for name, top in drivers.by_dimension(connection).items()}
        driven["token_bucket"] = [
            {"name": bucket, **_rounded(figures)} for bucket, figures in drivers.by_bucket(connection).items()
        ]
    return {
        "schema_version": SCHEMA_VERSION,
        "source": _source(connection, source, calls),
        "scalars": _scalars(scalars),
        "coverage": dict(source.coverage),
        "drivers": driven,
        "clusters": _clusters(grouped),
        "segments": {
            "pooled_keys": found.pooled,
            "shape": "a digit for each hour of the week from Monday 00:00 UTC; 9 is the segment's busiest hour",
            **_segments(found),
        },
    }


def share(connection: duckdb.DuckDBPyConnection, source: Source, k: int, calls: str = "calls") -> dict[str, Any]:
    """Return the profile that can be shared: scalars, coverage by model, and the workload in cells of at least `k`.

    Raises:
        NoInputError: not one cell has so many calls.
    """
    quoted = _source(connection, source, calls)
    names = public_names.create(connection, calls, k)
    with narrow(connection, calls) as table:
        scalars = of_narrow(connection, table, calls, source.window)
        models = connection.execute(
            f"""SELECT shown_provider || '/' || shown_model, sum(calls)::BIGINT, sum(cost),
              (SELECT sum(cost) FROM {KEYS})
            FROM {KEYS} JOIN {names} USING (provider, model) GROUP BY shown_provider, shown_model
            HAVING sum(calls) >= {k} ORDER BY sum(cost) DESC NULLS LAST, 1"""
        ).fetchall()
    coverage = dict(source.coverage)
    coverage["unpriced_models"] = public_names.unpriced(connection, coverage.get("unpriced_models", ()), k)
    built = cells.build(connection, calls, source.window.start.date(), k)
    if not built.cells:
        raise NoInputError(
            f"nothing to share: of {built.whole.calls:,} calls no {k} have model, price and kind in common; "
            "profile more calls, or lower --k"
        )
    return {
        "schema_version": SCHEMA_VERSION,
        "source": quoted,
        "scalars": _scalars(scalars),
        "coverage": coverage,
        "drivers": {
            "model": [
                _driver(drivers.Driver(name, count, cost, None if cost is None else ratio(cost, whole)))
                for name, count, cost, whole in models[: drivers.TOP]
            ]
        },
        "workload": {
            "k": k,
            "bands": [*cells.BANDS],
            "whole": built.whole.as_dict(),
            "suppressed": built.suppressed.as_dict(),
            "kinds": Table(cells.KIND, built.kinds),
            "cells": Table(cells.CELL_COLUMNS, [_exact(row) for row in built.cells]),
        },
    }


def _source(connection: duckdb.DuckDBPyConnection, source: Source, calls: str) -> dict[str, Any]:
    return {
        "events": source.coverage["events"],
        "events_hash": source.events_hash,
        "prices_hash": source.prices_hash,
        "window": source.window.as_dict(),
        "sample": is_sample(connection, calls),
        "tokenop_version": __version__,
    }


def is_sample(connection: duckdb.DuckDBPyConnection, calls: str = "calls") -> bool:
    """Return whether all events of the relation are made up: their ids start with `sample-`."""
    # One row settles it for nearly every real log; only where it does not are all ids read.
    for scope in (f"(SELECT id FROM {calls} LIMIT 1)", calls):
        row = connection.execute(f"SELECT bool_and(starts_with(id, '{ID_PREFIX}')) FROM {scope}").fetchone()
        if row is None or not row[0]:
            return False
    return True


def _scalars(scalars: dict[str, Scalar]) -> dict[str, object]:
    # Money is written as exact text, as it is in the workload; everything else as a number.
    return {name: f"{value:f}" if isinstance(value, Decimal) else value for name, value in scalars.items()}


def _money(value: Decimal | None) -> Decimal | None:
    return None if value is None else value.quantize(_CENT_FRACTION)


def _rounded(figures: dict[str, Any]) -> dict[str, Any]:
    return {name: _number(value) for name, value in figures.items()}


def _number(value: Any) -> Any:
    if isinstance(value, Decimal):
        return _money(value)
    return round(value, 6) if isinstance(value, float) else value


def _driver(one: drivers.Driver) -> dict[str, Any]:
    return _rounded(one._asdict())


def _segments(found: segments.Segments) -> dict[str, Any]:
    columns = [field.name for field in fields(segments.Segment)]
    rows = [[_number(value) for value in astuple(row)] for row in found.rows]
    return {"table": Table(columns, rows)}


def _clusters(found: clusters.Clusters) -> dict[str, Any]:
    listed = []
    for one in found.rows:
        representatives = [
            {"id": call.id, **({} if call.prompt is None else {"prompt": call.prompt})} for call in one.representatives
        ]
        entry = {"name": one.name, "calls": one.calls, "cost_usd": _money(one.cost_usd), "share": _number(one.share)}
        if found.method == "semantic":
            entry["intents"] = one.intents
        listed.append({**entry, "representatives": representatives})
    document: dict[str, Any] = {"method": found.method}
    if found.note:
        document["note"] = found.note
    if found.hits is not None:
        document["prompts_compared"] = found.prompts
        document["share_with_an_earlier_prompt_as_alike"] = found.hits
    return {**document, "clusters": listed}


def _exact(row: tuple[Any, ...]) -> list[Any]:
    """Return a cell with its exact decimals as text, so that no reader rounds them."""
    return [_text(value) if isinstance(value, Decimal) else value for value in row]


def _text(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
