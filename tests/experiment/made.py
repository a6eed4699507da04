"""Prompts, results and pairs for tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tokenop.experiment.model import NO_USAGE, Pair, Prompt, Reply, Result
from tokenop.experiment.targets import of
from tokenop.providers.base import Target, Timeouts
from tokenop.providers.model import Delta, Message, Request, Response, Text, Usage

AT = datetime(2026, 9, 21, 12, 0, tzinfo=UTC)
BIG, SMALL = of("anthropic", "claude-sonnet-4-5"), of("anthropic", "claude-haiku-4-5")


def prompt(name: str, text: str = "", **more: Any) -> Prompt:
    return Prompt(name, (Message("user", (Text(text or name),)),), **more)


def reply(name: str, text: str = "ok", cost: str | None = "0.01", **more: Any) -> Reply:
    known = {"finish": "stop", "usage": NO_USAGE, "latency_ms": 10.0, "at": AT, "origin": "live", **more}
    who = {"role": "answer", "target": "a/b", "provider": "a", "model": "b"}
    parts = (Text(text),) if text else ()
    return Reply(
        key=name, prompt=name, parts=parts, cost_usd=None if cost is None else Decimal(cost), **who, **known
    )  # fmt: skip


def result(name: str, side: str = "s", text: str = "ok", cost: str | None = "0.01", **more: Any) -> Result:
    return Result(name, side, (Text(text),) if text else (), "stop", (reply(name, text, cost),), **more)


def pair(name: str, difference: float | None, before: str = "0.02", after: str | None = "0.01", **more: Any) -> Pair:
    return Pair(name, result(name, "baseline", cost=before), result(name, "c", cost=after), difference, **more)


class Scripted:
    """A sender that answers by a function of model and text; counts calls."""

    def __init__(self, answer: Callable[[str, str], str], usage: Usage | None = None) -> None:
        self._answer = answer
        self._usage = usage or Usage(input_tokens=100, output_tokens=10)
        self.asked: list[tuple[str, str]] = []

    def send(self, request: Request, target: Target, timeouts: Timeouts) -> Response:
        text = "".join(part.text for part in request.messages[-1].parts if isinstance(part, Text))
        self.asked.append((request.model, text))
        said = self._answer(request.model, text)
        return Response(request.model, (Text(said),) if said else (), "stop", self._usage)

    def stream(self, request: Request, target: Target, timeouts: Timeouts) -> Iterator[Delta]:
        raise NotImplementedError
