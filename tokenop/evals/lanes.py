"""Who is asked each golden task: the chain of its tier, or one provider alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tokenop.errors import MisuseError
from tokenop.evals.model import Task
from tokenop.providers.base import Target
from tokenop.providers.model import Request
from tokenop.routing.model import RoutingConfig
from tokenop.routing.requests import fitted


@dataclass(frozen=True, slots=True)
class Ask:
    """One task to ask, for the `repeat`-th time from 0, and who may answer in turn. `by` says why these.

    `lane` is empty for the chain of the task's tier; the name of a rule where that rule leads elsewhere.
    """

    task: Task
    repeat: int
    chain: tuple[Target, ...]
    by: str
    lane: str = ""


def asks(
    config: RoutingConfig, tasks: Sequence[Task], provider: str | None = None, repeats: int = 1
) -> tuple[Ask, ...]:
    """Return what to ask, in the order of tiers, tasks and repeats.

    Args:
        config: says which chain a tier has.
        tasks: the golden tasks.
        provider: asks this one alone: the name of a target of the config, or of a provider.
        repeats: how often each task is asked.

    Raises:
        MisuseError: the config has no such provider, or no chain for a tier.
    """
    made = []
    for task in sorted(tasks, key=lambda task: (task.tier, task.id)):
        chain = chain_of(config, task.tier) if provider is None else (only(config, task.tier, provider),)
        by = f"tier {task.tier}" if provider is None else f"provider {provider}"
        made += [Ask(task, repeat, chain, by) for repeat in range(repeats)]
    return tuple(made)


def chain_of(config: RoutingConfig, tier: str) -> tuple[Target, ...]:
    """Return who answers for a tier, in turn.

    Raises:
        MisuseError: the config does not say.
    """
    found = config.tiers.get(tier)
    if found is None or not found.chain:
        raise MisuseError(f"{config.path}: has no chain for {tier}; leave its tasks out with --tier")
    return found.chain


def only(config: RoutingConfig, tier: str, provider: str) -> Target:
    """Return the target that `provider` is for a tier: of its chain if it stands there, else of the whole config.

    Raises:
        MisuseError: the config names no such provider.
    """
    near = config.tiers[tier].chain if tier in config.tiers else ()
    every = [*near, *(config.targets[name] for name in sorted(config.targets))]
    for target in (one for fits in (_named, _of) for one in every if fits(one, provider)):
        return target
    known = ", ".join(sorted({target.provider for target in every} | {target.name for target in every}))
    raise MisuseError(f"{config.path}: names no provider {provider!r}; it has {known}")


def _named(target: Target, provider: str) -> bool:
    return target.name == provider


def _of(target: Target, provider: str) -> bool:
    return provider in (target.provider, target.options.get("preset"))


def settings_of(target: Target) -> str:
    """Return what stands for a target's address and options (hex), empty where it has none.

    Both change answers: the same name of a model elsewhere, or with other options, is another model.
    """
    options = {name: value for name, value in target.options.items() if name != "preset"}  # who bills says that
    if not options and target.base_url is None:
        return ""
    plain = json.dumps([target.base_url, options], sort_keys=True, default=_written)
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def recorded_as(request: Request, target: Target) -> Request:
    """Return the request under which an answer of `target` is recorded: what it is sent, and how it is set."""
    sent, settings = fitted(request, target), settings_of(target)
    return replace(sent, extra={**sent.extra, "settings": settings}) if settings else sent


def task_hash(task: Task) -> str:
    """Return what changes when a task asks or wants something else (hex): its results cannot be compared any more."""
    import msgspec

    plain = msgspec.to_builtins({"request": task.request, "check": task.check}, enc_hook=_plain)
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def tasks_hash(tasks: Sequence[Task]) -> str:
    """Return what changes when any of the tasks does."""
    lines = sorted(f"{task.id} {task.tier} {task_hash(task)}" for task in tasks)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(type(value).__name__)


def _written(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else str(value)
