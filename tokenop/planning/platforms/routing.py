"""What several platforms say of re-routing: the table by some dimension, and both models side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tokenop.planning.platforms import effect, spend
from tokenop.planning.platforms.effect import Effect
from tokenop.planning.platforms.model import Column, Table, Unknown, dollars
from tokenop.planning.platforms.world import World

_COLUMNS = (
    Column("role", ""),
    Column("name", "model"),
    Column("calls", "calls", "count"),
    Column("latency_p50_ms", "p50", "ms"),
    Column("latency_p95_ms", "p95", "ms"),
    Column("quality_mean", "quality", "number"),
)
QUALITY = Unknown(
    "whether the new model's answers are as good",
    "the log has no quality_score of both models",
    "score a sample of the same tasks on both, and log it as quality_score",
)


@dataclass(frozen=True)
class Told:
    """What a dimension's table says, with what stays unknown."""

    effect: Effect | None
    tables: tuple[Table, ...]
    unknown: tuple[Unknown, ...]


def told(world: World, by: str, condition: str = "true") -> Told:
    """Return what re-routing does to the groups of a dimension."""
    if not world.rules:
        return Told(None, (), (nothing_asked(),))
    found = effect.measure(world, by, condition)
    return Told(found, (found.table,), () if found.latency_known else (effect.unknown_latency(),))


def nothing_asked() -> Unknown:
    """Return how to ask for a move."""
    return Unknown(
        "what another model would cost",
        "no --reroute was given, and the log shows no model of the same provider at half the price or less",
        "`--reroute FROM=TO`, such as `--reroute gpt-4=gpt-4o-mini`",
    )


def sentence(world: World, found: Effect | None) -> str:
    """Return the whole in words."""
    if found is None:
        return "No re-routing was asked for."
    moves = " and ".join(f"{rule.source} to {rule.provider}/{rule.model}" for rule in world.rules)
    share = "" if all(rule.share == 1 for rule in world.rules) else f" for {world.rules[0].share:.0%} of the calls"
    before, after = (world.a_month(side) for side in (found.before, found.after))
    why = "" if all(rule.asked for rule in world.rules) else " (chosen here, since no --reroute was given)"
    if before is None or after is None:
        return f"{moves}{share}{why}: no call has a price."
    word = "saves" if after <= before else "costs"
    told = found.saving
    ends = sorted((abs(told["p10"]), abs(told["p90"])))
    return (
        f"{moves}{share}{why}: {dollars(before)} a month becomes {dollars(after)}; it {word} "
        f"{dollars(abs(before - after))} ({dollars(ends[0])} to {dollars(ends[1])})."
    )


def models(world: World) -> tuple[Table, tuple[Unknown, ...]]:
    """Return today's and the new model as the log shows them: calls, latency and quality."""
    rows: list[dict[str, Any]] = []
    for rule in world.rules:
        rows.append({"role": "today", "name": rule.source, **_seen(world, rule.where)})
        known = "priced_provider = $provider AND priced_model = $model"
        name = {"provider": rule.provider, "model": rule.model}
        rows.append({"role": "new", "name": f"{rule.provider}/{rule.model}", **_seen(world, known, name)})
    unknown = () if all(row["quality_mean"] is not None for row in rows) else (QUALITY,)
    return Table("models", "The models as the log shows them", _COLUMNS, rows), unknown


def _seen(world: World, condition: str, values: dict[str, str] | None = None) -> dict[str, Any]:
    row = world.connection.execute(
        f"""SELECT coalesce(sum(n), 0)::HUGEINT, quantile_disc(latency_ms, 0.5), quantile_disc(latency_ms, 0.95),
          CAST(sum(CAST(quality_score AS DECIMAL(18, 9))) AS DOUBLE) / count(quality_score)
        FROM {world.calls} WHERE {condition}""",
        values or {},
    ).fetchone()
    assert row is not None
    calls, middle, high, quality = row
    return {
        "calls": int(calls),
        "latency_p50_ms": None if middle is None else round(float(middle), 1),
        "latency_p95_ms": None if high is None else round(float(high), 1),
        "quality_mean": None if quality is None or quality != quality else round(float(quality), 4),
    }


def first(world: World, dimensions: tuple[str, ...]) -> tuple[Table, ...]:
    """Return today's spend by several dimensions, each under its own name."""
    return tuple(spend.by(world, one) for one in dimensions) if world.count else ()
