"""Calls get leave to spend, are led to free providers or are refused, as the limits say."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.gateway.budgets.making import LOCAL, NOON, PAID, PER_INPUT, PER_OUTPUT, call, purse, row, serving
from tokenop.gateway.budgets.purse import PurseOfAll
from tokenop.gateway.model import RefusedCallError
from tokenop.providers.base import Target
from tokenop.routing.chain.charging import shipped_prices
from tokenop.routing.model import Budget, Decision

PICO = 10**12
WORST = 1000 * (PER_INPUT + PER_OUTPUT)  # of a call with a thousand tokens each way


@pytest.fixture
def counted(tmp_path: Path) -> Iterator[PurseOfAll]:
    made = purse(tmp_path)
    yield made
    made.close()


def held(counted: PurseOfAll, user: str = "", place: int = 0, when: datetime = NOON) -> tuple[int, int]:
    """Return what is settled and set aside for a key, in pico-dollars."""
    account = counted.ledger.account(("", user, "", ""), int(when.timestamp()))
    settled, _ = counted.ledger.spent(account, place)
    return settled, counted.ledger.spent(account, place, reserved=True)[0] - settled


def test_the_dearest_attempt_is_set_aside_and_what_it_cost_is_kept(counted: PurseOfAll) -> None:
    made = call(serving(Budget("b", "all", "day", usd=Decimal(1))))
    assert counted.reserve(made, (LOCAL, PAID)).chain == (LOCAL, PAID)
    assert held(counted) == (0, WORST * PICO)
    counted.spent(made, row(made, "0.004"))
    assert held(counted) == (4 * PICO // 1000, 0)
    counted.release(made)
    counted.release(made)
    assert held(counted) == (4 * PICO // 1000, 0)


def test_a_failed_attempt_leaves_the_next_one_as_much_as_the_first(counted: PurseOfAll) -> None:
    made = call(serving(Budget("b", "all", "day", usd=Decimal(1))))
    counted.reserve(made, (PAID,))
    counted.spent(made, row(made, "0.001", status="500"))
    assert held(counted) == (PICO // 1000, WORST * PICO)
    counted.release(made)
    assert held(counted) == (PICO // 1000, 0)


@pytest.mark.parametrize(
    ("asked", "answered", "headers", "body", "tokens"),
    [
        (10, 20, {}, {}, 30),
        (None, 20, {"content-length": "1000"}, {}, 520),
        (None, 20, {"content-length": "no number"}, {"a": "x" * 92}, 70),
        (10, None, {}, {}, 10 + 4096),
        (10, 20, {}, {"n": 3}, 70),
        (10, 20, {}, {"n": 10**9}, 10 + 20 * 128),
        (10**12, 10**12, {}, {}, 10**10),
    ],
)
def test_what_is_not_known_is_taken_to_be_large_and_nothing_is_without_bounds(
    counted: PurseOfAll,
    asked: int | None,
    answered: int | None,
    headers: dict[str, str],
    body: dict[str, object],
    tokens: int,
) -> None:
    made = call(
        serving(Budget("b", "all", "day", tokens=10**12)), asked=asked, answered=answered, headers=headers, body=body
    )
    counted.reserve(made, (PAID,))
    account = counted.ledger.account(("", "", "", ""), int(NOON.timestamp()))
    assert counted.ledger.spent(account, 0, reserved=True)[1] == tokens


def test_a_model_without_a_price_counts_no_money_and_says_so(counted: PurseOfAll) -> None:
    made = call(serving(Budget("b", "all", "day", usd=Decimal(1), tokens=5000)))
    grant = counted.reserve(made, (Target("x", "openai-compatible", "nobody-knows", base_url="http://x"),))
    assert grant.warnings == ("no price is known for x/nobody-knows: counted as 0 USD",)
    counted.spent(made, row(made, None))
    counted.release(made)
    with pytest.raises(RefusedCallError, match="2,000 of 5,000 tokens"):
        counted.reserve(call(serving(Budget("b", "all", "day", tokens=5000)), asked=3001, answered=0), (PAID,))


@pytest.mark.parametrize(
    ("zone", "when", "period", "seconds"),
    [
        ("UTC", "2026-11-22T12:00:00+00:00", "day", 12 * 3600),
        ("Europe/Berlin", "2026-10-25T00:00:00+02:00", "day", 25 * 3600),
        ("America/New_York", "2026-11-22T12:00:00+00:00", "month", 8 * 86400 + 17 * 3600),
    ],
)
def test_a_refusal_says_what_is_spent_and_when_to_come_again(
    tmp_path: Path, zone: str, when: str, period: str, seconds: int
) -> None:
    moment = datetime.fromisoformat(when)
    counted = purse(tmp_path, zone, now=moment)
    under = serving(Budget("limit", "user", period, usd=Decimal("0.02")))
    before = call(under, "ana", when=moment)
    counted.reserve(before, (PAID,))
    counted.spent(before, row(before, "0.015"))
    counted.release(before)
    with pytest.raises(
        RefusedCallError, match=r"budget limit: \$0\.0[12] of \$0\.02 spent or set aside this"
    ) as refused:
        counted.reserve(call(under, "ana", when=moment), (PAID,))
    assert (refused.value.status, refused.value.kind, refused.value.retry_after) == (429, "budget_exceeded", seconds)
    counted.reserve(call(under, "ben", when=moment), (PAID,))
    counted.reserve(call(under, "ana", when=moment + timedelta(seconds=seconds)), (PAID,))
    counted.close()


def test_what_only_calls_under_way_hold_may_be_asked_for_again_soon(counted: PurseOfAll) -> None:
    under = serving(Budget("b", "all", "day", usd=WORST))
    first = call(under)
    counted.reserve(first, (PAID,))
    with pytest.raises(RefusedCallError, match="under way") as refused:
        counted.reserve(call(under), (PAID,))
    assert refused.value.retry_after == 1
    counted.release(first)
    counted.reserve(call(under), (PAID,))


def test_what_never_fits_is_not_to_be_asked_again(counted: PurseOfAll) -> None:
    with pytest.raises(RefusedCallError, match="more than the whole limit") as refused:
        counted.reserve(call(serving(Budget("b", "all", "day", usd=WORST / 2))), (PAID,))
    assert refused.value.retry_after is None
    assert held(counted) == (0, 0)


def test_the_soft_limit_warns_and_the_hard_one_of_the_same_budget_is_exact(counted: PurseOfAll) -> None:
    under = serving(Budget("b", "all", "day", usd=WORST * 2, soft=Decimal("0.5")))
    assert counted.reserve(call(under), (PAID,)).warnings == ()
    assert counted.reserve(call(under), (PAID,)).warnings == ("budget b: $0.03 of $0.028 spent or set aside this day",)
    with pytest.raises(RefusedCallError):
        counted.reserve(call(under, answered=1), (PAID,))


def test_at_a_limit_that_downgrades_free_providers_answer(counted: PurseOfAll) -> None:
    under = serving(Budget("b", "all", "day", usd=WORST / 2, at_limit="downgrade"))
    grant = counted.reserve(call(under), (PAID, LOCAL))
    assert grant.chain == (LOCAL,)
    assert (
        grant.downgraded
        == grant.warnings[0]
        == "budget b: $0.00 of $0.007 spent or set aside this day: a free provider answers"
    )
    # A chain without a free one: the tier below that has one.
    elsewhere = counted.reserve(call(under, tier="T4"), (PAID,))
    assert [one.name for one in elsewhere.chain] == ["ollama", "ollama-fallback"]
    assert held(counted) == (0, 0)


def test_a_rule_that_allows_no_other_model_is_refused_rather_than_led_elsewhere(counted: PurseOfAll) -> None:
    made = call(serving(Budget("b", "all", "day", usd=WORST / 2, at_limit="downgrade")))
    made.decision = Decision("rule", None, (PAID,), "why", rule="pictures")
    with pytest.raises(RefusedCallError):
        counted.reserve(made, (PAID,))


def test_where_no_free_provider_can_be_asked_the_call_is_refused(tmp_path: Path) -> None:
    counted = purse(tmp_path, usable=[PAID])
    with pytest.raises(RefusedCallError):
        counted.reserve(call(serving(Budget("b", "all", "day", usd=WORST / 2, at_limit="downgrade"))), (PAID,))
    counted.close()


def test_a_limit_that_rejects_wins_over_one_that_downgrades(counted: PurseOfAll) -> None:
    both = Budget("a", "all", "day", usd=WORST / 2, at_limit="downgrade"), Budget("b", "all", "month", usd=WORST / 2)
    with pytest.raises(RefusedCallError, match="budget b"):
        counted.reserve(call(serving(*both)), (PAID,))
    # A free call costs nothing: no limit of money stops it.
    assert counted.reserve(call(serving(*both)), (LOCAL,)).chain == (LOCAL,)


def test_a_free_call_counts_its_tokens_and_a_limit_of_tokens_that_rejects_stops_it(counted: PurseOfAll) -> None:
    under = serving(Budget("b", "all", "day", tokens=3000))
    made = call(under)
    counted.reserve(made, (LOCAL,))
    counted.spent(made, row(made, "0", 2000))
    counted.release(made)
    with pytest.raises(RefusedCallError, match="2,000 of 3,000 tokens"):
        counted.reserve(call(under), (LOCAL,))


def test_who_says_no_name_shares_one_limit(counted: PurseOfAll) -> None:
    under = serving(Budget("b", "tenant", "day", usd=WORST))
    counted.reserve(call(under, tenant="unknown"), (PAID,))
    with pytest.raises(RefusedCallError):
        counted.reserve(call(under), (PAID,))
    counted.reserve(call(under, tenant="acme"), (PAID,))


def test_a_row_counts_in_the_window_of_its_own_start(counted: PurseOfAll) -> None:
    late = datetime(2026, 11, 22, 23, 59, 59, tzinfo=UTC)
    made = call(serving(Budget("b", "all", "day", usd=Decimal(1))), when=late)
    counted.reserve(made, (PAID,))
    counted.spent(made, row(made, "0.001", status="500"))
    counted.spent(made, row(made, "0.002", when=late + timedelta(seconds=2)))
    counted.release(made)
    assert held(counted, when=late) == (PICO // 1000, 0)
    assert held(counted, when=late + timedelta(seconds=2)) == (PICO // 500, 0)
    # The clock is set back: the day before is what it was.
    assert held(counted, when=late - timedelta(seconds=5)) == (PICO // 1000, 0)


def test_another_config_holds_from_the_next_call_on_and_knows_what_was_spent(counted: PurseOfAll) -> None:
    before = call(serving())
    counted.reserve(before, (PAID,))
    counted.spent(before, row(before, "0.5"))
    counted.release(before)
    with pytest.raises(RefusedCallError, match=r"\$0\.50 of \$0\.4"):
        counted.reserve(call(serving(Budget("new", "department", "month", usd=Decimal("0.4")))), (PAID,))


def test_the_dearest_price_of_the_day_is_set_aside_that_of_writing_to_the_cache_included(tmp_path: Path) -> None:
    found = shipped_prices().at("anthropic", PAID.model, NOON)
    assert found is not None
    *inputs, output = found.rates.charged()
    assert max(inputs) > found.rates.input
    counted = purse(tmp_path, book=shipped_prices)
    counted.reserve(call(serving(Budget("b", "all", "day", usd=Decimal(1)))), (PAID, LOCAL))
    assert held(counted) == (0, 1000 * (max(inputs) + output) * PICO)
    counted.close()
