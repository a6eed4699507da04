"""Calls as the cache of answers meets them, on a clock of the test; what takes long is done at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tokenop import routing
from tokenop.gateway.model import Call, Hit, Identity, Outcome, Serving, Settings
from tokenop.gateway.responses.cache import Responses
from tokenop.providers.base import Target
from tokenop.providers.formats import FORMATS
from tokenop.providers.model import MISSING, Response, Text, Usage
from tokenop.routing import facts_of, predicates
from tokenop.routing.chain import Attempt
from tokenop.routing.model import RoutingConfig

WHEN = datetime(2026, 11, 22, 9, tzinfo=UTC)
BOTH = {"enabled": True, "modes": ["exact", "semantic"]}
EXACT = {"enabled": True}
OPENAI = Target("openai", "openai-compatible", "gpt-4o-mini")


def at_once(do: Callable[[], Any]) -> Future[Any]:
    """Do something here and now."""
    done: Future[Any] = Future()
    try:
        done.set_result(do())
    except Exception as error:
        done.set_exception(error)
    return done


@lru_cache(maxsize=1)
def _shipped() -> RoutingConfig:
    return routing.load(routing.shipped())


def serving(said: Mapping[str, Any] | None, own: Mapping[str, Any] = MappingProxyType({})) -> Serving:
    """Return what is in force with these settings of the cache."""
    cache = {} if said is None else {"response_cache": said}
    skips = []
    for text in (said or {}).get("skip", ()):
        tree, problems = predicates.read(text)
        assert tree is not None, problems
        skips.append(predicates.compiled(tree))
    return Serving(replace(_shipped(), cache=cache), "digest", WHEN, (), own, tuple(skips))


def answer(text: str = "Click on it.", **more: Any) -> Response:
    """Return a whole answer of 30 tokens."""
    return Response(
        **{"model": "gpt-4o-mini", "parts": (Text(text),), "finish": "stop", "usage": Usage(20, 10), "id": "a1", **more}
    )


def outcome(response: Response | None, **more: Any) -> Outcome:
    """Return how a call ends that one target answered; it cost a cent."""
    billed = {"usage": MISSING if response is None else response.usage, **more.pop("attempt", {})}
    attempt = Attempt("op", 1, more.pop("target", OPENAI), "gpt-4o-mini", WHEN, 5.0, "ok", **billed)
    return Outcome(**{"status": 200, "attempts": (attempt,), "response": response, "cost_usd": Decimal("0.01"), **more})


@dataclass(slots=True)
class World:
    """A folder of state, and processes that keep answers in it. `now` is in seconds and stands still unless moved."""

    state: Path
    said: Mapping[str, Any] | None = None
    own: Mapping[str, Any] = field(default_factory=dict)
    now: float = 1_795_000_000.0
    number: int = 0
    told: list[str] = field(default_factory=list)
    serving: Serving = field(init=False)
    cache: Responses = field(init=False)

    def __post_init__(self) -> None:
        self.serving = serving(self.said, self.own)
        self.cache = self.process()

    def process(self, **more: Any) -> Responses:
        """Return the cache of one more process."""
        settings = Settings(self.state, self.state, {})
        said = {"tell": self.told.append, "wall": lambda: self.now, "clock": lambda: self.now, "elsewhere": at_once}
        return Responses(settings, **{**said, **more})

    def call(self, body: Mapping[str, Any] | str, wire: str = "openai-chat", **more: Any) -> Call:
        """Return a call with a body, or with a question alone."""
        if isinstance(body, str):
            body = question(body)
        request = FORMATS[wire].read_request(body)
        self.number += 1
        tenant, labels, facts = more.pop("tenant", None), more.pop("labels", {}), more.pop("facts", {})
        call = Call(
            f"op-{self.number}", wire, body, request, Identity(tenant=tenant), labels, self.serving, WHEN, self.now,
            asked=more.pop("asked", request.model), input_tokens=20, **more,
        )  # fmt: skip
        call.facts = facts_of(request, tenant=tenant, input_tokens=call.input_tokens, **labels, **facts)
        return call

    def look_up(self, call: Call, cache: Responses | None = None) -> Hit | None:
        """Return what is found for a call."""
        looking = (cache or self.cache).look_up(call)
        try:
            looking.send(None)  # nothing here waits, so no loop is needed
        except StopIteration as found:
            return found.value
        raise AssertionError("it waits for something")

    def ask(self, body: Mapping[str, Any] | str, fresh: Response | str = "Click on it.", **more: Any) -> Call:
        """Send a call through: a provider answers `fresh` where nothing was kept. `notes["hit"]` says what was."""
        call = self.call(body, **more)
        hit = self.look_up(call)
        call.notes["hit"] = hit
        response = hit.response if hit else answer(fresh) if isinstance(fresh, str) else fresh
        ended = Outcome(200, response=response) if hit else outcome(response)
        self.cache.keep(call, ended)
        return call

    def said_of(self, body: Mapping[str, Any] | str, **more: Any) -> str:
        """Return what the cache says to a call, and leave nothing behind."""
        call = self.call(body, **more)
        self.look_up(call)
        return call.cached


def question(text: str, **more: Any) -> dict[str, Any]:
    """Return a body of OpenAI's wire that asks one thing."""
    return {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}], **more}
