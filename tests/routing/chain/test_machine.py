"""What the chain does about waits, deadlines, missing keys and open circuits, step by step."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from tests.routing.chain.scripted import (
    REQUEST,
    STEP,
    TARGETS,
    Clock,
    Fault,
    Make,
    Scripted,
    ask,
    every_error,
    prices,
)
from tokenop import routing
from tokenop.providers.base import Target, Timeouts
from tokenop.providers.errors import NotUsableError, OverloadedError, RateLimitedError, ServerError, TimedOutError
from tokenop.routing.chain import Breakers, Chain, GiveUp, Notices, Policy, Try, Wait, policy_of, run
from tokenop.routing.chain.breaker import Door, Pass
from tokenop.routing.model import Breaker, Decision, Meta, Retry, RoutingConfig, Rule

ERRORS = every_error()
SERVER, LIMITED, OVERLOADED, SLOW = (
    ERRORS[name] for name in ("server", "rate_limited", "overloaded", "timeout_first_token")
)


def fault(make: Make, after: float | None = None) -> Fault:
    return Fault(make, 0, after)


def chain_of(length: int, policy: Policy | None = None, breakers: Breakers | None = None) -> Chain:
    return Chain(TARGETS[:length], policy or Policy(), breakers or Breakers(), draw=lambda: 0.5)


def opened(*targets: Target, now: float = 0.0) -> Breakers:
    breakers = Breakers(Breaker(failures=1))
    for number, target in enumerate(targets):
        given = breakers.admit(target, now + number)
        assert given is not None
        breakers.told(given, "failed", now + number)
    return breakers


def test_a_short_retry_after_is_waited_for_only_where_nobody_else_is_left() -> None:
    alone = ask([[fault(LIMITED, 2.0), None]])
    assert alone.clock.waits == [2.0]
    assert alone.result.response is not None
    other = ask([[fault(LIMITED, 2.0), None], [None]])
    assert (other.clock.waits, other.sender.asked) == ([], ["t0", "t1"])
    failing = ask([[fault(SERVER, 2.0), None], [None]])
    assert failing.sender.asked == ["t0", "t1"], "whoever says when to come back is not asked before"
    last = ask([[fault(LIMITED, 2.0), None], [fault(ERRORS["auth"])], [fault(ERRORS["bad_request"])]])
    assert last.clock.waits == [2.0 - 2 * STEP], "what the others took counts"
    assert last.sender.asked == ["t0", "t1", "t2", "t0"]


def test_a_long_retry_after_is_not_waited_for_and_handed_on() -> None:
    told = ask([[fault(LIMITED, 60.0)], [fault(OVERLOADED, 45.0)]])
    assert told.clock.waits == []
    assert isinstance(told.raised, OverloadedError)
    assert told.raised.retry_after == 45.0


def test_the_soonest_of_those_who_may_be_asked_again_is_asked() -> None:
    told = ask([[fault(LIMITED, 5.0), None], [fault(LIMITED, 1.0), None]])
    assert told.sender.asked == ["t0", "t1", "t1"]
    assert told.clock.waits == [1.0]


def test_a_wait_that_was_kept_counts_even_if_the_clock_says_otherwise() -> None:
    chain = chain_of(1)
    chain.next(0.0)
    chain.failed(RateLimitedError("slowly", retry_after=2.0), 0.0)
    assert chain.next(0.0) == Wait(2.0)
    assert isinstance(chain.next(1.9), Try)


class Fickle(Breakers):
    """Looks closed, and lets nobody in a second time."""

    def door(self, target: Target, now: float) -> Door:
        return "closed"

    def admit(self, target: Target, now: float, lease: float = 600.0) -> Pass | None:
        return super().admit(target, now, lease) if self.last_failed(target) < 0 else None


def test_waits_end_even_where_other_calls_close_every_door_behind_them() -> None:
    chain, waits = chain_of(1, breakers=Fickle()), 0
    for _ in range(100):
        action = chain.next(0.0)
        if isinstance(action, Try):
            chain.failed(ServerError("down"), 0.0)
        waits += isinstance(action, Wait)
    assert isinstance(action, GiveUp)
    assert waits == Retry().budget


def test_waits_double_to_a_bound_with_full_jitter() -> None:
    policy = Policy(retry=Retry(attempts=9, budget=9, backoff_seconds=1.0, max_backoff_seconds=5.0))
    chain = Chain(TARGETS[:1], policy, Breakers(Breaker(failures=99)), draw=lambda: 0.5)
    waits = []
    for _ in range(20):
        action = chain.next(0.0)
        if isinstance(action, Wait):
            waits.append(action.seconds)
        elif isinstance(action, Try):
            chain.failed(ServerError("down"), 0.0)
    assert waits == [0.5, 1.0, 2.0, *[2.5] * 5]
    drawn = {ask([[fault(SERVER)]], operation_id=str(number)).clock.waits[0] for number in range(50)}
    assert len(drawn) == 50
    assert 0 <= min(drawn) < 0.1
    assert 0.4 < max(drawn) < 0.5


def test_the_budget_is_kept_for_those_who_were_not_asked_yet() -> None:
    # Four providers, one further try in all: no second try of anybody, and still a first try of each.
    policy = Policy(retry=Retry(attempts=3, budget=1))
    told = ask([[fault(SERVER)]] * 3 + [[None]], policy=policy)
    assert told.sender.asked == ["t0", "t1", "t2", "t3"]
    told = ask([[fault(SERVER)]] * 3 + [[None]], policy=Policy(retry=Retry(attempts=3, budget=5)))
    assert told.sender.asked == ["t0", "t0", "t0", "t1", "t2", "t3"], "5 further tries: 3 first ones, 2 second ones"


def test_who_was_slow_is_asked_again_only_after_the_others() -> None:
    told = ask([[fault(SLOW), None], [fault(ERRORS["auth"])]])
    assert told.sender.asked == ["t0", "t1", "t0"]


def test_an_open_circuit_is_passed_over_and_asked_last_of_all() -> None:
    breakers = opened(TARGETS[0])
    up = ask([[None], [None]], breakers=breakers, clock=Clock(1.0))
    assert up.sender.asked == ["t1"]
    assert up.result.fallback_used
    down = ask([[None], [fault(ERRORS["auth"])]], breakers=opened(TARGETS[0]), clock=Clock(1.0))
    assert down.sender.asked == ["t1", "t0"]
    assert [row.last_resort for row in down.result.attempts] == [False, True]
    assert down.result.response is not None


def test_where_all_circuits_are_open_who_failed_longest_ago_is_asked_first() -> None:
    breakers = opened(TARGETS[1], TARGETS[2], TARGETS[0])
    told = ask([[fault(SERVER)], [fault(SERVER)], [None]], breakers=breakers, clock=Clock(3.0))
    assert told.sender.asked == ["t1", "t2"]
    assert breakers.door(TARGETS[2], told.clock.now) == "closed", "the answer closed its circuit"
    assert breakers.door(TARGETS[1], told.clock.now) == "open"


def test_an_outage_costs_a_few_calls_their_time_and_then_nobody() -> None:
    breakers, clock = Breakers(Breaker(failures=5, open_seconds=60.0)), Clock()
    asked = [ask([[fault(SERVER)], [None]], breakers=breakers, clock=clock).sender.asked for _ in range(10)]
    assert asked[0] == ["t0", "t0", "t1"]
    assert asked[3:] == [["t1"]] * 7
    clock.now += 60.0
    assert ask([[None], [None]], breakers=breakers, clock=clock).sender.asked == ["t0"], "one tries it out"


def test_a_missing_key_is_no_call_no_crash_and_told_once() -> None:
    def usable(target: Target) -> str | None:
        return "GROQ_API_KEY is not set" if target.provider == "groq" else None

    told: list[str] = []
    notices, clock = Notices(told.append), Clock()
    for _ in range(3):
        asked = ask([[None], [None]], usable=usable)
        assert asked.sender.asked == ["t1"]
        assert asked.result.fallback_used
        assert [one.reason for one in asked.result.unavailable] == ["GROQ_API_KEY is not set"]
        send = Scripted({"t1": [None]}, clock)
        run(TARGETS[:2], REQUEST, send, usable=usable, notices=notices, clock=clock)
    assert told == ["t0 is left out: GROQ_API_KEY is not set"]
    nobody = ask([[None]], usable=usable)
    assert isinstance(nobody.raised, NotUsableError)
    assert "t0: GROQ_API_KEY is not set" in str(nobody.raised)
    assert nobody.result.attempts == ()
    assert "GROQ_API_KEY" in nobody.result.told()


def test_an_empty_chain_is_told_as_such() -> None:
    told = ask([])
    assert isinstance(told.raised, NotUsableError)
    assert "empty" in str(told.raised)


def test_the_deadline_ends_an_operation_and_shortens_its_last_attempts() -> None:
    policy = Policy(default_timeouts=Timeouts(1.0, 2.0, 10.0), deadline=1.0)
    told = ask([[fault(ERRORS["auth"])]] * 4, policy=policy)
    assert told.sender.timeouts[0] == Timeouts(1.0, 1.0, 1.0)
    assert [timeouts.total for timeouts in told.sender.timeouts] == [1.0, 0.75, 0.5, 0.25]
    late = ask([[fault(LIMITED, 3.0), None]], policy=policy)
    assert late.clock.waits == [], "a wait beyond the deadline is not begun"
    assert isinstance(late.raised, RateLimitedError)
    none_left = chain_of(1, replace(policy, deadline=0.0)).next(0.0)
    assert isinstance(none_left, GiveUp)
    assert isinstance(none_left.error, TimedOutError)


def test_a_clock_that_goes_back_neither_ends_nor_prolongs_an_operation() -> None:
    chain = chain_of(2, Policy(deadline=10.0))
    assert isinstance(chain.next(1e6), Try)
    chain.failed(ERRORS["auth"](), 5.0)
    assert isinstance(chain.next(6.0), Try)
    chain.failed(ERRORS["auth"](), 15.5)
    assert isinstance(chain.next(15.5), GiveUp)


def test_the_error_shown_is_one_that_asking_later_may_mend() -> None:
    told = ask([[fault(ERRORS["auth"])], [fault(ERRORS["bad_request"])], [fault(OVERLOADED)]])
    assert told.raised is not None
    assert told.raised.kind == "overloaded"
    told = ask([[fault(ERRORS["auth"])], [fault(ERRORS["bad_request"])], [fault(ERRORS["too_long"])]])
    assert told.raised is not None
    assert told.raised.kind == "bad_request"


def test_a_request_that_is_refused_says_nothing_against_the_provider() -> None:
    for name in ("bad_request", "too_long", "refused", "cannot_carry", "not_usable", "missing_recording"):
        breakers = Breakers(Breaker(failures=1))
        ask([[fault(ERRORS[name])]], breakers=breakers)
        assert breakers.door(TARGETS[0], 1e9) == "closed", name


def test_the_machine_takes_no_step_out_of_turn() -> None:
    chain = chain_of(1)
    with pytest.raises(RuntimeError):
        chain.failed(ServerError("down"), 0.0)
    chain.next(0.0)
    with pytest.raises(RuntimeError):
        chain.next(0.0)
    chain.succeeded(0.0)
    with pytest.raises(RuntimeError):
        chain.next(0.0)


def config(fallback: str) -> RoutingConfig:
    meta = Meta("c", "C", "draft", "1", (), date(2026, 1, 1), date(2026, 1, 1), date(2027, 1, 1), Decimal(0), ())
    rule = Rule("r", "true", lambda _facts: True, tier="T3", fallback=fallback)
    timeouts = {"default": Timeouts(1, 1, 1), "T3": Timeouts(3, 3, 3), "t1": Timeouts(9, 9, 9)}
    return RoutingConfig(meta, "c.yaml", "route", {}, {}, (rule,), "T3", timeouts, retry=Retry(attempts=7))


def test_the_policy_is_what_the_config_says_of_the_decision() -> None:
    decision = Decision("rule", "T3", TARGETS, "because", rule="r")
    policy = policy_of(config("chain"), decision)
    assert policy.retry.attempts == 7
    assert policy.fallback
    chain = chain_of(2, policy)
    first = chain.next(0.0)
    assert isinstance(first, Try)
    assert first.timeouts.total == 3, "the tier's"
    chain.failed(ERRORS["auth"](), 0.0)
    second = chain.next(0.0)
    assert isinstance(second, Try)
    assert second.timeouts.total == 9, "the target's own"
    assert policy_of(config("chain")).default_timeouts.total == 1
    alone = chain_of(4, policy_of(config("none"), decision))
    alone.next(0.0)
    alone.failed(ERRORS["auth"](), 0.0)
    assert isinstance(alone.next(0.0), GiveUp)


def test_every_tier_of_the_shipped_config_runs_to_its_last_provider() -> None:
    shipped = routing.load(routing.shipped())
    for name, tier in shipped.tiers.items():
        decision = routing.decide(shipped, {}, asked=name)
        clock = Clock()
        scripts = {target.name: [None if target == tier.chain[-1] else fault(SERVER)] for target in tier.chain}
        send = Scripted(scripts, clock)
        result = run(
            decision.chain,
            REQUEST,
            send,
            config=shipped,
            decision=decision,
            breakers=Breakers(shipped.breaker),
            clock=clock,
            sleep=clock.sleep,
            prices=prices(),
        )
        assert result.answered_by == tier.chain[-1], name
        assert result.fallback_used == (len(tier.chain) > 1)
        assert send.timeouts[0] == shipped.timeouts.get(tier.chain[0].name, shipped.timeouts["default"])
