"""How long routing a request takes, against a plain loop over the providers.

Run it with `python -m tests.benchmarks.bench_route [--calls 20000] [--runs 5]` from the repository. One request here:
the shipped config decides, the chain begins, asks, is told of a failure, asks the next, is told of the answer; nothing
is sent. The baseline is what one would write without all that: `for target in targets: try …`, with no rules, circuits,
budget, waits or rows. Times are medians of the runs, in microseconds of processor time a request.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

from tokenop import routing
from tokenop.prices import book
from tokenop.providers.base import Target, Timeouts
from tokenop.providers.errors import OverloadedError, ProviderError
from tokenop.providers.model import Delta, Message, Request, Response, Text, Usage
from tokenop.routing.chain import Attempt, Breakers, Chain, Policy, Try, attempts_as_events, policy_of, run
from tokenop.routing.model import Breaker, Decision

MOST_MICROSECONDS = 50.0
TARGETS = (
    Target("ollama", "ollama", "qwen2.5-coder:32b"),
    Target("groq", "groq", "llama-3.3-70b-versatile"),
    Target("anthropic", "anthropic", "claude-haiku-4-5"),
)
REQUEST = Request("", (Message("user", (Text("Say hello."),)),))
ANSWER = Response("", (Text("Hello"),), "stop", Usage(12, 5))
DOWN = OverloadedError("full", provider="ollama", status=529)
# Never opens, so that every request asks the one that fails: the longer way.
NEVER = Breaker(failures=10**9)
SHARED = Breakers(NEVER)


class FirstIsDown:
    """A sender whose first provider always fails at once."""

    def send(self, request: Request, target: Target, timeouts: Timeouts) -> Response:
        """Answer, or fail."""
        if target is TARGETS[0]:
            raise DOWN
        return ANSWER

    def stream(self, request: Request, target: Target, timeouts: Timeouts) -> list[Delta]:
        """Answer nothing: not measured."""
        return []


def ruling() -> Callable[[], object]:
    """Return what the rules of the shipped config say of a request that none of them takes: the longest way."""
    config = routing.load(routing.shipped())
    facts = routing.facts(intent="greet a newcomer", input_tokens=900, has_tools=True, tool_count=2, image_count=0)
    assert routing.decide(config, facts).by == "default"
    return lambda: routing.decide(config, facts)


def chaining() -> Callable[[], object]:
    """Return one request's chain: begin, first target, failure, second target, answer."""
    return _chaining(TARGETS, Policy())


def whole() -> Callable[[], object]:
    """Return both: the rules, then the chain of the tier that they lead to."""
    rule, config = ruling(), routing.load(routing.shipped())

    def once() -> object:
        decision = rule()
        assert isinstance(decision, Decision)
        return _chaining(decision.chain, policy_of(config, decision))()

    return once


def _chaining(targets: tuple[Target, ...], policy: Policy) -> Callable[[], object]:
    def once() -> object:
        chain = Chain(targets, policy, SHARED, draw=float)
        chain.next(time.monotonic())
        chain.failed(DOWN, time.monotonic())
        action = chain.next(time.monotonic())
        chain.succeeded(time.monotonic())
        assert isinstance(action, Try)
        return action

    return once


def driving() -> Callable[[], object]:
    """Return one whole `run` with its two rows, priced; nothing is sent."""
    breakers, prices, send = Breakers(NEVER), book.load(), FirstIsDown()
    rows: list[Attempt] = []

    def once() -> object:
        rows.clear()
        result = run(TARGETS, REQUEST, send, breakers=breakers, prices=prices, record=rows.append, operation_id="op")
        assert result.response is ANSWER
        return result

    return once


def writing() -> Callable[[], object]:
    """Return the two rows of a request as events."""
    rows = [
        Attempt("op", number, TARGETS[number], "m", datetime(2026, 11, 1, tzinfo=UTC), 12.5, "ok", usage=ANSWER.usage)
        for number in (1, 2)
    ]
    return lambda: attempts_as_events(rows, tier="T3")


def looping() -> Callable[[], object]:
    """Return the baseline: a plain loop over the providers."""
    send, timeouts = FirstIsDown(), Timeouts()

    def once() -> object:
        for target in TARGETS:
            try:
                return send.send(REQUEST.to(target.model), target, timeouts)
            except ProviderError:
                continue
        raise AssertionError

    return once


MEASURED: dict[str, Callable[[], Callable[[], object]]] = {
    "rules_us": ruling,
    "chain_us": chaining,
    "rules_and_chain_us": whole,
    "run_with_rows_us": driving,
    "two_rows_as_events_us": writing,
    "plain_loop_us": looping,
}


def microseconds(once: Callable[[], object], calls: int) -> float:
    """Return the processor time of one call."""
    start = time.process_time()
    for _ in range(calls):
        once()
    return (time.process_time() - start) / calls * 1e6


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=5)
    asked = parser.parse_args()
    ready = {name: make() for name, make in MEASURED.items()}
    times: dict[str, list[float]] = {name: [] for name in ready}
    for _ in range(asked.runs):
        for name, once in ready.items():
            times[name].append(microseconds(once, asked.calls))
    figures: dict[str, object] = {name: round(statistics.median(each), 2) for name, each in times.items()}
    figures["met"] = statistics.median(times["rules_and_chain_us"]) < MOST_MICROSECONDS
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
