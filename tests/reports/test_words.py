"""Numbers as people read them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenop.reports import words


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("12430.4", "$12,430"),
        ("99.999", "$100.00"),
        ("42.1", "$42.10"),
        ("0.0042", "$0.0042"),
        ("0", "$0"),
        ("-120", "−$120"),
        ("-0.001", "−$0.0010"),
        ("-0.0000000001", "$0.00000000"),
    ],
)
def test_dollars_carry_as_many_digits_as_matter(amount: str, text: str) -> None:
    assert words.usd(Decimal(amount)) == text


def test_what_is_unknown_is_never_shown_as_zero() -> None:
    for function in (words.usd, words.change, words.percent, words.count, words.short):
        assert function(None) == "unknown"


@pytest.mark.parametrize(("amount", "text"), [("12", "+$12.00"), ("-3480", "−$3,480"), ("0", "±$0")])
def test_a_change_always_shows_its_sign(amount: str, text: str) -> None:
    assert words.change(Decimal(amount)) == text


def test_nearly_all_is_not_all() -> None:
    assert words.percent(Decimal("0.9999")).startswith("99.9")
    assert words.percent(Decimal("0.99999"), 1).startswith("99.9")
    assert words.percent(Decimal(1)).startswith("100")


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        ("12", "0", "−100\N{NARROW NO-BREAK SPACE}%"),
        ("12", "0.0001", "−99.9"),
        ("100", "80", "−20"),
        ("100", "146", "+46"),
        ("5", "5", "±0"),
        ("0", "7", "new"),
    ],
)
def test_a_percentage_of_change_is_signed(before: str, after: str, text: str) -> None:
    assert words.percent_change(Decimal(before), Decimal(after)).startswith(text)


def test_payback_that_never_comes_says_never() -> None:
    assert words.days(None) == "never"
    assert words.day_range(Decimal(180), Decimal(470)) == "180 to 470 days"
    assert words.day_range(Decimal(225), None) == "225 days to never"


@given(st.text(max_size=80), st.integers(8, 60))
def test_a_clipped_name_fits_and_keeps_both_ends(name: str, width: int) -> None:
    flat = " ".join(name.split())
    clipped = words.clip(name, width)
    assert len(clipped) <= width
    if len(flat) > width:
        assert clipped[0] == flat[0]
        assert clipped[-1] == flat[-1]
    else:
        assert clipped == flat


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=6))
def test_dollars_keep_sign_and_size(amount: Decimal) -> None:
    text = words.usd(amount)
    shown = Decimal(text.replace("$", "").replace(",", "").replace(words.MINUS, "-"))
    assert abs(shown - amount) <= max(abs(amount) * Decimal("0.06"), Decimal("1e-6"))
