"""Intervals against figures of the textbooks, and against common sense."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenop.community.intervals import Rate, _t, difference, mean, rises


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [
        (9, 10, "0.5958", "0.9821"),
        (10, 10, "0.7225", "1.0000"),
        (0, 10, "0.0000", "0.2775"),
        (1, 1, "0.2065", "1.0000"),
    ],
)
def test_wilson_intervals_are_those_of_the_tables(hits: int, of: int, low: str, high: str) -> None:
    assert (Rate(hits, of).low, Rate(hits, of).high) == (Decimal(low), Decimal(high))


@pytest.mark.parametrize(
    ("freedom", "quantile"), [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (9, 2.262), (29, 2.045), (1000, 1.962)]
)
def test_the_quantiles_of_t_are_those_of_the_tables(freedom: float, quantile: float) -> None:
    assert _t(freedom) == pytest.approx(quantile, rel=0.002)


@given(st.integers(1, 500), st.data())
def test_the_share_lies_inside_and_more_of_the_same_narrows(of: int, data: st.DataObject) -> None:
    rate = Rate(data.draw(st.integers(0, of)), of)
    assert rate.low is not None and rate.high is not None and rate.share is not None  # noqa: PT018
    assert rate.low <= rate.share <= rate.high
    tenfold = Rate(rate.hits * 10, of * 10)
    assert tenfold.low is not None
    assert tenfold.low >= rate.low


def sums(values: list[str]) -> tuple[int, Decimal, Decimal]:
    numbers = [Decimal(value) for value in values]
    return len(numbers), sum(numbers, Decimal(0)), sum((number * number for number in numbers), Decimal(0))


def test_a_mean_of_one_has_no_interval_and_of_none_no_value() -> None:
    assert mean(*sums(["0.3"])) == (1, Decimal("0.3"), None, None)
    assert mean(0, None, None).value is None
    # 0.2, 0.3, 0.4: s = 0.1, t(2) = 4.303, so 0.3 ± 0.2484
    assert mean(*sums(["0.2", "0.3", "0.4"])) == (3, Decimal("0.3"), Decimal("0.0516"), Decimal("0.5484"))


def test_a_difference_of_the_same_is_nothing_and_has_both_signs() -> None:
    same = difference(sums(["0.2", "0.3", "0.4"]), sums(["0.2", "0.3", "0.4"]))
    assert same.value == 0
    assert same.low is not None and same.high is not None  # noqa: PT018
    assert same.low < 0 < same.high
    constant = difference(sums(["0.2", "0.2"]), sums(["0.1", "0.1"]))
    assert (constant.low, constant.high) == (Decimal("0.1"), Decimal("0.1"))


def test_only_what_chance_does_not_explain_rises() -> None:
    assert rises(Rate(10, 100), Rate(30, 100))
    assert not rises(Rate(10, 100), Rate(12, 100))
    assert not rises(Rate(1, 2), Rate(2, 2))
    assert not rises(Rate(0, 0), Rate(5, 5))
    assert not rises(Rate(1, 20), Rate(7, 20), 10)
    assert rises(Rate(1, 20), Rate(7, 20))
    assert not rises(Rate(20, 20), Rate(20, 20))
    # The whole grows tenfold, and so does the part: nothing emerges.
    assert not rises(Rate(10, 100), Rate(100, 1000))
