"""A small priced world for tests: three models, calls drawn by hypothesis, levers made in one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import duckdb
from hypothesis import strategies as st

from tokenop.catalogue.levers import SPECS
from tokenop.catalogue.model import Lever, Range
from tokenop.database import connect
from tokenop.economics import cells, chain, draws, fleet, rows, work
from tokenop.economics.fleet import Fleet
from tokenop.economics.levers import Bound, chain_key
from tokenop.economics.state import Cells
from tokenop.inventory.model import Autoscaling, Count, Hourly, Inventory, Resource, monthly
from tokenop.prices.calls import TargetRate
from tokenop.profile.window import of_micros

START = datetime(2026, 9, 1, tzinfo=UTC)
# provider, model → USD per million tokens: input, read, write 5 m, write 1 h, output; batch discount
MODELS: dict[tuple[str, str], tuple[float, float | None, float | None, float | None, float, float | None]] = {
    ("anthropic", "large"): (3.0, 0.3, 3.75, 6.0, 15.0, 0.5),
    ("openai", "small"): (0.4, 0.1, None, None, 1.6, 0.5),
    ("groq", "open"): (0.6, None, None, None, 0.8, None),
}
COLUMNS = {
    "id": "VARCHAR", "ts": "TIMESTAMPTZ", "tenant": "VARCHAR", "intent": "VARCHAR", "provider": "VARCHAR",
    "model": "VARCHAR", "priced_provider": "VARCHAR", "priced_model": "VARCHAR", "n": "BIGINT",
    "input_tokens": "BIGINT", "output_tokens": "BIGINT", "latency_ms": "DOUBLE", "batch": "BOOLEAN",
    "prompt_hash": "VARCHAR", "prefix_hashes": "VARCHAR[]", "user_id": "VARCHAR", "department": "VARCHAR",
    "t_uncached": "BIGINT", "t_read": "BIGINT", "t_write_5m": "BIGINT", "t_write_1h": "BIGINT", "t_output": "BIGINT",
    "r_uncached": "DOUBLE", "r_read": "DOUBLE", "r_write_5m": "DOUBLE", "r_write_1h": "DOUBLE", "r_output": "DOUBLE",
    "batch_discount": "DOUBLE", "list_cost": "DECIMAL(38, 12)", "cost": "DECIMAL(38, 12)",
}  # fmt: skip


def call(number: int, **fields: Any) -> dict[str, Any]:
    """Return one priced call; `fields` override what is drawn or derived."""
    provider, model = fields.pop("served", ("anthropic", "large"))
    rates = MODELS[provider, model]
    row: dict[str, Any] = {
        "id": f"call-{number:06d}", "ts": START + timedelta(seconds=60 * number), "tenant": "a", "intent": "chat",
        "provider": provider, "model": model, "priced_provider": provider, "priced_model": model, "n": 1,
        "latency_ms": 1000.0, "batch": None, "prompt_hash": None, "prefix_hashes": None, "user_id": None,
        "department": None,
        "t_uncached": 1000, "t_read": 0, "t_write_5m": 0, "t_write_1h": 0, "t_output": 100,
        **dict(zip(("r_uncached", "r_read", "r_write_5m", "r_write_1h", "r_output"),
                   (None if rate is None else rate / 1e6 for rate in rates[:5]), strict=True)),
        "batch_discount": rates[5],
    }  # fmt: skip
    row.update(fields)
    row["input_tokens"] = sum(row[name] for name in ("t_uncached", "t_read", "t_write_5m", "t_write_1h"))
    row["output_tokens"] = row["t_output"]
    if "cost" not in fields:
        row["cost"] = row["list_cost"] = list_cost(row)
    else:
        row.setdefault("list_cost", list_cost(row))
    return row


def list_cost(row: Mapping[str, Any], factor: Decimal = Decimal(1)) -> Decimal:
    """Return what a call costs by its rates."""
    pairs = (
        ("t_uncached", "r_uncached"), ("t_read", "r_read"), ("t_write_5m", "r_write_5m"),
        ("t_write_1h", "r_write_1h"), ("t_output", "r_output"),
    )  # fmt: skip
    total = Decimal(0)
    for tokens, rate in pairs:
        paid = row[rate] if row[rate] is not None else row["r_uncached"]
        total += row[tokens] * Decimal(repr(paid)) * factor
    return total.quantize(Decimal("1e-12"))


@st.composite
def calls(draw: st.DrawFn, most: int = 25) -> list[dict[str, Any]]:
    """Draw a log: several tenants, models, cached calls, repeats, prefixes, gaps of seconds to days."""
    size = draw(st.integers(1, most))
    rows_: list[dict[str, Any]] = []
    at = START
    for number in range(size):
        at += timedelta(seconds=draw(st.sampled_from([1, 60, 400, 4000, 90_000])))
        cached = draw(st.booleans())
        rows_.append(
            call(
                number,
                served=draw(st.sampled_from(sorted(MODELS))),
                ts=at,
                tenant=draw(st.sampled_from("ab")),
                intent=draw(st.sampled_from(["chat", "extract"])),
                t_uncached=draw(st.integers(0, 20_000)),
                t_read=draw(st.integers(0, 5_000)) if cached else 0,
                t_write_5m=draw(st.integers(0, 5_000)) if cached else 0,
                t_write_1h=draw(st.integers(0, 500)) if cached else 0,
                t_output=draw(st.integers(0, 2_000)),
                latency_ms=draw(st.one_of(st.none(), st.integers(10, 9_000).map(float))),
                batch=draw(st.sampled_from([None, False, True])),
                user_id=draw(st.sampled_from([None, "u", "v"])),
                prompt_hash=draw(st.sampled_from([None, "p", "q"])),
                prefix_hashes=draw(st.sampled_from([None, ["s"], ["s", "t"], ["s", "t", "u"]])),
            )
        )
    return rows_


def lever(kind: str, where: str = "true", options: Mapping[str, object] | None = None, **parameters: float) -> Lever:
    """Return a lever whose parameters have one value each: `DEFAULTS`, changed by what is given."""
    chosen = OPTIONS.get(kind, {}) | (options or {})
    needed = {**DEFAULTS[kind], **parameters}
    if kind in CONDITIONAL:
        names = {spec.name for spec in SPECS[kind].parameters_with(chosen)}
        needed = {name: value for name, value in needed.items() if name in names}
    ranges = {
        name: Range(*(Decimal(repr(value)),) * 3, evidence="assumed", source="test") for name, value in needed.items()
    }
    return Lever(kind, where, ranges, chosen, 0)


DEFAULTS: dict[str, dict[str, float]] = {
    "trim": {"share": 0.8, "input_reduction": 0.3, "output_reduction": 0.1},
    "response_cache": {
        "share": 0.9, "hit_rate": 0.1, "semantic_uplift": 0.05, "false_hit_rate": 0.02, "lookup_usd": 0.0001,
    },
    "prompt_cache": {"share": 0.9, "stable_share": 0.5},
    "reroute": {"share": 0.6, "tokeniser_ratio": 1.1, "fallback_rate": 0.05, "latency_ratio": 0.5},
    "cascade": {
        "share": 0.7, "escalation_rate": 0.3, "tokeniser_ratio": 1.0, "latency_ratio": 0.5, "verifier_usd": 0.0001,
    },
    "batch": {"share": 0.5},
    "self_host": {
        "share": 0.9, "prefill_tokens_per_gpu_second": 5000.0, "decode_tokens_per_gpu_second": 800.0,
        "target_utilisation": 0.5, "gpu_hour_usd": 2.0, "ops_monthly_usd": 100.0,
    },
    "budget": {"share": 0.9, "limit_usd": 0.02, "tokeniser_ratio": 1.1},
    "capacity": {
        "share": 0.7, "discount": 0.6, "interruption_overhead": 0.08, "on_demand_floor": 0.2,
        "commitment_unused": 0.1, "idle_share": 0.3, "throughput_gain": 0.5,
    },
}  # fmt: skip
OPTIONS: dict[str, dict[str, object]] = {
    "prompt_cache": {"ttl": "5m", "min_tokens": 1024},
    "response_cache": {"window_hours": 24},
    "self_host": {"autoscale": True, "min_replicas": 1, "gpus_per_replica": 1},
    "reroute": {"to": {"provider": "openai", "model": "small"}},
    "cascade": {"to": {"provider": "openai", "model": "small"}},
    "budget": {"per": "tenant", "period": "day", "action": "reject"},
    "capacity": {"change": "spot"},
}
DOWNGRADE = {"action": "downgrade", "to": {"provider": "openai", "model": "small"}}
# Their parameters depend on their options.
CONDITIONAL = ("budget", "capacity")


def resource(address: str = "aws_instance.gpu", **fields: Any) -> Resource:
    """Return a resource of four on-demand instances at 2 USD an hour; `count`, `hourly_usd`, … override it."""
    known: dict[str, Any] = {"count": Count(4, 4, 0, None), "hourly_usd": Hourly(Decimal(2)), **fields}
    named: dict[str, Any] = {"provider": "aws", "type": "aws_instance", "purpose": "gpu", **known}
    return Resource(address, monthly_usd=monthly(known["count"], known["hourly_usd"]), **named)


@st.composite
def resources(draw: st.DrawFn, most: int = 5) -> list[Resource]:
    """Draw an inventory: counts split every way, some of them and some prices unknown."""
    found = []
    prices = st.sampled_from([None, Decimal("0.35"), Decimal("1.2"), Decimal("2.5")])
    for number in range(draw(st.integers(0, most))):
        on_demand, spot = draw(st.integers(0, 6)), draw(st.integers(0, 3))
        reserved = draw(st.sampled_from([None, 0, 2]))
        count = Count(on_demand + spot + (reserved or 0), on_demand, spot, reserved)
        price = Hourly(draw(st.sampled_from([None, Decimal(1), Decimal(3)])), draw(prices), draw(prices))
        scaling = Autoscaling(enabled=draw(st.sampled_from([None, False, True])))
        purpose = draw(st.sampled_from(["gpu", "inference"]))
        found.append(
            resource(f"aws_instance.r{number}", count=count, hourly_usd=price, autoscaling=scaling, purpose=purpose)
        )
    return found


def bind(levers: Sequence[Lever], target: tuple[str, str] = ("openai", "small")) -> list[Bound]:
    """Return the levers in chain order; each is its own template `t0`, `t1`, …"""
    rates = MODELS[target]
    names = ("r_uncached", "r_read", "r_write_5m", "r_write_1h", "r_output")
    fields = {name: None if rate is None else rate / 1e6 for name, rate in zip(names, rates[:5], strict=True)}
    shared: dict[str, Any] = {"min_input_tokens": 0, "max_input_tokens": None, "r_call": 0.0}
    shared |= {"price_id": "x", "batch_discount": rates[5]}
    entry = TargetRate(**fields, **shared)
    found = []
    for number, one in enumerate(levers):
        bound = Bound(f"t{number}", one, f"l{number}")
        if "to" in one.options:
            bound = replace(bound, target=(entry,), target_provider=target[0], target_model=target[1])
        found.append(bound)
    return sorted(found, key=chain_key)


@dataclass
class World:
    """A log in DuckDB with levers worked out on it."""

    connection: duckdb.DuckDBPyConnection
    bounds: list[Bound]
    spread: work.Spread
    cells: Cells
    fleet: Fleet = field(default_factory=Fleet)

    def replay(self, some: Sequence[Bound] | None = None) -> rows.Replayed:
        """Replay levers on the rows with expected parameters."""
        chosen = self.bounds if some is None else list(some)
        return rows.replay(self.connection, chosen, draws.expected(self.bounds), self.spread, self.fleet)

    def pooled(self) -> float:
        """Return what the levers save on the pooled cells, with expected parameters."""
        values = draws.as_arrays(draws.expected(self.bounds))
        return chain.saving(self.cells, self.spread.hours, self.bounds, values)


def build(
    log: Sequence[Mapping[str, Any]],
    levers: Sequence[Lever],
    window: Sequence[Mapping[str, Any]] | None = None,
    inventory: Sequence[Resource] = (),
    **binding: Any,
) -> World:
    """Work the levers out on a log. `window` is the log whose time counts, by default the log itself."""
    connection = connect()
    connection.execute(f"CREATE TABLE calls ({', '.join(f'{name} {kind}' for name, kind in COLUMNS.items())})")
    if log:
        connection.executemany(
            f"INSERT INTO calls VALUES ({', '.join('?' * len(COLUMNS))})",
            [[row[name] for name in COLUMNS] for row in log],
        )
    times = [int(row["ts"].timestamp() * 1_000_000) for row in (window or log)]
    spread = work.spread_of(of_micros(min(times), max(times)))
    bounds = bind(levers, **binding)
    work.build(connection, bounds, spread)
    standing = fleet.load(connection, Inventory((), tuple(inventory)), bounds)
    pooled = replace(cells.load(connection, bounds, spread), fleet=standing)
    return World(connection, bounds, spread, pooled, standing)


def template(
    identifier: str,
    hours: int = 0,
    running: int = 0,
    requires: tuple[str, ...] = (),
    conflicts: tuple[str, ...] = (),
    drop: str = "0",
) -> Any:
    """Return what selection needs to know of a template."""
    return SimpleNamespace(
        id=identifier, requires=requires, conflicts=conflicts,
        implementation=SimpleNamespace(
            hours=Decimal(hours), hourly_rate_usd=Decimal(1), monthly_running_usd=Decimal(running)
        ),
        quality=SimpleNamespace(max_absolute_drop=Decimal(drop)),
    )  # fmt: skip
