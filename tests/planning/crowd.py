"""A crowd of templates that compete for the same calls: what the search for the best set is timed and checked on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import numpy as np

from tests.economics import world
from tokenop.catalogue.model import Lever, Range
from tokenop.economics import draws
from tokenop.economics.levers import Bound, chain_key
from tokenop.economics.state import Array, Cells
from tokenop.planning.policy import Policy
from tokenop.planning.select import Problem
from tokenop.prices.calls import TargetRate

# USD per million tokens as in `world.MODELS`.
MODELS: dict[str, tuple[float, float | None, float | None, float | None, float, float | None]] = {
    "opus": (15, 1.5, 18.75, 30, 75, 0.5), "sonnet": (3, 0.3, 3.75, 6, 15, 0.5),
    "gpt4o": (2.5, 1.25, None, None, 10, 0.5), "haiku": (1, 0.1, 1.25, 2, 5, 0.5),
    "mini": (0.15, 0.075, None, None, 0.6, 0.5), "groq": (0.59, None, None, None, 0.79, None),
}  # fmt: skip
SOURCES, TARGETS = ("opus", "sonnet", "gpt4o", "haiku"), ("haiku", "mini", "groq", "sonnet")
KINDS = (
    "trim",
    "response_cache",
    "prompt_cache",
    "reroute",
    "reroute",
    "cascade",
    "batch",
    "trim",
    "cascade",
    "self_host",
)
RATES = ("r_uncached", "r_read", "r_write_5m", "r_write_1h", "r_output")


@dataclass
class _Drawn:
    """The cells so far, and the random numbers that they come from."""

    random: np.random.Generator
    model: np.ndarray
    intent: np.ndarray
    tokens: list[Array]
    match: dict[str, np.ndarray]
    measures: dict[str, Array]
    loads: dict[str, tuple[Array, Array]]


def problem(seed: int, templates: int, cells: int, policy: Policy, monthly_usd: float = 50_000) -> Problem:
    """Return a random problem of the given size: a bill of many tenants, models and intents, levers of every kind."""
    random = np.random.default_rng(seed)
    model = random.choice(len(SOURCES), cells, p=[0.1, 0.4, 0.3, 0.2])
    weight = random.lognormal(0, 1.8, cells)
    dollars = weight / weight.sum() * monthly_usd
    rates = [np.array([_rate(SOURCES[one], bucket) / 1e6 for one in model]) for bucket in range(len(RATES))]
    sent, written = (
        dollars * random.uniform(0.5, 0.9, cells) / rates[0],
        dollars * random.uniform(0.1, 0.3, cells) / rates[4],
    )
    read = np.where(random.random(cells) < 0.3, sent * random.uniform(0.2, 0.8, cells), 0.0)
    tokens = [sent - 1.1 * read, read, 0.1 * read, np.zeros(cells), written]
    tokens[0] = np.maximum(tokens[0], 0.0)
    drawn = _Drawn(random, model, random.integers(0, 12, cells), tokens, {}, {"tokens_u": tokens[0]}, {})
    bounds = [_bound(drawn, number) for number in range(templates)]
    made = Cells(
        sent[None, :] / 3000, tuple(one[None, :] for one in tokens), np.zeros((1, cells)),
        sum((one * rate for one, rate in zip(tokens, rates, strict=True)), np.zeros(cells)), tuple(rates),
        np.full(cells, 0.5), np.ones(cells), np.full(cells, 900.0), [SOURCES[one] for one in model],
        drawn.match, drawn.measures,
        {"rep_24": np.where(random.random(cells) < 0.5, random.random(cells) * 0.2, np.nan)},
        drawn.loads,
    )  # fmt: skip
    names = [bound.template for bound in bounds]
    return Problem(
        made, 720.0, 730.5 / 720, tuple(_template(random, names, name) for name in names),
        tuple(sorted(bounds, key=chain_key)), draws.as_arrays(draws.expected(bounds)), policy,
    )  # fmt: skip


def _rate(model: str, bucket: int) -> float:
    value = MODELS[model][bucket]
    return float(MODELS[model][0] or 0) if value is None else float(value)


def _bound(drawn: _Drawn, number: int) -> Bound:
    random, kind, name = drawn.random, KINDS[number % len(KINDS)], f"l{number}"
    needed = world.DEFAULTS[kind] | {"share": float(random.uniform(0.2, 0.9))}
    if kind == "trim":
        needed |= {
            "input_reduction": float(random.uniform(-0.05, 0.35)),
            "output_reduction": float(random.uniform(0, 0.3)),
        }
    ranges = {key: Range(*(Decimal(repr(value)),) * 3, "assumed", "test") for key, value in needed.items()}
    bound = Bound(f"t{number:02d}", Lever(kind, "true", ranges, world.OPTIONS.get(kind, {}), 0), name)
    flags = np.isin(drawn.intent, random.choice(12, int(random.integers(2, 12)), replace=False))
    if kind in ("reroute", "cascade"):
        target = TARGETS[int(random.integers(len(TARGETS)))]
        flags &= np.array([SOURCES[one] != target for one in drawn.model])
        prices: dict[str, Any] = {
            key: None if v is None else v / 1e6 for key, v in zip(RATES, MODELS[target], strict=False)
        }
        rate = TargetRate(0, None, **prices, r_call=0.0, batch_discount=MODELS[target][5], price_id=target)
        bound = replace(bound, target=(rate,), target_provider=target, target_model=target)
    if kind == "prompt_cache":
        flags &= drawn.tokens[1] == 0
        hit = drawn.tokens[0] * random.uniform(0, 0.6, flags.size)
        nothing = np.zeros(flags.size)
        drawn.measures |= {f"{name}_hit": hit, f"{name}_write": 0.3 * (drawn.tokens[0] - hit)}
        drawn.measures |= {f"{name}_warm": nothing, f"{name}_cold": nothing}
    if kind == "self_host":
        prefill, decode = (
            float((one * flags).sum()) / 720 for one in (drawn.tokens[0] + drawn.tokens[2], drawn.tokens[4])
        )
        drawn.loads[name] = np.full(720, prefill), np.full(720, decode)
    drawn.match[name] = flags
    return bound


def _template(random: np.random.Generator, names: Sequence[str], name: str) -> Any:
    def others(chance: float) -> tuple[str, ...]:
        other = str(random.choice(names))
        return (other,) if random.random() < chance and other != name else ()

    made = world.template(
        name, hours=int(random.integers(8, 120)), running=int(random.choice([0, 50, 200, 1000])),
        requires=others(0.1), conflicts=others(0.15), drop=str(random.choice(["0", "0.005", "0.01", "0.02"])),
    )  # fmt: skip
    made.implementation.hourly_rate_usd = Decimal(200)
    return made
