"""How good an answer is: checks, references, and what nothing can judge."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.experiment.made import prompt, result
from tokenop.experiment import checking
from tokenop.experiment.scoring import agreement, pair

EXACT = {"kind": "exact", "values": ["yes"]}
LONG = "the quick brown fox jumps over the lazy dog"


@pytest.mark.parametrize(
    ("reference", "answer", "value"),
    [
        ("42", "42", 1), ("42", "The sum is:\n42", 1), ("42", "It is 42 euros", 1), ("42", "420", 0), ("42", "4.2", 0),
        ("1,234.5", "= 1,234.5", 1), ("Paris", "not London but\nPARIS.", 1), ("Paris", "Paris\nor London", 0),
        ("42", "", 0), (LONG, LONG.upper(), 1), (LONG, "", 0),
    ],
)  # fmt: skip
def test_a_short_reference_is_a_fact_that_the_last_line_holds(reference: str, answer: str, value: float) -> None:
    assert agreement(reference, answer) == value


def test_saying_everything_wins_nothing_against_a_long_reference() -> None:
    half = agreement(LONG, "the quick brown fox")
    assert 0 < half < 1
    assert agreement(LONG, LONG + " word" * 500) < half


@given(st.text(max_size=200), st.text(max_size=200))
def test_agreement_is_a_share_for_any_texts(reference: str, answer: str) -> None:
    assert 0 <= agreement(reference, answer) <= 1


def test_a_check_goes_before_a_reference_and_says_what_it_saw() -> None:
    found = pair(
        prompt("a", check=EXACT, reference="no"), result("a", text="yes"), result("a", text="no"), checking.check, None
    ).pair
    assert (found.difference, found.before, found.after, found.by) == (-1, 1, 0, "check")


def test_a_refusal_is_a_loss_and_an_answer_that_never_came_is_not() -> None:
    asked = prompt("a", reference="42")
    refused = pair(asked, result("a", text="42"), result("a", text="", refused=True), checking.check, None).pair
    assert refused.difference == -1
    missing = pair(asked, result("a", text="42"), result("a", error_kind="timeout"), checking.check, None).pair
    assert (missing.difference, missing.infrastructure) == (None, True)


def test_what_nothing_can_judge_is_unscored() -> None:
    found = pair(prompt("a"), result("a"), result("a", text="other"), checking.check, None).pair
    assert (found.difference, found.by, found.infrastructure) == (None, None, False)


@pytest.mark.parametrize(
    "hostile", ["yes\x1b[2J", "\N{RIGHT-TO-LEFT OVERRIDE}yes", "yes\0", "y" * 2_000_000, "{" * 50_000]
)
def test_a_hostile_answer_is_a_wrong_one_and_no_crash(hostile: str) -> None:
    asked = prompt("a", check=EXACT)
    found = pair(asked, result("a", text="yes"), result("a", text=hostile), checking.check, None).pair
    assert found.difference == -1
    assert "\x1b" not in found.detail
    assert len(found.detail) < 1000
