"""When others are asked to review."""

from __future__ import annotations

from datetime import date, timedelta

from tokenop.community import rounds
from tokenop.community.assign import Assignment, Chosen
from tokenop.community.rounds import Next

DAY = date(2026, 11, 22)
TURN = Next(("ada", "bea", "cy"), ("ada", "bea", "cy"), DAY, 0)


def made(*handles: str, today: date = DAY) -> Assignment:
    chosen = tuple(Chosen(handle, 4, 0, ("knows caching",)) for handle in handles)
    return Assignment("semantic-caching", chosen, (), 3, today, today + timedelta(5))


def next_step(days: int, *answered: str, turn: Next = TURN, reroll: bool = False) -> rounds.Step:
    return rounds.step(turn, answered, DAY + timedelta(days), reroll)


def test_within_five_days_nothing_happens_and_then_the_late_ones_are_replaced() -> None:
    assert next_step(5).ask == 0
    late = next_step(6, "BEA")
    assert (late.keep, late.release, late.ask) == (("bea",), ("ada", "cy"), 2)
    assert late.why == "no answer for 5 days"
    assert next_step(60, "ada", "bea", "cy").ask == 0


def test_a_reroll_replaces_at_once_all_who_have_not_answered() -> None:
    assert next_step(0, "ada", reroll=True).release == ("bea", "cy")
    assert next_step(0, "ada", "bea", "cy", reroll=True).ask == 0


def test_a_place_that_stayed_free_is_tried_again_after_five_days() -> None:
    few = Next(("ada",), ("ada",), DAY, 0)
    assert next_step(1, "ada", turn=few).ask == 0
    assert next_step(6, "ada", turn=few).ask == 2


def test_only_as_many_are_let_go_as_others_were_found() -> None:
    later = DAY + timedelta(6)
    found = rounds.after(TURN, next_step(6, "ada"), made("dan", today=later))
    assert found == Next(("ada", "cy", "dan"), ("ada", "bea", "cy", "dan"), later, 1)
    nobody = rounds.after(TURN, next_step(6, "ada"), made(today=later))
    assert nobody.reviewers == ("ada", "bea", "cy")
    assert rounds.step(nobody, ("ada",), later).ask == 0


def test_after_five_rounds_a_maintainer_decides() -> None:
    weary = Next(TURN.reviewers, TURN.asked, DAY, rounds.MOST_ROUNDS)
    assert next_step(30, turn=weary).ask == 0
    assert next_step(0, turn=weary, reroll=True).ask == 0


def test_the_first_round_asks_three_and_is_not_counted_as_another() -> None:
    class Nothing:
        reviewers = asked = ()
        since = None
        rounds = 0

    first = rounds.step(Nothing(), (), DAY)
    assert first.ask == 3
    assert rounds.after(Nothing(), first, made("ada")) == Next(("ada",), ("ada",), DAY, 0)
