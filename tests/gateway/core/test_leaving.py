"""Calls that do not end as they should: the caller goes, the provider breaks off, somebody is too slow."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.gateway.core.rig import CHAT, MESSAGES, Caller, Rig, asked, rig, serving_of
from tests.gateway.upstream import CLOSE, STALL, Asked, Script, Step, Upstream, hello
from tests.thoroughness import examples
from tokenop.gateway.model import Serving


def _stalled(asked: Asked) -> list[Step]:
    return [*hello(asked)[:2], STALL] if asked.streaming else [STALL]


def _cut(asked: Asked) -> list[Step]:
    return [*hello(asked)[:3], CLOSE] if asked.streaming else [hello(asked)[0][:20], CLOSE]


def _endless(asked: Asked) -> Iterator[Step]:
    head, first, piece = hello(asked)[:3]
    yield from (head, first)
    while True:
        yield piece


SCRIPTS: dict[str, Script] = {"stalled": _stalled, "cut": _cut, "endless": _endless, "slow": hello}


@pytest.fixture(scope="module")
def serving(up: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Serving:
    up.scripts.update({f"patient-{name}": script for name, script in SCRIPTS.items()})
    return serving_of(up, tmp_path_factory.mktemp("config"), [f"patient-{name}" for name in SCRIPTS])


def run(serving: Serving, folder: Path, what: Callable[[Rig], Awaitable[None]]) -> None:
    async def main() -> None:
        async with rig(serving, folder) as made:
            await what(made)

    asyncio.run(main())


def to(fault: str) -> dict[str, str]:
    return {"x_tokenop_intent": f"patient-{fault}-alone"}


def calls(up: Upstream) -> int:
    return len(up.asked)


@pytest.mark.parametrize("stream", [False, True])
def test_who_hangs_up_while_waiting_ends_the_call_at_its_provider(
    serving: Serving, tmp_path: Path, up: Upstream, stream: bool
) -> None:
    async def what(made: Rig) -> None:
        before = calls(up)
        caller = Caller(asked(stream=stream))
        under_way = asyncio.create_task(made.run(caller, **to("stalled")))
        await asyncio.to_thread(up.until, lambda: calls(up) > before)
        caller.gone.set()
        async with asyncio.timeout(5):
            await under_way
        await asyncio.to_thread(up.until, lambda: before in up.gone)
        (row,) = made.log.rows
        assert row["status"] == "cancelled"
        assert made.told.outcomes[0].status == 499
        assert made.told.released == 1

    run(serving, tmp_path, what)


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
def test_who_hangs_up_in_the_middle_ends_the_stream_at_its_provider(
    serving: Serving, tmp_path: Path, up: Upstream, path: str
) -> None:
    async def what(made: Rig) -> None:
        before = calls(up)
        caller = Caller(asked(path, stream=True), hangs_up_after=3)
        async with asyncio.timeout(10):
            answer = await made.run(caller, path, **to("endless"))
        assert (answer.status, answer.ended) == (200, False)
        await asyncio.to_thread(up.until, lambda: before in up.gone)
        (row,) = made.log.rows
        assert (row["status"], row["usage_source"]) == ("cancelled", "estimated")
        assert row["output_tokens"] > 0
        assert made.told.outcomes[0].status == 499

    run(serving, tmp_path, what)


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
def test_a_stream_that_is_cut_says_so_in_the_callers_wire(serving: Serving, tmp_path: Path, path: str) -> None:
    async def what(made: Rig) -> None:
        answer = await made.run(Caller(asked(path, stream=True)), path, **to("cut"))
        assert (answer.status, answer.ended) == (200, True)
        assert b"Hello" in answer.body
        assert b"error" in answer.pieces[-1]
        assert b"[DONE]" not in answer.body
        assert b"message_stop" not in answer.body
        (row,) = made.log.rows
        assert row["status"] in {"malformed", "connection"}
        assert row["output_tokens"] > 0
        assert made.told.outcomes[0].response is None

    run(serving, tmp_path, what)


def test_a_slow_reader_holds_the_provider_back_and_not_the_memory(
    serving: Serving, tmp_path: Path, up: Upstream
) -> None:
    async def what(made: Rig) -> None:
        caller = Caller(asked(stream=True))
        under_way = asyncio.create_task(made.run(caller, **to("endless")))
        await caller.until(lambda answer: len(answer.pieces) >= 2)
        caller.reads.clear()
        seen = len(made.told.deltas)
        for _ in range(200):
            await asyncio.sleep(0)
        assert len(made.told.deltas) <= seen + 1000  # what one packet held
        caller.gone.set()
        caller.reads.set()
        async with asyncio.timeout(10):
            await under_way

    run(serving, tmp_path, what)


def test_who_reads_so_slowly_that_it_takes_longer_than_a_provider_may_is_let_go(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def what(made: Rig) -> None:
        monkeypatch.setattr(made.answering.standings.current, "longest", 0.05)
        caller = Caller(asked(stream=True))
        caller.reads.clear()
        async with asyncio.timeout(10):
            await made.run(caller)
        assert made.told.outcomes[0].status == 499
        assert len(made.log.rows) == 1

    run(serving, tmp_path, what)


def test_a_call_that_the_server_breaks_off_leaves_its_row(serving: Serving, tmp_path: Path, up: Upstream) -> None:
    async def what(made: Rig) -> None:
        before = calls(up)
        under_way = asyncio.create_task(made.run(Caller(asked()), **to("stalled")))
        await asyncio.to_thread(up.until, lambda: calls(up) > before)
        under_way.cancel()
        with pytest.raises(asyncio.CancelledError):
            await under_way
        await made.answering.idle()
        assert [row["status"] for row in made.log.rows] == ["cancelled"]
        assert made.told.released == 1

    run(serving, tmp_path, what)


@st.composite
def fates(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "path": draw(st.sampled_from([CHAT, MESSAGES])),
        "stream": draw(st.booleans()),
        "fault": draw(st.sampled_from(["stalled", "cut", "endless", "slow"])),
        "alone": draw(st.booleans()),
        "gone": draw(st.sampled_from([None, 0, 1, 2, 3])),
        "model": draw(st.sampled_from(["auto", "gpt-none", "T4"])),
        "durable": draw(st.booleans()),
    }


@settings(max_examples=examples(25, 300), deadline=None)
@given(drawn=st.lists(fates(), min_size=1, max_size=6))
def test_whatever_happens_each_call_ends_once_and_leaves_its_rows(drawn: list[dict[str, Any]]) -> None:
    """Many at once, each with its own trouble: one outcome, its rows, no reservation left, nothing under way."""
    folder = Path("/nowhere")

    async def one(made: Rig, fate: dict[str, Any]) -> None:
        endless = fate["stream"] and fate["fault"] == "endless"
        waits = fate["fault"] == "stalled" or endless or (fate["fault"] == "endless" and not fate["stream"])
        caller = Caller(asked(fate["path"], model=fate["model"], stream=fate["stream"]), hangs_up_after=fate["gone"])
        intent = f"patient-{fate['fault']}{'-alone' if fate['alone'] else ''}"
        under_way = asyncio.create_task(made.run(caller, fate["path"], x_tokenop_intent=intent))
        if waits and not (endless and fate["gone"]):
            await asyncio.sleep(0)
            asyncio.get_running_loop().call_later(0.02, caller.gone.set)
        async with asyncio.timeout(20):
            await under_way

    async def main() -> None:
        async with rig(HELD[0], folder, durable=drawn[0]["durable"]) as made:
            await asyncio.gather(*(one(made, fate) for fate in drawn))
            await made.answering.idle()
            assert not made.said, made.said
            assert len(made.told.outcomes) == len(made.told.kept) == len(drawn) == made.told.released
            operations = {row["parent_id"] for row in made.log.rows}
            assert operations == {call.operation_id for call in made.told.calls}
            assert len({row["id"] for row in made.log.rows}) == len(made.log.rows) == len(made.told.spent_on)
            for outcome in made.told.outcomes:
                assert outcome.events
                assert (outcome.response is not None) <= (outcome.status in (200, 499))

    asyncio.run(main())


HELD: list[Serving] = []


@pytest.fixture(autouse=True, scope="module")
def held(serving: Serving) -> Iterator[None]:
    HELD.append(serving)
    yield
    HELD.clear()
