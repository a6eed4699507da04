"""The parts of one running gateway, by name."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from starlette.routing import Route

from tokenop.gateway.model import (
    Applied,
    Call,
    Gatekeeper,
    Log,
    Outcome,
    PromptCache,
    Purse,
    ResponseCache,
    Serving,
    Settings,
    Watcher,
)
from tokenop.gateway.seen.health import Health
from tokenop.gateway.upstream import GatewaySender
from tokenop.gateway.wires import embeddings
from tokenop.providers.base import Target
from tokenop.routing import decide
from tokenop.routing.chain import Breakers, Notices, Policy, policy_of
from tokenop.routing.model import Decision

Ended = Callable[[Call, Outcome], None]


def utc_now() -> datetime:
    """Return the time of day in UTC."""
    return datetime.now(UTC)


@dataclass(slots=True)
class Parts:
    """All that a call meets. `tell` is for the person who runs the gateway: one line to stderr."""

    settings: Settings
    applied: Applied
    gatekeeper: Gatekeeper
    purse: Purse
    responses: ResponseCache
    prompts: PromptCache | None
    log: Log
    sender: GatewaySender
    notices: Notices
    tell: Callable[[str], None]
    health: Health
    routes: list[Route] = field(default_factory=list)
    watchers: list[Watcher] = field(default_factory=list)
    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], datetime] = utc_now


class Audience:
    """All that are told of calls, gathered once: `listening` those who want each piece of a stream, `ended` all."""

    def __init__(self, parts: Parts) -> None:
        self.began = tuple(watcher.began for watcher in parts.watchers)
        self.listening = tuple(one.delta for one in parts.watchers if getattr(one, "wants_deltas", True))
        learning = [parts.responses.keep] if parts.prompts is None else [parts.responses.keep, parts.prompts.seen]
        self.ended: tuple[Ended, ...] = (*learning, *(watcher.ended for watcher in parts.watchers))


class Standing:
    """What one config means for each call, worked out once: who can be asked, and how far a chain may go."""

    def __init__(self, serving: Serving, usable: Callable[[Target], str | None], breakers: Breakers) -> None:
        self.serving = serving
        self.usable = usable
        self.breakers = breakers
        config = serving.config
        self.longest = max(one.total for one in (*config.timeouts.values(), policy_of(config).default_timeouts))
        self._policies: dict[tuple[str | None, str | None], Policy] = {}
        self._asked: dict[str, Decision] = {}

    def decided(self, call: Call) -> Decision:
        """Return who is asked for `call`. Raises NotAllowedError where the caller may not name what it names."""
        config, asked = self.serving.config, call.asked
        if call.wire == "openai-embeddings":
            return embeddings.decide(config, asked)
        if asked is None:
            return decide(config, call.facts, None, call.operation_id)
        decision = self._asked.get(asked)
        if decision is None:
            # Facts change nothing where a tier or model is named, and of those that may be there are few.
            decision = self._asked[asked] = decide(config, call.facts, asked, call.operation_id)
        return decision

    def policy(self, decision: Decision) -> Policy:
        """Return how far the chain of `decision` may go; in all no longer than one answer may take."""
        key = (decision.rule, decision.tier)
        policy = self._policies.get(key)
        if policy is None:
            policy = policy_of(self.serving.config, decision, deadline=self.longest)
            # What was passed on to an HTTP caller cannot be taken back.
            policy = replace(policy, retry=replace(policy.retry, after_first_token=False))
            self._policies[key] = policy
        return policy


class Standings:
    """The standing of what is in force now. The circuits outlive a config, unless their rule changes."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._standing = self._made(parts.applied.current, None)

    @property
    def current(self) -> Standing:
        """Return what holds for a call that begins now."""
        serving = self._parts.applied.current
        if serving is not self._standing.serving:
            self._standing = self._made(serving, self._standing)
        return self._standing

    def _made(self, serving: Serving, before: Standing | None) -> Standing:
        rule = serving.config.breaker
        breakers = before.breakers if before is not None and before.breakers.rule == rule else Breakers(rule)
        return Standing(serving, self._parts.sender.usable, breakers)


# Names are no secrets: asking the system for each would cost as much as all the routing.
_draw = random.Random()  # noqa: S311


def new_id() -> str:
    """Return a name for an operation that no other has: 32 hexadecimal digits."""
    return f"{_draw.getrandbits(128):032x}"
