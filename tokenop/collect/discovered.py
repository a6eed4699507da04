"""`discovered.yaml`: what the sources hold, where the money and the time go, what looks wrong, where to look first."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenop import files
from tokenop.collect import discovered_anomalies, discovered_opportunities
from tokenop.collect.discovered_figures import (
    TIME,
    Row,
    exact_usd,
    known,
    milliseconds,
    ratio,
    row,
    rows,
    share,
    total,
    usd,
)
from tokenop.database import identifier, quoted

if TYPE_CHECKING:
    import duckdb

    from tokenop.events.log import EventLog
    from tokenop.prices.coverage import Coverage

TOP = 10
FEW = 20
BUCKETS = {
    "input_uncached": "t_uncached",
    "input_cache_read": "t_read",
    "input_cache_write_5m": "t_write_5m",
    "input_cache_write_1h": "t_write_1h",
    "output": "t_output",
}
CALLS = "discovered_calls"
COLUMNS = (
    "id", "ts", "tenant", "intent", "provider", "model", "endpoint", "region", "agent_id", "session_id", "user_id",
    "prompt_hash", "status", "operation", "attempt", "batch", "cache_hit", "latency_ms", "ttft_ms", "quality_score",
    "n", *BUCKETS.values(), "r_uncached", "r_write_5m", "r_write_1h", "r_output", "batch_discount", "list_cost", "cost",
    "cost_basis",
)  # fmt: skip
_STORED = {"prefix_hashes": "first_block"}
# What a person reads above each part of the file.
COMMENTS = {
    "schema_version": (
        "What `tokenop discover` found. Written by the program: same events, same bytes.\n"
        "Money is USD, shares are parts of 1, times are UTC, null means unknown (never zero)."
    ),
    "sources": "Where the rows came from. rows_in = events + duplicates + rejected + filtered.",
    "window": "The time that the events cover.",
    "tokens": "Tokens by how they are billed; the buckets do not overlap.",
    "cost": "reported: the source's own figure. priced: ours, from dated list prices. unpriced: unknown.",
    "coverage": "How much of the events each figure rests on.",
    "models": "All models, the dearest first.",
    "cost_drivers": f"The {TOP} dearest of each kind; shares are of the known cost.",
    "latency": "Where callers wait; the groups with most waiting first.",
    "cache": "How much of the input came from the provider's prompt cache.",
    "anomalies": "What looks wrong, with the events that show it, the worst first.",
    "opportunities": (
        "Where to look first. concerns_usd is the spend that a signal is about, not a saving:\n"
        "what a template would save, `tokenop plan` finds out by replaying the events."
    ),
}


def describe(
    connection: duckdb.DuckDBPyConnection,
    log: EventLog,
    sources: Iterable[Mapping[str, Any]],
    coverage: Coverage | None = None,
    *,
    calls: str = "calls",
) -> Row:
    """Return the content of `discovered.yaml`, ready to be dumped.

    Args:
        connection: holds the relation `calls`, as `tokenop.prices.calls.create` makes it.
        log: the event log behind it.
        sources: one mapping a source, with `collector` and the counts `rows_in`, `events`, `duplicates`, `rejected`,
            `filtered`, and whatever else is known (files, settings); kept as they are.
        coverage: what `create` returned; measured here where it is not given.
        calls: name of the relation.
    """
    from tokenop.prices.coverage import measure

    given = [dict(source) for source in sources]
    covered = coverage or measure(connection, calls)
    with tempfile.TemporaryDirectory(prefix="tokenop-describe-") as folder:
        _store(connection, identifier(calls), Path(folder) / "calls.parquet")
        return {
            "schema_version": 1,
            "sources": given,
            "events": {"count": log.count, "content_hash": log.content_hash},
            **_figures(connection, covered, given),
            "next": "tokenop plan",
        }


def _figures(connection: duckdb.DuckDBPyConnection, prices: Coverage, sources: list[Row]) -> Row:
    _pool(connection)
    sums = row(connection, _sums())
    whole = sums["cost"]
    return {
        "window": _window(connection),
        "tokens": {
            **{name: None if sums[name] is None else int(sums[name]) for name in BUCKETS},
            "calls_without_token_counts": int(sums["calls"] - sums["counted"]),
        },
        "cost": _cost(sums),
        "coverage": _coverage(connection, sums, prices),
        "models": _models(connection, whole),
        "cost_drivers": _drivers(connection, whole),
        "latency": _latency(connection),
        "cache": _cache(sums),
        "anomalies": discovered_anomalies.find(connection, CALLS, sources),
        "opportunities": discovered_opportunities.find(connection, CALLS, whole),
    }


def render(document: Mapping[str, Any]) -> str:
    """Return the document as YAML with a comment above each part."""
    import yaml

    parts = []
    for name, value in document.items():
        comment = "".join(f"# {line}\n" for line in COMMENTS.get(name, "").splitlines())
        body = yaml.dump({name: value}, Dumper=_dumper(), sort_keys=False, allow_unicode=True, width=118)
        parts.append(comment + body)
    return "\n".join(parts)


def write(path: Path, document: Mapping[str, Any]) -> None:
    """Write the document to `path`, whole or not at all.

    Raises:
        InputError: the file cannot be written.
    """
    files.write_text(path, render(document))


def _dumper() -> type[Any]:
    """Return a dumper that writes each value out, without anchors, and whole numbers of money without exponents."""
    import yaml

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 the signature is PyYAML's
            return True

    def number(dumper: yaml.SafeDumper, value: float) -> yaml.ScalarNode:
        return dumper.represent_scalar("tag:yaml.org,2002:float", _plain(value))

    Dumper.add_representer(float, number)
    return Dumper


def _plain(value: float) -> str:
    text = format(Decimal(repr(value)), "f")
    return text if "." in text else f"{text}.0"


def _store(connection: duckdb.DuckDBPyConnection, calls: str, path: Path) -> None:
    """Price the calls once, into a file of the columns that are looked at: a view would do it for each question."""
    connection.execute(
        f"COPY (SELECT {', '.join(COLUMNS)}, prefix_hashes[1] AS first_block FROM {calls}) "
        f"TO {quoted(str(path))} (FORMAT parquet)"
    )
    connection.execute(f"CREATE OR REPLACE TEMP VIEW {CALLS} AS SELECT * FROM read_parquet({quoted(str(path))})")


def _pool(connection: duckdb.DuckDBPyConnection) -> None:
    """Sum the calls once by what they are told apart by; the parts below add the sums up further."""
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE discovered_cells AS
        SELECT provider, model, tenant, intent, agent_id, {_totals()} GROUP BY ALL"""
    )


def _totals() -> str:
    buckets = ", ".join(f"sum({column})::HUGEINT AS {name}" for name, column in BUCKETS.items())
    return f"""sum(n)::HUGEINT AS calls, coalesce(sum(n) FILTER (WHERE t_output IS NOT NULL), 0)::HUGEINT AS counted,
      {buckets}, sum(cost) AS cost,
      sum(cost) FILTER (WHERE cost_basis = 'reported') AS reported,
      sum(cost) FILTER (WHERE cost_basis = 'priced') AS priced,
      sum(list_cost) FILTER (WHERE cost_basis = 'reported') AS reported_at_list,
      coalesce(sum(n) FILTER (WHERE cost_basis = 'unpriced'), 0)::HUGEINT AS unpriced_calls,
      coalesce(sum(t_uncached::HUGEINT + t_read + t_write_5m + t_write_1h + t_output)
        FILTER (WHERE cost_basis = 'unpriced'), 0)::HUGEINT AS unpriced_tokens,
      coalesce(sum(n) FILTER (WHERE latency_ms IS NOT NULL), 0)::HUGEINT AS timed,
      coalesce(sum(n) FILTER (WHERE quality_score IS NOT NULL), 0)::HUGEINT AS scored FROM {CALLS}"""


_SUMMED = (
    "calls", "counted", *BUCKETS, "cost", "reported", "priced", "reported_at_list", "unpriced_calls", "unpriced_tokens",
    "timed", "scored",
)  # fmt: skip


def _sums(keys: str = "") -> str:
    sums = ", ".join(f"sum({name}) AS {name}" for name in _SUMMED)
    return f"SELECT {keys}{sums} FROM discovered_cells"


def _window(connection: duckdb.DuckDBPyConnection) -> Row:
    span = row(
        connection,
        f"""SELECT strftime(min(ts), '{TIME}') AS first, strftime(max(ts), '{TIME}') AS last,
          epoch_us(max(ts)) - epoch_us(min(ts)) AS length, count(DISTINCT date_trunc('day', ts)) AS days
        FROM {CALLS}""",
    )
    return {
        "from": span["first"],
        "until": span["last"],
        "hours": float(round(Decimal(span["length"] or 0) / 3_600_000_000, 2)),
        "days_with_calls": span["days"],
    }


def _cost(sums: Row) -> Row:
    return {
        "total_usd": exact_usd(sums["cost"]),
        "reported_usd": exact_usd(sums["reported"]),
        "priced_usd": exact_usd(sums["priced"]),
        "reported_calls_at_list_price_usd": exact_usd(sums["reported_at_list"]),
        "unpriced_calls": int(sums["unpriced_calls"]),
        "unpriced_tokens": int(sums["unpriced_tokens"]),
    }


def _coverage(connection: duckdb.DuckDBPyConnection, sums: Row, prices: Coverage) -> Row:
    texts = ("tenant", "intent", "endpoint", "region")
    optional = ("session_id", "agent_id", "user_id", "prompt_hash", "prefix_hashes", "status")
    named = ", ".join(f"coalesce(sum(n) FILTER (WHERE {name} <> 'unknown'), 0)::HUGEINT AS {name}" for name in texts)
    present = ", ".join(
        f"coalesce(sum(n) FILTER (WHERE {_STORED.get(name, name)} IS NOT NULL), 0)::HUGEINT AS {name}"
        for name in optional
    )
    counts = row(connection, f"SELECT {named}, {present} FROM {CALLS}")
    tokens = prices.as_dict()
    return {
        "prices": {
            "reported_token_share": tokens["reported_token_share"],
            "priced_token_share": tokens["priced_token_share"],
            "unpriced_token_share": tokens["unpriced_token_share"],
            "undated_token_share": tokens["undated_token_share"],
            "priced_call_share": share(sums["calls"] - sums["unpriced_calls"], sums["calls"]),
            "unpriced_models": tokens["unpriced_models"],
        },
        "quality_score_share": share(sums["scored"], sums["calls"]),
        "latency_share": share(sums["timed"], sums["calls"]),
        "token_count_share": share(sums["counted"], sums["calls"]),
        **{f"{name}_share": share(counts[name], sums["calls"]) for name in (*texts, *optional)},
    }


def _models(connection: duckdb.DuckDBPyConnection, whole: Decimal | None) -> list[Row]:
    found = rows(
        connection,
        _sums("provider, model, ")
        + " GROUP BY provider, model ORDER BY cost DESC NULLS LAST, calls DESC, provider, model",
    )
    return [
        {
            "provider": model["provider"],
            "model": model["model"],
            "calls": int(model["calls"]),
            "input_tokens": _input(model),
            "cached_input_share": share(model["input_cache_read"], _input(model)),
            "output_tokens": None if model["output"] is None else int(model["output"]),
            "cost_usd": usd(model["cost"]),
            "cost_share": share(model["cost"], whole),
            "cost_basis": "+".join(
                name
                for name, some in (
                    ("reported", model["reported"] is not None),
                    ("priced", model["priced"] is not None),
                    ("unpriced", model["unpriced_calls"]),
                )
                if some
            ),
        }
        for model in found
    ]


def _input(sums: Row) -> int | None:
    parts = [sums[name] for name in BUCKETS if name != "output"]
    return None if all(part is None for part in parts) else int(total(parts))


def _drivers(connection: duckdb.DuckDBPyConnection, whole: Decimal | None) -> Row:
    drivers: Row = {}
    for kind, column in (
        ("by_model", "provider || '/' || model"),
        ("by_tenant", "tenant"),
        ("by_intent", "intent"),
        ("by_agent", "agent_id"),
    ):
        drivers[kind] = _dearest(connection, "discovered_cells", column, whole)
    sessions = f"(SELECT session_id, n AS calls, cost FROM {CALLS} WHERE session_id IS NOT NULL)"
    drivers["by_session"] = _dearest(connection, sessions, "session_id", whole)
    return {kind: entries for kind, entries in drivers.items() if entries}


def _dearest(connection: duckdb.DuckDBPyConnection, source: str, column: str, whole: Decimal | None) -> list[Row]:
    found = rows(
        connection,
        f"""SELECT {column} AS name, sum(calls)::HUGEINT AS calls, sum(cost) AS cost
        FROM {source} WHERE {column} IS NOT NULL GROUP BY 1
        ORDER BY cost DESC NULLS LAST, calls DESC, name LIMIT {TOP}""",
    )
    return [
        {
            "name": driver["name"],
            "calls": int(driver["calls"]),
            "cost_usd": usd(driver["cost"]),
            "cost_share": share(driver["cost"], whole),
        }
        for driver in found
    ]


def _latency(connection: duckdb.DuckDBPyConnection) -> Row:
    """Return p50 and p95 by endpoint and model. Waiting is summed in thousandths of milliseconds, exactly."""
    found = rows(
        connection,
        f"""WITH timed AS (
          SELECT endpoint, provider || '/' || model AS model, n, latency_ms, ttft_ms,
            CAST(round(latency_ms * 1000) AS HUGEINT) * n AS waiting
          FROM {CALLS} WHERE latency_ms IS NOT NULL
        ), tail AS (
          SELECT endpoint, model, quantile_cont(latency_ms, [0.5, 0.95]) AS p, quantile_cont(ttft_ms, 0.95) AS ttft_p95,
            sum(n)::HUGEINT AS calls, sum(waiting)::HUGEINT AS waited
          FROM timed GROUP BY ALL
        )
        SELECT endpoint, model, calls, waited, p[1] AS p50, p[2] AS p95, ttft_p95,
          (sum(waiting) FILTER (WHERE latency_ms >= p[2]))::HUGEINT AS slow
        FROM tail JOIN timed USING (endpoint, model) GROUP BY ALL ORDER BY waited DESC, endpoint, model""",
    )
    if not found:
        return {"groups": [], "note": "no event carries a latency"}
    whole = total(entry["waited"] for entry in found)
    return {
        "groups": [
            known(
                {
                    "endpoint": entry["endpoint"],
                    "model": entry["model"],
                    "calls": int(entry["calls"]),
                    "p50_ms": milliseconds(entry["p50"]),
                    "p95_ms": milliseconds(entry["p95"]),
                    "ttft_p95_ms": milliseconds(entry["ttft_p95"]),
                    "p95_to_p50": ratio(entry["p95"], entry["p50"]),
                    "waiting_share": share(entry["waited"], whole),
                    # of a few calls the slowest twentieth is one of them, which says nothing
                    "slowest_5_percent_waiting_share": share(entry["slow"], entry["waited"])
                    if entry["calls"] >= FEW
                    else None,
                }
            )
            for entry in found[:TOP]
        ]
    }


def _cache(sums: Row) -> Row:
    whole = _input(sums)
    written = None if whole is None else int(total((sums["input_cache_write_5m"], sums["input_cache_write_1h"])))
    return {
        "cached_input_share": share(sums["input_cache_read"], whole),
        "written_input_share": share(written, whole),
        "read_per_written_token": ratio(sums["input_cache_read"], written),
    }
