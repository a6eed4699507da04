"""Every error at every place of a chain: no call is lost while a provider is up, none is paid without its row."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import Ran
from tests.routing.chain.scripted import ANSWER, TARGETS, Fault, Script, Told, ask, every_error
from tokenop.routing.chain import HANDLING, Breakers, Policy, as_json, attempts_as_events
from tokenop.routing.model import Retry

ERRORS = every_error()
RETRY = Retry()
RETRY_AFTER = (None, 0.5, 3600.0)
LENGTHS = (1, 2, 3, 4)


def cases(pieces: int) -> Iterator[tuple[str, int, int, float | None, bool]]:
    """Yield error, length of the chain, how many of it are down, retry-after, and whether it is streamed."""
    for length in LENGTHS:
        downs = range(length + 1)
        yield from (
            (name, length, down, after, streaming)
            for name, down, after, streaming in itertools.product(ERRORS, downs, RETRY_AFTER, (False, True))
            if streaming or not pieces or name != "unforeseen"
        )


def scripts_of(fault: Fault, length: int, down: int) -> list[Script]:
    """Return the scripts of a chain whose first `down` targets always fail, while the others always answer."""
    return [[fault] if place < down else [None] for place in range(length)]


def holds_always(told: Told, length: int, retry: Retry = RETRY) -> None:
    """Assert what must be true of every operation."""
    rows = told.result.attempts
    assert [row.target.name for row in rows] == told.sender.asked, "one row for each call of a provider"
    assert [row.attempt for row in rows] == list(range(1, len(rows) + 1))
    assert {row.operation_id for row in rows} == {told.result.operation_id}
    assert len(rows) <= max(1 + retry.budget, length)
    assert max(map(told.sender.asked.count, told.sender.asked)) <= retry.attempts
    assert len(told.clock.waits) <= retry.budget
    assert all(wait <= retry.max_backoff_seconds for wait in told.clock.waits)
    assert told.result.waited == pytest.approx(sum(told.clock.waits))
    assert all(row.status == "ok" for row in rows) or told.result.error or told.result.response
    assert [row.status == "ok" for row in rows[:-1]] == [False] * (len(rows) - 1), "nobody is asked after an answer"
    assert (told.raised is None) == (told.result.response is not None)
    for row in rows:
        assert row.latency_ms > 0
        assert row.usage.source in ("reported", "estimated")
        if row.target.provider != "ollama":
            assert row.cost_usd is not None, "groq and anthropic have prices"
        assert "sk-secret" not in row.detail


def test_before_the_first_token_the_first_that_is_up_answers() -> None:
    count = 0
    for name, length, down, after, streaming in cases(pieces=0):
        fault = Fault(ERRORS[name], 0, after)
        told = ask(scripts_of(fault, length, down), streaming=streaming)
        holds_always(told, length)
        count += 1
        if down < length:
            assert told.result.answered_by == TARGETS[down], (name, length, down)
            assert told.result.fallback_used == (down > 0)
            assert set(told.sender.asked) == {f"t{n}" for n in range(down + 1)}
            if streaming:
                assert [delta.kind for delta in told.deltas] == ["start", "text", "text", "usage", "end"]
                assert told.deltas[0].id == f"t{down}"
        else:
            assert told.raised is not None
            assert set(told.sender.asked) == {target.name for target in TARGETS[:length]}, "each had its try"
            assert told.deltas == []
    assert count == len(ERRORS) * 14 * 3 * 2


def test_after_the_first_token_the_call_ends_with_its_error_and_its_row() -> None:
    for name, length, _down, after, streaming in cases(pieces=1):
        # All fail; the first one has spoken.
        told = ask(scripts_of(Fault(ERRORS[name], 1, after), length, length), streaming=streaming)
        holds_always(told, length)
        assert told.sender.asked == ["t0"], (name, streaming)
        (row,) = told.result.attempts
        assert told.raised is not None
        assert told.raised.after_first_token
        assert row.usage.source == "estimated"
        assert row.usage.input_tokens is not None
        assert row.usage.input_tokens > 0
        assert row.cost_usd is not None
        assert row.cost_usd > 0, "what was paid has its price"


def test_after_the_first_token_another_may_be_asked_where_the_caller_allows_it() -> None:
    policy = Policy(retry=Retry(after_first_token=True))
    for name, length, down, after, streaming in cases(pieces=1):
        if down == length or (name == "unforeseen" and not streaming):
            continue
        told = ask(scripts_of(Fault(ERRORS[name], 2, after), length, down), streaming=streaming, policy=policy)
        holds_always(told, length)
        assert told.result.answered_by == TARGETS[down], (name, length, down)
        assert told.result.response is ANSWER
        if streaming:
            # Each `start` voids what came before it.
            last = max(place for place, delta in enumerate(told.deltas) if delta.kind == "start")
            assert "".join(delta.text for delta in told.deltas[last:]) == "Hello there"


def test_an_error_that_goes_away_costs_one_more_try_at_most() -> None:
    for name, length, after in itertools.product(ERRORS, LENGTHS, (None, 0.5)):
        once: Script = [Fault(ERRORS[name], 0, after), None]
        told = ask([once, *[[None]] * (length - 1)])
        holds_always(told, length)
        if length > 1:
            assert told.result.response is not None
            assert len(told.sender.asked) == 2
        else:
            handled = HANDLING.get(name.removesuffix("_first_token").removesuffix("_total").removesuffix("_connect"))
            again = handled is not None and handled.again != "never"
            assert (told.result.response is not None) == again, name
            assert told.clock.waits == ([0.5] if again and after else told.clock.waits)


STEPS = st.one_of(
    st.none(),
    st.builds(
        Fault,
        st.sampled_from([ERRORS[name] for name in sorted(ERRORS)]),
        st.sampled_from([0, 0, 0, 1]),
        st.sampled_from([None, 0.0, 0.5, 7.9, 8.1, 3600.0, float("nan"), float("inf"), -1.0]),
    ),
)
SCRIPTS = st.lists(st.lists(STEPS, min_size=1, max_size=3), min_size=1, max_size=4)
RETRIES = st.builds(
    Retry,
    attempts=st.integers(1, 4),
    budget=st.integers(0, 6),
    backoff_seconds=st.sampled_from([0.0, 0.5, 20.0]),
    after_first_token=st.booleans(),
)


@settings(max_examples=300, deadline=None)
@given(SCRIPTS, RETRIES, st.booleans())
def test_whatever_happens_the_rows_are_complete_and_the_same_again(
    scripts: list[Script], retry: Retry, streaming: bool
) -> None:
    first, again = (ask(scripts, streaming=streaming, policy=Policy(retry=retry)) for _ in range(2))
    holds_always(first, len(scripts), retry)
    assert [(row.target, row.status, row.cost_usd, row.started) for row in first.result.attempts] == [
        (row.target, row.status, row.cost_usd, row.started) for row in again.result.attempts
    ]
    assert first.clock.waits == again.clock.waits
    spoken = any(step is not None and step.pieces for script in scripts for step in script)
    if any(script[0] is None for script in scripts) and (retry.after_first_token or not spoken):
        assert first.result.response is not None, "a provider that is up from the start was there"


@settings(max_examples=200, deadline=None)
@given(SCRIPTS, st.lists(st.booleans(), min_size=4, max_size=4), st.integers(1, 6))
def test_circuits_that_earlier_calls_left_open_lose_no_call(scripts: list[Script], up: list[bool], calls: int) -> None:
    breakers, clock = Breakers(), None
    for _ in range(calls):
        clock = ask(scripts, breakers=breakers, clock=clock).clock
        clock.waits.clear()
    now_up: list[Script] = [[None] if up[place] else [Fault(ERRORS["server"])] for place in range(len(scripts))]
    told = ask(now_up, breakers=breakers, clock=clock)
    assert (told.result.response is not None) == any(up[: len(scripts)])


def test_all_rows_are_valid_events(tmp_path: Path, run_cli: type[Ran]) -> None:
    lines = []
    for number, (name, length, down, after, streaming) in enumerate(itertools.chain(cases(0), cases(1))):
        pieces = number % 3
        scripts = scripts_of(Fault(ERRORS[name], pieces, after), length, down)
        told = ask(scripts, streaming=streaming, operation_id=f"op-{number}")
        context = {"intent": "greet", "tenant": "team", "user_id": "u1", "id": "mine", "attempt": 99}
        rows = attempts_as_events(told.result.attempts, tier="T3", context=context)
        assert sum(Decimal(str(row["cost_usd"])) for row in rows if row["cost_usd"] is not None) == sum(
            row.cost_usd for row in told.result.attempts if row.cost_usd is not None
        )
        assert [row["fallback_used"] for row in rows] == [
            row.status == "ok" and row.target != TARGETS[0] for row in told.result.attempts
        ]
        lines += [as_json(row) for row in rows]
    log = tmp_path / "events.jsonl"
    log.write_text("\n".join(lines) + "\n", encoding="utf-8")
    ran = run_cli("validate", "--input", log)
    assert ran.exit_code == 0, ran.stdout[-3000:] + ran.stderr
    ids = [json.loads(line)["id"] for line in lines]
    assert len(set(ids)) == len(ids) > 4000
