"""The ceiling holds: over any order of calls, and with many threads at once."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenop.evals import spend
from tokenop.evals.spend import Ceiling, CeilingError, Reservation
from tokenop.prices import book
from tokenop.providers.model import Image, Message, Request, Text, Tool, ToolCall, ToolResult, Usage

WHEN = datetime(2026, 3, 1, tzinfo=UTC)
money = st.decimals(min_value=0, max_value=5, places=6)


@given(money, st.lists(st.tuples(money, st.integers(0, 100) | st.none(), st.booleans()), max_size=60))
def test_what_is_spent_never_exceeds_the_ceiling(usd: Decimal, calls: list[tuple[Decimal, int | None, bool]]) -> None:
    ceiling = Ceiling(usd)
    under_way: list[tuple[Reservation, Decimal | None]] = []
    for worst, percent, at_once in calls:
        actual = None if percent is None else worst * percent / 100
        try:
            under_way.append((ceiling.reserve(worst), actual))
        except CeilingError:
            assert worst > usd - ceiling.spent - ceiling.reserved
        if at_once and under_way:
            reservation, cost = under_way.pop()
            reservation.settle(cost)
        assert ceiling.spent + ceiling.reserved <= usd
    for reservation, cost in under_way:
        reservation.settle(cost)
    assert ceiling.spent <= usd
    assert ceiling.reserved == 0


def test_64_threads_spend_exactly_the_ceiling_and_not_a_cent_more() -> None:
    ceiling = Ceiling(Decimal("10"))
    through: list[Decimal] = []
    start = threading.Barrier(64)

    def work() -> None:
        start.wait()
        for _ in range(100):
            try:
                reservation = ceiling.reserve(Decimal("0.01"))
            except CeilingError:
                continue
            reservation.settle(Decimal("0.01"))
            through.append(Decimal("0.01"))

    threads = [threading.Thread(target=work) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ceiling.spent == sum(through) == Decimal("10")
    assert len(through) == 1000


def test_what_a_call_did_not_need_is_there_for_the_next() -> None:
    ceiling = Ceiling(Decimal(1))
    first = ceiling.reserve(Decimal(1))
    with pytest.raises(CeilingError, match=r"may cost \$0.5, and of the ceiling of \$1 \$0 are left"):
        ceiling.reserve(Decimal("0.5"))
    first.settle(Decimal("0.25"))
    ceiling.reserve(Decimal("0.5")).settle(None)
    assert ceiling.spent == Decimal("0.75")


def test_a_call_of_unknown_price_is_refused_under_a_ceiling_unless_it_is_allowed() -> None:
    with pytest.raises(CeilingError, match="price is unknown"):
        Ceiling(Decimal(1)).reserve(None)
    for ceiling in (Ceiling(None), Ceiling(Decimal(1), allow_unknown=True)):
        ceiling.reserve(None).settle(None)
        assert (ceiling.spent, ceiling.unpriced) == (Decimal(0), 1)


def test_a_call_is_settled_once() -> None:
    reservation = Ceiling(None).reserve(Decimal(1))
    reservation.settle(Decimal(1))
    with pytest.raises(ValueError, match="settled already"):
        reservation.settle(Decimal(1))


@pytest.mark.parametrize("wrong", [Decimal("-0.01"), Decimal("nan"), Decimal("inf")])
def test_what_is_no_sum_of_money_is_refused_and_changes_nothing(wrong: Decimal) -> None:
    ceiling = Ceiling(Decimal(1))
    reservation = ceiling.reserve(Decimal("0.5"))
    for refused in (lambda: Ceiling(wrong), lambda: ceiling.reserve(wrong), lambda: reservation.settle(wrong)):
        with pytest.raises(ValueError, match="US dollars"):
            refused()
    assert (ceiling.spent, ceiling.reserved) == (Decimal(0), Decimal("0.5"))


def request(text: str, most: int | None = 100) -> Request:
    return Request("", (Message("user", (Text(text),)),), max_output_tokens=most)


def test_the_worst_case_is_above_what_the_call_costs_with_a_token_per_byte() -> None:
    prices = book.load()
    asked = request("What is 2 + 2? " * 50)
    worst = spend.worst_case(asked, prices, "groq", "llama-3.3-70b-versatile", WHEN)
    most = Usage(input_tokens=15 * 50, output_tokens=100)
    dearest = spend.cost(most, prices, "groq", "llama-3.3-70b-versatile", WHEN)
    assert worst is not None
    assert dearest is not None
    assert 0 < dearest < worst < 2 * dearest


def test_writing_to_a_cache_is_within_the_worst_case() -> None:
    prices = book.load()
    asked = request("x" * 4000)
    written = Usage(4000, 100, cache_creation_input_tokens=4000, cache_creation_1h_input_tokens=4000)
    worst = spend.worst_case(asked, prices, "anthropic", "claude-sonnet-4-5", WHEN)
    cost = spend.cost(written, prices, "anthropic", "claude-sonnet-4-5", WHEN)
    assert cost is not None
    assert worst is not None
    assert cost < worst


def test_what_nobody_knows_the_price_of_has_no_worst_case_and_no_cost() -> None:
    prices = book.load()
    known = ("groq", "llama-3.3-70b-versatile", WHEN)
    assert spend.worst_case(request("x", None), prices, *known) is None
    assert spend.worst_case(request("x"), prices, "groq", "no-such-model", WHEN) is None
    picture = Request("", (Message("user", (Image(url="https://example.com/a.png"),)),), max_output_tokens=1)
    assert spend.worst_case(picture, prices, *known) is None
    assert spend.cost(Usage(input_tokens=5), prices, *known) is None
    assert spend.cost(Usage(5, 5), prices, "vllm", "my-own-model", WHEN) is None


def test_every_part_that_can_grow_counts_towards_the_most_input() -> None:
    def grown(letters: str) -> Request:
        call = ToolCall("id", "f", {"a": letters})
        answered = ToolResult("id", (Text(letters),))
        tool = Tool("f", letters, {"description": letters})
        messages = (Message("assistant", (call,)), Message("user", (answered, Text(letters))))
        return Request("", messages, (Text(letters),), (tool,))

    small, large = (spend.most_input_tokens(grown(letters)) for letters in ("", "ü" * 10))
    assert small is not None
    assert large is not None
    assert large - small == 6 * 20
