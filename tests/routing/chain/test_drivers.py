"""Callers that go away, senders that misbehave, and the event loop: every attempt has its row, and one only."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from tests.routing.chain.scripted import (
    ANSWER,
    REQUEST,
    TARGETS,
    AsyncScripted,
    Clock,
    Fault,
    Script,
    Scripted,
    every_error,
    prices,
)
from tokenop.providers.base import Target, Timeouts
from tokenop.providers.errors import MalformedError, ProviderError, ServerError
from tokenop.providers.model import Delta, Request, Response, Text, Usage
from tokenop.routing.chain import Attempt, Breakers, Policy, arun, astream, run, stream
from tokenop.routing.model import Breaker, Retry

ERRORS = every_error()
ALWAYS: dict[str, Any] = {"prices": prices(), "operation_id": "op"}


def sender(*scripts: Script) -> Scripted:
    return Scripted({target.name: script for target, script in zip(TARGETS, scripts, strict=False)}, Clock())


def settings(send: Scripted, rows: list[Attempt]) -> dict[str, Any]:
    return {**ALWAYS, "clock": send.clock, "wall": send.clock.wall, "record": rows.append}


@pytest.mark.parametrize("seen", [0, 1, 2, 3, 4, 5])
def test_a_caller_who_hangs_up_leaves_a_row_with_what_came(seen: int) -> None:
    rows: list[Attempt] = []
    send = sender([None])
    answer = stream(TARGETS[:1], REQUEST, send, **settings(send, rows))
    pieces = [next(answer) for _ in range(seen)]
    answer.close()
    assert [row.status for row in rows] == ([] if not seen else ["ok"] if seen == 5 else ["cancelled"])
    for row in rows:
        assert row.usage.source == ("reported" if seen >= 4 else "estimated") or seen == 4
        assert row.usage.input_tokens
        assert row.cost_usd
        assert row.ttft_ms
    came = sum(len(piece.text) for piece in pieces)
    if seen in (2, 3):
        assert rows[0].usage.output_tokens == -(-came // 4)


def test_a_stream_that_nobody_reads_on_leaves_its_row_when_it_is_collected() -> None:
    rows: list[Attempt] = []
    send = sender([None])
    answer = stream(TARGETS[:1], REQUEST, send, **settings(send, rows))
    next(answer)
    del answer
    gc.collect()
    assert [row.status for row in rows] == ["cancelled"]


def test_an_error_of_the_caller_is_not_the_providers() -> None:
    rows: list[Attempt] = []
    send = sender([None], [None])
    breakers = Breakers(Breaker(failures=1))

    def careless() -> None:
        with stream(TARGETS[:2], REQUEST, send, breakers=breakers, **settings(send, rows)) as answer:
            for _ in answer:
                _ = 1 // 0

    with pytest.raises(ZeroDivisionError):
        careless()
    assert [row.status for row in rows] == ["cancelled"]
    assert breakers.door(TARGETS[0], send.clock.now) == "closed"


class Interrupted:
    def send(self, request: Request, target: Target, timeouts: Timeouts) -> Response:
        raise KeyboardInterrupt

    def stream(self, request: Request, target: Target, timeouts: Timeouts) -> Iterator[Delta]:
        yield Delta("start")
        raise KeyboardInterrupt


def test_control_c_is_passed_on_with_its_row() -> None:
    rows: list[Attempt] = []
    with pytest.raises(KeyboardInterrupt):
        run(TARGETS, REQUEST, Interrupted(), record=rows.append, **ALWAYS)
    with pytest.raises(KeyboardInterrupt):
        list(stream(TARGETS, REQUEST, Interrupted(), record=rows.append, **ALWAYS))
    assert [row.status for row in rows] == ["cancelled", "cancelled"]


def test_a_caller_who_goes_away_during_a_trial_leaves_it_to_the_next() -> None:
    breakers = Breakers(Breaker(failures=1, open_seconds=10.0))
    send = sender([Fault(ERRORS["auth"]), None])
    run(TARGETS[:1], REQUEST, send, breakers=breakers, **settings(send, []))
    send.clock.now += 10.0
    with stream(TARGETS[:1], REQUEST, send, breakers=breakers, **settings(send, [])) as answer:
        next(answer)
        assert breakers.door(TARGETS[0], send.clock.now) == "probing"
    assert breakers.admit(TARGETS[0], send.clock.now) is not None


class Misbehaving:
    """Ends streams without an end, ends without an answer, answers without usage or with an impossible one."""

    def __init__(self, *deltas: Delta, usage: Usage | None = None) -> None:
        self.deltas = deltas
        self.usage = usage or Usage(source="missing")
        self.closed = 0

    def send(self, request: Request, target: Target, timeouts: Timeouts) -> Response:
        return Response("", (Text("x" * 41),), "stop", self.usage)

    def stream(self, request: Request, target: Target, timeouts: Timeouts) -> Iterator[Delta]:
        try:
            yield from self.deltas
        finally:
            self.closed += 1


@pytest.mark.parametrize("deltas", [(), (Delta("start"),), (Delta("end"),), (Delta("usage", usage=Usage(1, 1)),)])
def test_a_stream_without_its_end_is_malformed_and_may_be_asked_again(deltas: tuple[Delta, ...]) -> None:
    rows: list[Attempt] = []
    send = Misbehaving(*deltas)
    with pytest.raises(MalformedError):
        list(stream(TARGETS[:1], REQUEST, send, record=rows.append, sleep=lambda _: None, **ALWAYS))
    assert [row.status for row in rows] == ["malformed"] * 2
    assert send.closed == 2


class Hesitating:
    """Opens an empty part and fails; the second time it answers."""

    def __init__(self) -> None:
        self.asked = 0

    def send(self, request: Request, target: Target, timeouts: Timeouts) -> Response:
        raise NotImplementedError

    def stream(self, request: Request, target: Target, timeouts: Timeouts) -> Iterator[Delta]:
        self.asked += 1
        yield Delta("start", id=str(self.asked))
        yield Delta("text", text="")
        if self.asked == 1:
            raise ServerError("down", after_first_token=True)
        yield Delta("tool_call", id="c1", name="look_up")
        yield Delta("end", response=ANSWER)


def test_an_empty_part_is_no_token_and_a_call_of_a_tool_is_one() -> None:
    deltas = list(stream(TARGETS[:1], REQUEST, Hesitating(), sleep=lambda _: None, **ALWAYS))
    assert [(delta.kind, delta.id) for delta in deltas] == [
        ("start", "2"),
        ("text", None),
        ("tool_call", "c1"),
        ("end", None),
    ]


def test_an_answer_without_usage_is_estimated_and_marked() -> None:
    result = run(TARGETS[:1], REQUEST, Misbehaving(), **ALWAYS)
    (row,) = result.attempts
    assert row.usage == Usage(11, 11, source="estimated")
    assert row.cost_usd is not None


@pytest.mark.parametrize(
    "usage",
    [
        Usage(-5, 3),
        Usage(10**15, 3),
        Usage(100_000_001, 3),
        Usage(10, 3, cache_read_input_tokens=11),
        Usage(10, 3, cache_creation_1h_input_tokens=1),
        Usage(10, 3, reasoning_output_tokens=4),
        Usage(True, 3),
    ],
)
def test_counts_that_no_call_can_have_are_not_believed(usage: Usage) -> None:
    (row,) = run(TARGETS[:1], REQUEST, Misbehaving(usage=usage), **ALWAYS).attempts
    assert row.usage.source == "estimated"
    assert row.usage.input_tokens in (10, 11)
    assert row.usage.cache_read_input_tokens is row.usage.reasoning_output_tokens is None


def test_a_0_token_answer_stays_0_tokens() -> None:
    (row,) = run(TARGETS[:1], REQUEST, Misbehaving(usage=Usage(10, 0)), **ALWAYS).attempts
    assert row.usage == Usage(10, 0)


def test_a_log_that_cannot_be_written_is_loud() -> None:
    def full(_row: Attempt) -> None:
        raise OSError(28, "No space left on device")

    for script in ([None], [Fault(ERRORS["server"])]):
        send = sender(script)
        with pytest.raises(OSError, match="No space"):
            run(TARGETS[:1], REQUEST, send, record=full, **ALWAYS)
        with pytest.raises(OSError, match="No space"):
            list(stream(TARGETS[:1], REQUEST, sender(script), record=full, **ALWAYS))
        assert send.asked == ["t0"]


def plain(rows: tuple[Attempt, ...]) -> list[tuple[Any, ...]]:
    return [(row.attempt, row.target.name, row.status, row.usage, row.cost_usd, row.fallback_used) for row in rows]


def pieces_of(answer: Iterator[Delta]) -> list[Any]:
    seen: list[Any] = []
    try:
        for delta in answer:
            seen.append(delta)  # what came before the error counts
    except ProviderError as error:
        seen.append(error.kind)
    return seen


def test_the_event_loop_does_what_the_thread_does() -> None:
    async def nothing(_seconds: float) -> None: ...

    async def both(script: Script) -> None:
        scripts = (script, [None])
        one = run(TARGETS[:2], REQUEST, sender(*scripts), sleep=lambda _: None, **ALWAYS)
        two = await arun(TARGETS[:2], REQUEST, AsyncScripted(sender(*scripts)), sleep=nothing, **ALWAYS)
        assert (plain(one.attempts), one.response) == (plain(two.attempts), two.response)
        answer = stream(TARGETS[:2], REQUEST, sender(*scripts), sleep=lambda _: None, **ALWAYS)
        other = astream(TARGETS[:2], REQUEST, AsyncScripted(sender(*scripts)), sleep=nothing, **ALWAYS)
        seen = pieces_of(answer)
        others: list[Any] = []
        try:
            async for delta in other:
                others.append(delta)  # what came before the error counts
        except ProviderError as error:
            others.append(error.kind)
        assert seen == others
        assert plain(answer.result.attempts) == plain(other.result.attempts)

    for name in ERRORS:
        for pieces in (0, 1):
            asyncio.run(both([Fault(ERRORS[name], pieces)]))


class Hanging:
    """Says a word, then nothing more."""

    def __init__(self, words: int) -> None:
        self.words = words
        self.closed = 0

    async def send(self, request: Request, target: Target, timeouts: Timeouts) -> Response:
        await asyncio.Event().wait()
        return ANSWER

    async def stream(self, request: Request, target: Target, timeouts: Timeouts) -> AsyncIterator[Delta]:
        try:
            for _ in range(self.words):
                yield Delta("text", text="word")
            await asyncio.Event().wait()
        finally:
            self.closed += 1


@pytest.mark.parametrize("words", [0, 2])
def test_a_cancelled_call_stays_cancelled_and_leaves_its_row(words: int) -> None:
    rows: list[Attempt] = []
    send = Hanging(words)

    async def whole() -> None:
        await arun(TARGETS, REQUEST, send, record=rows.append, **ALWAYS)

    async def streamed() -> None:
        async with astream(TARGETS, REQUEST, send, record=rows.append, **ALWAYS) as answer:
            async for _ in answer:
                pass

    async def hang_up() -> None:
        before, closed = len(rows), send.closed
        async with astream(TARGETS, REQUEST, send, record=rows.append, **ALWAYS) as answer:
            await anext(answer)
        assert len(rows) == before + 1, "not only when the garbage is collected"
        assert send.closed == closed + 1

    async def main() -> None:
        for call in (whole, streamed):
            task = asyncio.create_task(call())
            for _ in range(10):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        if words:
            await hang_up()

    asyncio.run(main())
    assert [row.status for row in rows] == ["cancelled"] * (3 if words else 2)
    assert rows[1].usage.output_tokens == words
    assert send.closed == len(rows) - 1


def test_many_threads_over_one_set_of_circuits_lose_no_row() -> None:
    breakers, rows, lock = Breakers(Breaker(failures=3, open_seconds=0.001)), [], threading.Lock()
    calls = []

    class Flapping:
        def send(self, request: Request, target: Target, timeouts: Timeouts) -> Response:
            with lock:
                calls.append(target.name)
                down = target.name == "t0" and len(calls) % 7 < 5
            if down:
                raise ServerError("down")
            return ANSWER

        def stream(self, request: Request, target: Target, timeouts: Timeouts) -> Iterator[Delta]:
            raise NotImplementedError

    def one(_number: int) -> bool:
        result = run(
            TARGETS[:2],
            REQUEST,
            Flapping(),
            breakers=breakers,
            record=rows.append,
            sleep=lambda _: None,
            prices=prices(),
        )
        return result.response is not None

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(one, range(800)))
    assert len(rows) == len(calls)
    assert sorted(row.target.name for row in rows) == sorted(calls)
    assert len({(row.operation_id, row.attempt) for row in rows}) == len(rows)


def test_a_rules_target_is_sent_what_the_rule_says_and_the_next_the_request_as_it_came() -> None:
    sent: list[Request] = []

    class Noting(Misbehaving):
        def send(self, request: Request, target: Target, timeouts: Timeouts) -> Response:
            sent.append(request)
            if len(sent) == 1:
                raise ServerError("down", provider=target.provider, model=target.model)
            return ANSWER

    own = replace(TARGETS[0], options={"request": {"temperature": 0.5}})
    policy = Policy(retry=Retry(attempts=1))
    assert run((own, TARGETS[1]), REQUEST, Noting(), policy=policy, **ALWAYS).response == ANSWER
    assert [(one.model, one.temperature) for one in sent] == [(own.model, 0.5), (TARGETS[1].model, None)]
