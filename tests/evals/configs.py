"""Routing configs, tasks and sides made for tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from tests.evals.outcomes import outcome
from tokenop.evals.lanes import Ask, task_hash
from tokenop.evals.model import Outcome, Result, Task
from tokenop.evals.sides import Configured
from tokenop.providers.base import Target, Timeouts
from tokenop.providers.model import Message, Request, Text
from tokenop.routing.model import Meta, RoutingConfig, Rule, Tier

DAY = date(2026, 3, 1)


def target(model: str, provider: str = "groq", name: str | None = None) -> Target:
    """Return who is asked for `model`."""
    return Target(name or provider, provider, model)


def config(tiers: Mapping[str, tuple[Target, ...]], *, sample: bool = True, **more: Any) -> RoutingConfig:
    """Return a routing config with these chains."""
    meta = Meta("c", "c", "draft", "0.1.0", ("@a",), DAY, DAY, DAY, Decimal("0.01"), tuple(tiers), sample=sample)
    found = {target.name: target for chain in tiers.values() for target in chain}
    made = {name: Tier(name, chain) for name, chain in tiers.items()}
    settings = {"rules": (), "default_tier": next(iter(tiers)), "timeouts": {"default": Timeouts()}} | more
    return RoutingConfig(meta, "c.yaml", "route", found, made, **settings)


def rule(name: str, when: str, **more: Any) -> Rule:
    """Return a rule."""
    return Rule(name, when, lambda _: True, **more)


def task(number: int, tier: str = "T1", text: str = "Say yes.", answer: str = "yes") -> Task:
    """Return a golden task of its own name."""
    request = Request("", (Message("user", (Text(text),)),), max_output_tokens=50)
    return Task(
        f"{tier.lower()}-{number}", tier, "t", "k", "i", request, {"kind": "exact", "value": answer}, 5, (), "", 1
    )


def suite(tiers: str = "T1", each: int = 25) -> dict[str, Task]:
    """Return tasks of these tiers by id."""
    made = [task(number, tier) for tier in tiers.split() for number in range(each)]
    return {one.id: one for one in made}


def answers(worse: Mapping[str, set[str]], missing: Mapping[str, set[str]], **more: Any) -> Callable[[Ask], Any]:
    """Return what answers asks: models fail the tasks in `worse`, and have no recording of those in `missing`."""

    def answer(ask: Ask) -> Outcome | None:
        model, name = ask.chain[0].model, ask.task.id
        if ask.repeat or name in missing.get(model, set()):
            return None
        result: Result = "fail" if name in worse.get(model, set()) else "pass"
        extra = {"task_sha256": task_hash(ask.task)}
        return outcome(name, result, model=model, extra=extra, tier=ask.task.tier, **({"source": "sample"} | more))

    return answer


def side(made: RoutingConfig, tasks: Mapping[str, Task], answer: Callable[[Ask], Outcome | None]) -> Configured:
    """Return a config as a side of the gate."""
    return Configured(made.path, "0" * 64, made, tasks, answer)
