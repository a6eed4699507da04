"""Calls: each question once, never above the ceiling, none after the time, all of them on the disk."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tests.experiment.made import AT, BIG, SMALL, Scripted, prompt
from tokenop.errors import FindingsError, InputError
from tokenop.evals.spend import Ceiling
from tokenop.experiment.asking import RETRY, Asker, CutShortError, Purse, request
from tokenop.experiment.store import FILE, Store
from tokenop.prices import book
from tokenop.providers.base import Target, Timeouts
from tokenop.providers.errors import AuthError, OverloadedError, RefusedError, TimedOutError
from tokenop.providers.model import Request, Response
from tokenop.routing.chain import Policy
from tokenop.routing.model import Retry

BOOK = book.load()
Make = Callable[..., Asker]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Return a function that makes an asker over one file of answers."""
    opened: list[Store] = []

    def asker(sender: object, usd: str | None = None, left: Callable[[], float] = lambda: 60.0) -> Asker:
        while opened:
            opened.pop().close()
        opened.append(Store(tmp_path / FILE))
        ceiling = Ceiling(None if usd is None else Decimal(usd), allow_unknown=True)
        return Asker(
            opened[-1],
            sender,
            Purse(ceiling),
            BOOK,
            lambda: AT,
            left,
            Policy(RETRY, Timeouts()),
            lambda _: None,
        )

    yield asker
    for one in opened:
        one.close()


def test_the_same_question_is_asked_once_whoever_asks_and_however_many_at_once(make: Make) -> None:
    sender = Scripted(lambda *_: "ok")
    asker = make(sender)
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda n: asker.ask("p", (BIG,), request(prompt("same"))), range(64)))
    assert len(sender.asked) == 1
    assert len({id(one) for one in found}) == 1


def test_prompts_that_read_alike_are_asked_each_since_one_answer_is_not_many(make: Make) -> None:
    sender = Scripted(lambda *_: "ok")
    asker = make(sender)
    for n in range(5):
        asker.ask(f"p{n}", (BIG,), request(prompt("same")))
    assert len(sender.asked) == 5


def test_a_question_s_own_timeouts_and_retries_hold_and_those_of_the_command_before_them(make: Make) -> None:
    seen: list[float] = []

    class Busy(Scripted):
        def send(self, request: Request, target: Target, timeouts: Timeouts) -> Response:
            seen.append(timeouts.total)
            raise OverloadedError("busy")

    own = Policy(Retry(attempts=2), Timeouts(total=9), {BIG.name: Timeouts(total=7)})
    asker = make(Busy(lambda *_: ""))
    asker.ask("a", (BIG,), request(prompt("a")), policy=own)
    assert seen == [7, 7]
    seen.clear()
    replace(asker, timeouts=Timeouts(total=3)).ask("b", (BIG,), request(prompt("b")), policy=own)
    assert seen == [3, 3]


def test_what_was_answered_is_not_asked_again_by_the_next_run_and_what_failed_is(make: Make) -> None:
    class Once(Scripted):
        def send(self, request: Request, target: Target, timeouts: Timeouts) -> Response:
            if len(self.asked) < RETRY.attempts:
                self.asked.append(("", ""))
                raise OverloadedError("busy")
            return super().send(request, target, timeouts)

    sender = Once(lambda *_: "ok")
    asked = request(prompt("a"))
    assert make(sender).ask("a", (BIG,), asked).error_kind == "overloaded"
    assert make(sender).ask("a", (BIG,), asked).error_kind is None
    assert make(sender).ask("a", (BIG,), asked).error_kind is None
    assert len(sender.asked) == RETRY.attempts + 1


def test_a_refusal_is_an_answer_and_is_not_asked_again(make: Make) -> None:
    class Refusing(Scripted):
        def send(self, request: Request, target: Target, timeouts: Timeouts) -> Response:
            self.asked.append(("", ""))
            raise RefusedError("no")

    sender = Refusing(lambda *_: "")
    for _ in range(3):
        assert make(sender).ask("a", (BIG,), request(prompt("a"))).error_kind == "refused"
    assert len(sender.asked) == 1


def test_a_key_that_is_refused_once_is_not_tried_a_hundred_times(make: Make) -> None:
    class Locked(Scripted):
        def send(self, request: Request, target: Target, timeouts: Timeouts) -> Response:
            self.asked.append(("", ""))
            raise AuthError("the key is refused")

    sender = Locked(lambda *_: "")
    asker = make(sender)
    kinds = {asker.ask(f"p{n}", (BIG,), request(prompt(f"p{n}"))).error_kind for n in range(20)}
    assert kinds <= {"auth", "not_usable"}
    assert len(sender.asked) == 1


def test_the_ceiling_is_never_exceeded_by_many_threads(make: Make) -> None:
    """Every call costs all that it may: what was spent and what was set aside stay below the ceiling at all times."""
    seen: list[Decimal] = []
    limit = Decimal("0.05")

    class Watching(Scripted):
        def send(self, request: Request, target: Target, timeouts: Timeouts) -> Response:
            seen.append(asker.purse.ceiling.spent + asker.purse.ceiling.reserved)
            return super().send(request, target, timeouts)

    from tokenop.providers.model import Usage

    sender = Watching(lambda *_: "ok", Usage(input_tokens=70, output_tokens=1024))
    asker = make(sender, str(limit))
    cut: list[str] = []

    def one(number: int) -> None:
        try:
            asker.ask(f"p{number}", (BIG if number % 2 else SMALL,), request(prompt(f"p{number}")))
        except CutShortError as error:
            cut.append(error.why)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(one, range(60)))
    assert set(cut) == {"ceiling"}
    assert sender.asked
    assert max(seen) <= limit
    assert asker.purse.ceiling.spent <= limit
    assert asker.store.spent == asker.purse.ceiling.spent
    assert asker.purse.ceiling.reserved == 0
    # The next call of the dear model would not have fitted: money is not left lying about.
    assert limit - asker.purse.ceiling.spent < Decimal("0.017")


def test_a_call_whose_cost_nobody_knows_counts_as_its_worst_case(make: Make) -> None:
    class Late(Scripted):
        def send(self, request: Request, target: Target, timeouts: Timeouts) -> Response:
            raise TimedOutError("too late", phase="total")

    asker = make(Late(lambda *_: ""), "10")
    assert asker.ask("a", (BIG,), request(prompt("a"))).error_kind == "timeout"
    assert asker.purse.ceiling.spent > 0
    # The next start of the run must know of it: else each restart would have that money once more.
    assert asker.store.spent == asker.purse.ceiling.spent
    assert make(Late(lambda *_: "")).store.spent == asker.purse.ceiling.spent


def test_no_call_is_begun_when_the_time_is_up(make: Make) -> None:
    sender = Scripted(lambda *_: "ok")
    asker = make(sender, left=lambda: 0.0)
    with pytest.raises(CutShortError, match="time is up"):
        asker.ask("a", (BIG,), request(prompt("a")))
    assert sender.asked == []
    assert list(asker.store) == []


def test_a_line_that_a_kill_cut_is_taken_off_and_asked_again(make: Make, tmp_path: Path) -> None:
    sender = Scripted(lambda *_: "ok")
    asker = make(sender)
    for name in "ab":
        asker.ask(name, (BIG,), request(prompt(name)))
    path = tmp_path / FILE
    whole = path.read_bytes()
    asker.store.close()
    path.write_bytes(whole[:-20])
    again = make(sender)
    for name in "ab":
        again.ask(name, (BIG,), request(prompt(name)))
    assert len(sender.asked) == 3
    assert path.read_bytes().count(b"\n") == 2


def test_a_full_disk_is_said_and_nothing_follows_the_line_that_was_cut(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asker = make(Scripted(lambda *_: "ok"))
    asker.ask("a", (BIG,), request(prompt("a")))

    def full(number: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(InputError, match="No space left on device; the same command goes on"):
            asker.ask("b", (BIG,), request(prompt("b")))
    written = (tmp_path / FILE).read_bytes()
    with pytest.raises(InputError, match="cannot be written"):
        asker.ask("c", (BIG,), request(prompt("c")))
    assert (tmp_path / FILE).read_bytes() == written


def test_two_runs_do_not_write_one_file(tmp_path: Path) -> None:
    first = Store(tmp_path / FILE)
    with pytest.raises(InputError, match="another run is writing it"):
        Store(tmp_path / FILE)
    first.close()
    Store(tmp_path / FILE).close()


@pytest.mark.parametrize("line", [b"{}", b"[]", b"\xff", b'{"key": 1}', b"null", b"[" * 3000])
def test_lines_that_no_run_wrote_are_told_with_their_number(tmp_path: Path, line: bytes) -> None:
    (tmp_path / FILE).write_bytes(line + b"\n")
    with pytest.raises(FindingsError, match=":1: line: run-answer"):
        Store(tmp_path / FILE)


def test_answers_come_back_as_they_were_whatever_they_hold(make: Make) -> None:
    text = '\x1b[2J\N{RIGHT-TO-LEFT OVERRIDE}\u2028"\\ \ud800 {}\n'
    sender = Scripted(lambda *_: text)
    first = make(sender).ask("a", (BIG,), request(prompt("a")))
    second = make(sender).ask("a", (BIG,), request(prompt("a")))
    assert len(sender.asked) == 1
    assert (second.usage, second.cost_usd, second.finish) == (first.usage, first.cost_usd, first.finish)
    assert second.parts[0].text.replace("?", "\ud800") == text
