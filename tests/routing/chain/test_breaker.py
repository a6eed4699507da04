"""Circuit breakers: when they open, whom they let in, and that no clock and no thread confuses them."""

from __future__ import annotations

import threading
from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.routing.chain.scripted import TARGETS
from tokenop.routing.chain import Breakers, Notices
from tokenop.routing.chain.breaker import Pass, Ticker, Verdict
from tokenop.routing.model import Breaker

RULE = Breaker(failures=3, window_seconds=10.0, open_seconds=20.0)
TARGET, OTHER = TARGETS[:2]
FOREVER = 1e12


def failed(breakers: Breakers, times: int, now: float) -> None:
    for _ in range(times):
        given = breakers.admit(TARGET, now)
        assert given is not None
        breakers.told(given, "failed", now)


def test_failures_within_the_window_open_and_one_trial_closes() -> None:
    breakers = Breakers(RULE)
    failed(breakers, 2, 0.0)
    assert breakers.door(TARGET, 0.0) == "closed"
    failed(breakers, 1, 9.0)
    assert breakers.door(TARGET, 9.0) == "open"
    assert breakers.admit(TARGET, 28.9) is None
    trial = breakers.admit(TARGET, 29.0)
    assert trial is not None
    assert trial.kind == "probe"
    assert breakers.door(TARGET, 29.0) == "probing"
    assert breakers.admit(TARGET, 29.0) is None, "one call tries it out, not two"
    breakers.told(trial, "answered", 30.0)
    assert breakers.door(TARGET, 30.0) == "closed"
    failed(breakers, 2, 30.0)
    assert breakers.door(TARGET, 30.0) == "closed", "failures of before do not count any more"


def test_failures_further_apart_than_the_window_do_not_open() -> None:
    breakers = Breakers(RULE)
    for now in range(0, 100, 6):
        failed(breakers, 1, float(now))
    assert breakers.door(TARGET, 100.0) == "closed"


def test_an_answer_in_between_starts_the_count_anew() -> None:
    breakers = Breakers(RULE)
    for _ in range(1000):
        failed(breakers, 2, 0.0)
        given = breakers.admit(TARGET, 0.0)
        assert given is not None
        breakers.told(given, "answered", 0.0)
    assert breakers.door(TARGET, 0.0) == "closed"


def test_a_trial_that_fails_opens_again_and_one_that_says_nothing_lets_the_next_in() -> None:
    breakers = Breakers(RULE)
    failed(breakers, 3, 0.0)
    trial = breakers.admit(TARGET, 20.0)
    assert trial is not None
    breakers.told(trial, "unknown", 21.0)
    trial = breakers.admit(TARGET, 21.0)
    assert trial is not None
    breakers.told(trial, "failed", 22.0)
    assert breakers.admit(TARGET, 41.9) is None
    assert breakers.admit(TARGET, 42.0) is not None


def test_a_trial_whose_caller_vanished_blocks_nobody_for_ever() -> None:
    breakers = Breakers(RULE)
    failed(breakers, 3, 0.0)
    assert breakers.admit(TARGET, 20.0, lease=30.0) is not None
    assert breakers.admit(TARGET, 49.0, lease=30.0) is None
    assert breakers.admit(TARGET, 50.0, lease=30.0) is not None


def test_a_provider_that_asks_for_rest_gets_it_but_not_for_ever() -> None:
    breakers = Breakers(RULE)
    given = breakers.admit(TARGET, 0.0)
    assert given is not None
    breakers.told(given, "failed", 0.0, rest=5.0)
    assert breakers.door(TARGET, 4.9) == "resting"
    assert breakers.admit(TARGET, 4.9) is None
    again = breakers.admit(TARGET, 5.0)
    assert again is not None
    breakers.told(again, "failed", 5.0, rest=1e9)
    assert breakers.admit(TARGET, 24.9) is None
    assert breakers.admit(TARGET, 25.0) is not None, "as long as an open circuit, no longer"


def test_an_answer_to_a_call_of_the_last_resort_closes() -> None:
    breakers = Breakers(RULE)
    failed(breakers, 3, 0.0)
    forced = breakers.force(TARGET)
    breakers.told(forced, "answered", 1.0)
    assert breakers.door(TARGET, 1.0) == "closed"


def test_calls_of_before_the_outage_say_nothing_about_after_it() -> None:
    breakers = Breakers(RULE)
    early = [breakers.admit(TARGET, 0.0) for _ in range(6)]
    failed(breakers, 3, 1.0)
    assert early[0] is not None
    breakers.told(early[0], "answered", 2.0)
    assert breakers.door(TARGET, 2.0) == "open"
    trial = breakers.admit(TARGET, 21.0)
    assert trial is not None
    breakers.told(trial, "answered", 21.0)
    for late in early[1:]:
        assert late is not None
        breakers.told(late, "failed", 22.0)
    assert breakers.door(TARGET, 22.0) == "closed"


def test_targets_have_circuits_of_their_own_whatever_their_names() -> None:
    breakers = Breakers(RULE)
    failed(breakers, 3, 0.0)
    assert breakers.door(OTHER, 0.0) == "closed"
    assert breakers.door(replace(TARGET, name="other name", priority=1), 0.0) == "open"
    assert breakers.door(replace(TARGET, base_url="http://127.0.0.1:1"), 0.0) == "closed"
    assert breakers.last_failed(TARGET) > breakers.last_failed(OTHER)


def test_of_many_threads_exactly_one_tries_out() -> None:
    breakers = Breakers(RULE)
    failed(breakers, 3, 0.0)
    ready, given = threading.Barrier(16), []

    def work() -> None:
        ready.wait(10)
        given.append(breakers.admit(TARGET, 20.0))

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([one for one in given if one]) == 1


def test_a_clock_that_goes_back_counts_as_no_time() -> None:
    ticker = Ticker()
    assert [ticker.at(reading) for reading in (100.0, 101.0, 40.0, 41.5, 41.2, 42.0)] == [0.0, 1.0, 1.0, 2.5, 2.5, 3.0]


def test_a_notice_is_told_once() -> None:
    told: list[str] = []
    notices = Notices(told.append)
    for text in ("no key", "no key", "no program", "no key"):
        notices.once(text)
    assert told == ["no key", "no program"]


class Circuits(RuleBasedStateMachine):
    """Drawn histories of one circuit, on a good clock and on one that jumps back, against their plain description."""

    def __init__(self) -> None:
        super().__init__()
        self.true, self.offset = 0.0, 1e6
        self.pair = (Breakers(RULE), Breakers(RULE))
        self.flying: list[tuple[Pass, Pass]] = []
        self.since_answer: list[float] = []
        self.opened: float | None = None
        self.era = 0
        self.eras: list[int] = []

    @property
    def readings(self) -> tuple[float, float]:
        return self.true, self.true + self.offset

    @rule(seconds=st.sampled_from([0.25, 3.0, 9.75, 10.25, 20.0]))
    def time_passes(self, seconds: float) -> None:
        self.true += seconds
        for breakers, now in zip(self.pair, self.readings, strict=True):
            breakers.door(TARGET, now)

    @rule(seconds=st.sampled_from([2.0, 3600.0]))
    def the_second_clock_jumps_back(self, seconds: float) -> None:
        self.offset -= seconds
        self.pair[1].door(TARGET, self.readings[1])

    @rule()
    def admit(self) -> None:
        one, two = (
            breakers.admit(TARGET, now, lease=FOREVER) for breakers, now in zip(self.pair, self.readings, strict=True)
        )
        assert one == two, "the jumps of a clock change nothing"
        trying = any(given.kind == "probe" for given, _ in self.flying)
        if self.opened is None:
            assert one is not None
            assert one.kind == "closed"
        elif self.true < self.opened + RULE.open_seconds or trying:
            assert one is None
        else:
            assert one is not None
            assert one.kind == "probe"
        if one is not None and two is not None:
            self.flying.append((one, two))
            self.eras.append(self.era)

    @precondition(lambda self: self.flying)
    @rule(verdict=st.sampled_from(["answered", "failed", "failed", "failed", "unknown"]), place=st.integers(0, 50))
    def an_outcome_is_told(self, verdict: Verdict, place: int) -> None:
        one, two = self.flying.pop(place % len(self.flying))
        era = self.eras.pop(place % len(self.eras))
        for breakers, given, now in zip(self.pair, (one, two), self.readings, strict=True):
            breakers.told(given, verdict, now)
        if one.kind == "probe":
            if verdict == "answered":
                self.opened, self.since_answer, self.era = None, [], self.era + 1
            elif verdict == "failed":
                self.opened = self.true
        elif era == self.era and self.opened is None:
            self.since_answer = [] if verdict == "answered" else self.since_answer
            if verdict == "failed":
                self.since_answer.append(self.true)
                recent = [one for one in self.since_answer if one >= self.true - RULE.window_seconds]
                if len(recent) >= RULE.failures:
                    self.opened, self.era = self.true, self.era + 1

    @invariant()
    def the_door_stands_as_described(self) -> None:
        doors = {breakers.door(TARGET, now) for breakers, now in zip(self.pair, self.readings, strict=True)}
        assert len(doors) == 1
        assert (doors == {"closed"}) == (self.opened is None)


TestCircuits = Circuits.TestCase
TestCircuits.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
