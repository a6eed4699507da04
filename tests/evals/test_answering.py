"""Asking tasks: what fails a task and what only says that nothing is known; never more than the ceiling; in threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.evals import golden
from tests.evals.configs import config, target
from tokenop.errors import InputError, MisuseError
from tokenop.evals import tasks
from tokenop.evals.answering import Live, Senders
from tokenop.evals.lanes import Ask, asks, only, task_hash, tasks_hash
from tokenop.evals.model import Outcome, Task
from tokenop.evals.results import Part, RunInfo, run_id_of
from tokenop.evals.running import answered, run
from tokenop.evals.spend import Ceiling
from tokenop.prices import book
from tokenop.providers import errors
from tokenop.providers.base import Target, Timeouts
from tokenop.providers.model import Delta, Request, Response, Text, Usage
from tokenop.routing.model import Retry

BIG, SMALL = target("llama-3.3-70b-versatile"), target("gpt-4o-mini", "openai")
PRICES = book.load()


class Fake:
    """A sender that gives what `answer` says for each target and prompt, and keeps what it was asked."""

    def __init__(self, answer: Callable[[str, str], Any]) -> None:
        self.answer = answer
        self.asked: list[tuple[str, str, Timeouts]] = []

    def send(self, request: Request, target: Target, timeouts: Timeouts) -> Response:
        (part,) = request.messages[-1].parts
        assert isinstance(part, Text)
        self.asked.append((target.model, part.text, timeouts))
        came = self.answer(target.model, part.text)
        if isinstance(came, Exception):
            raise came
        return Response(request.model, (Text(came),), "stop", Usage(20, 5))

    def stream(self, request: Request, target: Target, timeouts: Timeouts) -> Iterator[Delta]:
        raise NotImplementedError


@pytest.fixture
def suite(tmp_path: Path) -> tuple[Task, ...]:
    return tasks.load(golden.write(tmp_path / "golden", {"T1": 8}))


def live(fake: Fake, ceiling: Ceiling | None = None, usable: Callable[[Target], str | None] = lambda _: None) -> Live:
    made = config({"T1": (BIG, SMALL)}, retry=Retry(attempts=1))
    settings = {"sleep": lambda _: None}
    return Live(made, "r", ceiling or Ceiling(None), PRICES, lambda _: fake, usable, settings=settings)


def rightly(_: str, prompt: str) -> str:
    return golden.right(prompt)


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (errors.TooLongError("long"), "fail"),
        (errors.CannotCarryError("tools"), "fail"),
        (errors.RefusedError("no"), "fail"),
        (errors.AuthError("key"), "infrastructure"),
        (errors.RateLimitedError("slow down"), "infrastructure"),
        (errors.OverloadedError("busy"), "infrastructure"),
        (errors.ServerError("broken"), "infrastructure"),
        (errors.ConnectionFailedError("nobody"), "infrastructure"),
        (errors.TimedOutError("late", phase="total"), "infrastructure"),
        (errors.NotFoundError("model"), "infrastructure"),
        (errors.BadRequestError("form"), "infrastructure"),
        (errors.MalformedError("half"), "infrastructure"),
        (RuntimeError("a bug with a key sk-123"), "infrastructure"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value,
)
def test_only_what_the_request_itself_brings_about_fails_a_task(
    suite: tuple[Task, ...], error: Exception, result: str
) -> None:
    (found,) = [live(Fake(lambda *_: error)).outcome(Ask(suite[0], 0, (BIG,), "tier T1"))]
    assert found is not None
    assert found.result == result
    assert "sk-123" not in found.check_detail


def test_a_request_that_one_model_cannot_take_and_another_was_not_reached_for_is_unknown(
    suite: tuple[Task, ...],
) -> None:
    def answer(model: str, _: str) -> Exception:
        return errors.TooLongError("long") if model == BIG.model else errors.ServerError("broken")

    found = live(Fake(answer)).outcome(Ask(suite[0], 0, (BIG, SMALL), "tier T1"))
    assert found is not None
    assert (found.result, found.attempts) == ("infrastructure", 2)


@pytest.mark.parametrize(
    ("error", "told"),
    [(errors.TooLongError("long"), ""), (errors.ServerError("broken"), "broken"), (None, "no key")],
)
def test_who_could_not_be_asked_is_told_where_another_answered(suite: tuple[Task, ...], error: Any, told: str) -> None:
    fake = Fake(lambda model, prompt: error if model == BIG.model else golden.right(prompt))
    made = live(fake, usable=lambda one: "no key" if one is BIG and error is None else None)
    found = made.outcome(Ask(suite[0], 0, (BIG, SMALL), "tier T1"))
    assert found is not None
    assert found.fallback_used
    assert found.stood_in is None if not told else told in str(found.stood_in)


def test_a_provider_whose_circuit_is_open_was_not_asked_either(suite: tuple[Task, ...]) -> None:
    fake = Fake(lambda model, prompt: errors.ServerError("no") if model == BIG.model else golden.right(prompt))
    made = live(fake)
    found = [made.outcome(Ask(task, 0, (BIG, SMALL), "tier T1")) for task in suite]
    assert len(fake.asked) < 2 * len(suite)
    assert all(one is not None and one.stood_in for one in found)


def test_every_attempt_is_in_the_cost_of_an_outcome(suite: tuple[Task, ...]) -> None:
    def answer(model: str, prompt: str) -> Any:
        return errors.MalformedError("half") if model == BIG.model else golden.right(prompt)

    found = live(Fake(answer)).outcome(Ask(suite[0], 0, (BIG, SMALL), "tier T1"))
    alone = live(Fake(rightly)).outcome(Ask(suite[0], 0, (SMALL,), "tier T1"))
    assert found is not None
    assert alone is not None
    assert (found.result, found.engine, found.fallback_used, found.attempts) == ("pass", "openai", True, 2)
    assert found.cost_usd is not None
    assert alone.cost_usd is not None
    assert found.cost_usd > alone.cost_usd > 0


@pytest.mark.parametrize("text", ["", "   ", "\x1b[2J\x00", "x" * 300_000])
def test_an_empty_a_hostile_and_an_endless_answer_are_fails(suite: tuple[Task, ...], text: str) -> None:
    found = live(Fake(lambda *_: text)).outcome(Ask(suite[0], 0, (BIG,), "tier T1"))
    assert found is not None
    assert found.result == "fail"
    assert "\x1b" not in found.check_detail
    assert len(found.check_detail) <= 240


def test_what_is_replayed_is_not_recorded_as_an_answer_and_never_counts(suite: tuple[Task, ...]) -> None:
    kept: list[object] = []
    asking = live(Fake(rightly))
    asking.record = lambda *words: kept.append(words)
    found = [asking.outcome(Ask(suite[0], 0, (who,), "")) for who in (target("m", "replay"), BIG)]
    assert [one.source for one in found if one] == ["sample", "live"]
    assert len(kept) == 1


def test_no_call_may_take_longer_than_its_task(suite: tuple[Task, ...]) -> None:
    fake = Fake(rightly)
    live(fake).outcome(Ask(suite[0], 0, (BIG,), "tier T1"))
    assert fake.asked[0][2] == Timeouts(5, 10, 10)


def test_what_the_ceiling_refuses_is_not_asked_of_a_cheaper_one_either(suite: tuple[Task, ...]) -> None:
    fake = Fake(rightly)
    dear = target("claude-opus-4-1", "anthropic")
    assert live(fake, Ceiling(Decimal("0.0001"))).outcome(Ask(suite[0], 0, (dear, SMALL), "tier T1")) is None
    assert fake.asked == []


def test_many_threads_stay_below_the_ceiling(suite: tuple[Task, ...]) -> None:
    ceiling = Ceiling(Decimal("0.0005"))
    every = [Ask(task, repeat, (BIG,), "tier T1") for task in suite for repeat in range(20)]
    done = list(answered(every, live(Fake(rightly), ceiling), 16))
    assert 0 < len(done) < len(every)
    assert ceiling.spent <= Decimal("0.0005")
    assert ceiling.reserved == 0
    assert ceiling.spent == sum(one.cost_usd or 0 for one in done)


def test_tasks_are_asked_at_once_and_each_once(suite: tuple[Task, ...]) -> None:
    meeting = threading.Barrier(4, timeout=10)

    def answer(_: str, prompt: str) -> str:
        meeting.wait()  # nobody answers before four are asked
        return golden.right(prompt)

    fake = Fake(answer)
    done = list(answered([Ask(task, 0, (BIG,), "") for task in suite], live(fake), 4))
    assert sorted(one.task for one in done) == sorted(task.id for task in suite)
    assert len(fake.asked) == 8


def test_a_bug_in_asking_is_raised_where_somebody_sees_it(suite: tuple[Task, ...]) -> None:
    class Broken:
        def outcome(self, ask: Ask) -> Outcome | None:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(answered([Ask(task, 0, (BIG,), "") for task in suite], Broken(), 4))


def test_a_run_that_is_cut_short_leaves_a_part_and_no_results(tmp_path: Path, suite: tuple[Task, ...]) -> None:
    from datetime import UTC, datetime

    from tests.evals.configs import DAY

    started = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC)
    info = RunInfo(run_id_of(started, ()), started, "c", "", "", ("T1",), 1, "live")
    every = [Ask(task, 0, (BIG,), "") for task in suite]

    def seen(outcome: Outcome, done: int, of: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(Part(tmp_path / "out", info), info, every, live(Fake(rightly)), jobs=1, seen=seen)
    assert [path.suffix for path in (tmp_path / "out").iterdir()] == [".part"]


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    from datetime import UTC, datetime

    (tmp_path / "file").write_text("")
    started = datetime(2026, 3, 1, tzinfo=UTC)
    info = RunInfo(run_id_of(started, ()), started, "c", "", "", ("T1",), 1, "live")
    with pytest.raises(InputError, match="cannot be written"):
        Part(tmp_path / "file" / "out", info)


def test_a_sender_is_opened_once_for_each_address() -> None:
    opened: list[Target] = []

    def opening(target: Target) -> Fake:
        opened.append(target)
        return Fake(rightly)

    senders = Senders(opening)
    assert senders(BIG) is senders(target("another")) is not senders(SMALL)
    assert len(opened) == 2


def test_a_provider_is_found_by_its_name_in_the_chain_first() -> None:
    near, far = target("near", "ollama", "ollama"), target("far", "ollama", "ollama-fallback")
    made = config({"T1": (far,), "T2": (near,)})
    assert only(made, "T1", "ollama") == near
    assert only(made, "T1", "ollama-fallback") == far
    assert only(config({"T1": (far,)}), "T1", "ollama") == far
    with pytest.raises(MisuseError, match="names no provider 'groq'"):
        only(made, "T1", "groq")


def test_a_tier_without_a_chain_is_told(suite: tuple[Task, ...]) -> None:
    with pytest.raises(MisuseError, match="has no chain for T1"):
        asks(config({"T2": (BIG,)}), suite)


def test_the_hash_of_a_task_changes_with_what_is_asked_and_what_is_right(
    tmp_path: Path, suite: tuple[Task, ...]
) -> None:
    path = tmp_path / "golden" / "T1.yaml"
    for old, new in (("nothing else", "nothing more"), ('values: ["t1-0"]', 'values: ["t1-0", "T1-0"]')):
        changed = path.read_text().replace(old, new)
        (tmp_path / "other").mkdir(exist_ok=True)
        (tmp_path / "other" / "T1.yaml").write_text(changed)
        other = tasks.load(tmp_path / "other")
        assert task_hash(other[0]) != task_hash(suite[0])
        assert tasks_hash(other) != tasks_hash(suite)
    assert tasks_hash(tuple(reversed(suite))) == tasks_hash(suite)
