"""When others are asked to review, and what a comment remembers of it."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenop.community import rounds
from tokenop.community.assign import Assignment, Chosen
from tokenop.community.rounds import Comment, Record

DAY = date(2026, 11, 22)
RECORD = Record({"ada": DAY, "bea": DAY, "cy": DAY}, ("ada", "bea", "cy"), 0, 10)


def made(*handles: str, today: date = DAY) -> Assignment:
    chosen = tuple(Chosen(handle, 4, 0, ("knows caching",)) for handle in handles)
    return Assignment("semantic-caching", chosen, (), 3, today, today + timedelta(5))


def said(text: str, number: int = 11, author: str = "eve", association: str = "NONE") -> Comment:
    return Comment(number, author, association, text)


def next_step(*comments: Comment, days: int = 1, reviewed: tuple[str, ...] = ()) -> rounds.Step:
    return rounds.step(RECORD, reviewed, comments, "Author", DAY + timedelta(days))


def test_three_are_asked_where_nobody_was() -> None:
    assert rounds.step(None, (), [], "author", DAY).ask == 3


def test_nothing_happens_within_five_days_and_late_ones_are_replaced_after() -> None:
    assert next_step(days=5).ask == 0
    late = next_step(days=6, reviewed=("BEA",))
    assert (late.ask, late.release, late.why) == (2, ("ada", "cy"), "no answer for 5 days from ada, cy")
    assert next_step(days=60, reviewed=("ada", "bea", "cy")).ask == 0


@pytest.mark.parametrize(
    ("comment", "obeyed"),
    [
        (said("/tokenop reroll", author="author"), True),
        (said("please\n  /tokenop reroll \nthanks", association="MEMBER"), True),
        (said("/tokenop reroll"), False),
        (said("> /tokenop reroll", association="OWNER"), False),
        (said("/tokenop reroll now", association="OWNER"), False),
        (said("/tokenop reroll", number=10, association="OWNER"), False),
    ],
)
def test_a_command_counts_once_and_from_the_author_or_a_member_only(comment: Comment, obeyed: bool) -> None:
    found = next_step(comment, reviewed=("ada",))
    assert (found.release == ("bea", "cy")) is obeyed
    assert found.seen == max(comment.number, RECORD.seen)


def test_the_next_record_keeps_everybody_who_was_ever_asked() -> None:
    later = DAY + timedelta(6)
    step = next_step(days=6, reviewed=("ada",))
    record = rounds.recorded_after(RECORD, step, made("dan", today=later))
    # One other was found for two who did not answer: one of the two stays.
    assert record.waiting == ("cy", "dan")
    assert set(record.asked) == {"ada", "bea", "cy", "dan"}
    assert (record.rounds, record.asked["dan"]) == (1, later)
    nobody = rounds.recorded_after(RECORD, step, made(today=later))
    assert nobody.waiting == ("bea", "cy")
    assert rounds.step(nobody, ("ada",), [], "author", later).ask == 0


def test_after_five_rounds_a_maintainer_decides() -> None:
    record = Record(RECORD.asked, RECORD.waiting, rounds.MOST_ROUNDS)
    assert rounds.step(record, (), [], "author", DAY + timedelta(30)).ask == 0


names = st.from_regex(r"[A-Za-z0-9](-?[A-Za-z0-9]){0,10}", fullmatch=True)
records = st.builds(
    Record, st.dictionaries(names, st.dates(), max_size=5), st.just(()), st.integers(0, 9), st.integers(0, 10**12)
)


@given(records)
def test_a_record_survives_the_comment(record: Record) -> None:
    whole = Record(record.asked, tuple(record.asked)[:2], record.rounds, record.seen)
    comment = rounds.with_section("## Verdict\n", rounds.section(made("ada"), whole))
    assert rounds.recorded(comment) == whole
    assert rounds.kept(comment) == rounds.section(made("ada"), whole)
    again = rounds.with_section(comment, rounds.section(made("bea"), whole))
    assert again.count(rounds.BEGIN) == 1
    assert "| @ada |" not in again
    assert rounds.recorded(rounds.seen_up_to(comment, record.seen + 5)) == Record(
        whole.asked, whole.waiting, whole.rounds, whole.seen + 5
    )


@pytest.mark.parametrize(
    "fields",
    [
        "{}", "{not json}", '{"asked": 1, "waiting": [], "rounds": 0, "seen": 0}',
        '{"asked": {"a b": "2026-11-22"}, "waiting": [], "rounds": 0, "seen": 0}',
        '{"asked": {"ada": "tomorrow"}, "waiting": [], "rounds": 0, "seen": 0}',
        '{"asked": {}, "waiting": ["eve"], "rounds": 0, "seen": 0}',
        '{"asked": {}, "waiting": [{}], "rounds": 0, "seen": 0}',
    ],
)  # fmt: skip
def test_a_broken_record_is_none(fields: str) -> None:
    assert rounds.recorded(f"{rounds.BEGIN}{fields} -->\n{rounds.END}") is None
