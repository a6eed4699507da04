"""What a template says of its economics, held against replays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenop.catalogue.model import Claim, Interval, Template
from tokenop.trials import claims
from tokenop.trials.replay import Alone

PERCENT = st.floats(-500, 99, allow_nan=False)


def claim(low: float, expected: float, high: float) -> Claim:
    return Claim("month", Interval(*(Decimal(repr(value)) for value in (low, expected, high))))


def judged(template: Template, found: dict[str, Alone], silent_on: Sequence[str]) -> dict[str, str]:
    return {check.name: check.verdict for check in claims.checks(template, found, silent_on)}


@pytest.fixture
def one(template: Callable[..., Template]) -> Template:
    """A template that claims 1, 2 and 3 % on `month`."""
    return replace(template("semantic-caching"), claim=claim(1, 2, 3))


@given(PERCENT, PERCENT, PERCENT)
def test_a_claim_of_what_was_replayed_with_one_decimal_always_holds(low: float, expected: float, high: float) -> None:
    written = claim(*(round(value, 1) for value in (low, expected, high)))
    assert claims.missed(written, Alone((low, expected, high))) == ()


@given(PERCENT, st.sampled_from([-1, 1]))
def test_a_figure_that_is_off_by_more_than_a_hundredth_is_missed(value: float, sign: int) -> None:
    off = value + sign * (0.01 + max(claims.POINTS, claims.RELATIVE * abs(value)))
    assert [name for name, _, _ in claims.missed(claim(value, off, value), Alone((value, value, value)))] == [
        "expected"
    ]


def test_where_a_template_is_silent_it_must_claim_nothing(one: Template) -> None:
    assert claims.missed(claim(0, 0, 0), Alone(silent="no")) == ()
    assert len(claims.missed(one.claim, Alone(silent="no"))) == 3


def test_what_cannot_be_replayed_fails_and_is_no_zero(one: Template) -> None:
    assert len(claims.missed(claim(0, 0, 0), Alone(failed="no price"))) == 3
    assert judged(one, {"month": Alone(failed="no price")}, ["month"]) == {
        "replay on month": "fail",
        "claim": "fail",
        "silent on month": "fail",
    }


def test_a_template_must_be_silent_where_it_says_so(one: Template) -> None:
    found = {"month": Alone((1, 2, 3)), "chat": Alone(silent="too small"), "code": Alone((0, 0.5, 1))}
    assert judged(one, found, ["chat"]) == {"claim": "pass", "silent on chat": "pass"}
    assert judged(one, found, ["chat", "code"])["silent on code"] == "fail"
    assert judged(one, found, ["gone"])["silent on gone"] == "fail"


def test_it_must_name_a_workload_that_it_does_not_suit_unless_it_suits_all(one: Template) -> None:
    found = {"month": Alone((1, 2, 3)), "chat": Alone(silent="too small")}
    assert judged(one, found, [])["silent"] == "fail"
    assert judged(one, {"month": found["month"]}, [])["silent"] == "note"


def test_levers_that_add_nothing_to_the_best_one_are_told_of(one: Template) -> None:
    both = replace(one, layer="cross-layer")
    found = {"month": Alone((1, 2, 3), "", "", (10.0, 20.0, 30.0), 1000.0, (("trim[0]", 20.0), ("batch[1]", 5.0)))}
    (text,) = [check.text for check in claims.checks(both, found, []) if check.name == "interaction"]
    assert "interaction -$5.00" in text
    assert "trim[0] with $20" in text
    assert text.endswith("so that the others add nothing")
