"""Senders that do what a script says, on a clock that stands still between steps."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache

from tokenop.prices import book
from tokenop.providers import errors
from tokenop.providers.base import Target, Timeouts
from tokenop.providers.errors import ProviderError
from tokenop.providers.model import Delta, Message, Request, Response, Text, Usage
from tokenop.routing.chain import Breakers, ChainResult, Policy, run, stream

PAIRS = (
    ("groq", "llama-3.3-70b-versatile"),
    ("anthropic", "claude-haiku-4-5"),
    ("ollama", "devstral:24b"),
    ("groq", "llama-3.1-8b-instant"),
)
TARGETS = tuple(Target(f"t{number}", *pair) for number, pair in enumerate(PAIRS))
REQUEST = Request("", (Message("user", (Text("Say hello, in words that are none of ours."),)),))
USED = Usage(12, 5)
ANSWER = Response("", (Text("Hello there"),), "stop", USED)
FIRST = datetime(2026, 11, 1, tzinfo=UTC)
STEP = 0.25

Make = Callable[..., Exception]


def _timed_out(phase: errors.Phase) -> Make:
    return lambda **more: errors.TimedOutError("too slow", phase=phase, **more)


def _unforeseen(**_more: object) -> Exception:
    return KeyError("sk-secret")


def _typed(kind: type[ProviderError]) -> Make:
    return lambda **more: kind("as the script says", **more)


def every_error() -> dict[str, Make]:
    """Return a maker of each error that a sender may raise, by a name."""
    waiting, kinds = [ProviderError], [ProviderError]
    while waiting:
        below = waiting.pop().__subclasses__()
        waiting += below
        kinds += below
    made = {kind.kind: _typed(kind) for kind in kinds if kind is not errors.TimedOutError}
    for phase in ("connect", "first_token", "total"):
        made[f"timeout_{phase}"] = _timed_out(phase)
    return {**made, "unforeseen": _unforeseen}


@cache
def prices() -> book.PriceBook:
    """Return the shipped prices."""
    return book.load()


@dataclass
class Clock:
    """Seconds that pass only when somebody waits or a sender works."""

    now: float = 1000.0
    waits: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def wall(self) -> datetime:
        """Return the time of day."""
        return FIRST + timedelta(seconds=self.now)

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        assert seconds >= 0
        self.waits.append(seconds)
        self.now += seconds


@dataclass
class Fault:
    """What happens instead of an answer: the error, after so many pieces of the answer (0: before the first)."""

    make: Make
    pieces: int = 0
    retry_after: float | None = None

    def error(self, target: Target) -> Exception:
        """Return the error as a sender raises it."""
        return self.make(
            provider=target.provider,
            model=target.model,
            retry_after=self.retry_after,
            after_first_token=self.pieces > 0,
        )


Script = Sequence[Fault | None]


@dataclass
class Scripted:
    """Does for each target what its script says, call after call; the last step stays. None is an answer."""

    scripts: dict[str, Script]
    clock: Clock
    asked: list[str] = field(default_factory=list)
    timeouts: list[Timeouts] = field(default_factory=list)

    def _step(self, request: Request, target: Target, timeouts: Timeouts) -> Fault | None:
        assert request.model == target.model
        self.clock.now += STEP
        script = self.scripts[target.name]
        step = script[min(self.asked.count(target.name), len(script) - 1)]
        self.asked.append(target.name)
        self.timeouts.append(timeouts)
        return step

    def send(self, request: Request, target: Target, timeouts: Timeouts) -> Response:
        """Return an answer, or raise."""
        step = self._step(request, target, timeouts)
        if step is not None:
            raise step.error(target)
        return ANSWER

    def stream(self, request: Request, target: Target, timeouts: Timeouts) -> Iterator[Delta]:
        """Yield an answer, or raise at its place."""
        step = self._step(request, target, timeouts)
        if step is not None and not step.pieces:
            raise step.error(target)
        yield Delta("start", id=target.name)
        for piece in ("Hello", " there")[: step.pieces if step else 2]:
            self.clock.now += STEP
            yield Delta("text", text=piece)
        if step is not None:
            raise step.error(target)
        yield Delta("usage", usage=USED)
        yield Delta("end", response=ANSWER)


@dataclass
class AsyncScripted:
    """The same for an event loop."""

    scripted: Scripted

    async def send(self, request: Request, target: Target, timeouts: Timeouts) -> Response:
        """Return an answer, or raise."""
        return self.scripted.send(request, target, timeouts)

    async def stream(self, request: Request, target: Target, timeouts: Timeouts) -> AsyncIterator[Delta]:
        """Yield an answer, or raise at its place."""
        for delta in self.scripted.stream(request, target, timeouts):
            yield delta


@dataclass
class Told:
    """What came of an operation, as its caller sees it."""

    result: ChainResult
    sender: Scripted
    clock: Clock
    deltas: list[Delta]
    raised: ProviderError | None


def ask(
    scripts: Sequence[Script],
    *,
    streaming: bool = False,
    policy: Policy | None = None,
    breakers: Breakers | None = None,
    clock: Clock | None = None,
    usable: Callable[[Target], str | None] | None = None,
    operation_id: str = "op",
) -> Told:
    """Ask a chain of as many targets as there are scripts."""
    clock = clock or Clock()
    targets = TARGETS[: len(scripts)]
    sender = Scripted({target.name: script for target, script in zip(targets, scripts, strict=True)}, clock)
    rows: list[object] = []
    settings = {
        "policy": policy or Policy(),
        "breakers": breakers or Breakers(),
        "clock": clock,
        "wall": clock.wall,
        "sleep": clock.sleep,
        "prices": prices(),
        "operation_id": operation_id,
        "record": rows.append,
        **({"usable": usable} if usable else {}),
    }
    deltas: list[Delta] = []
    raised = None
    if streaming:
        with stream(targets, REQUEST, sender, **settings) as answer:
            try:
                deltas = list(answer)
            except ProviderError as error:
                raised = error
        result = answer.result
        assert result.error is raised
    else:
        result = run(targets, REQUEST, sender, **settings)
        raised = result.error
    assert rows == list(result.attempts)
    return Told(result, sender, clock, deltas, raised)
