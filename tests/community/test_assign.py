"""Who is asked to review: examples, and what holds whoever is on the list."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tokenop.community.assign import Assignment, choose, markdown, plain, rerolled
from tokenop.community.past import Past

TODAY = date(2026, 11, 22)
LAYERS = ("application-layer", "serving-layer", "infrastructure-layer", "cross-layer")
CATEGORIES = ("caching", "routing", "prompting")


@dataclass(frozen=True)
class Someone:
    handle: str
    layers: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    capacity: int = 3
    away_until: date | None = None


@dataclass(frozen=True)
class About:
    id: str = "semantic-caching"
    layer: str = "application-layer"
    category: str = "caching"
    authors: tuple[str, ...] = ("tokenop",)


people = st.lists(
    st.builds(
        Someone,
        st.text("abcdef", min_size=1, max_size=4),
        st.lists(st.sampled_from(LAYERS), unique=True).map(tuple),
        st.lists(st.sampled_from(CATEGORIES), unique=True).map(tuple),
        st.integers(0, 4),
        st.none() | st.integers(-3, 3).map(lambda days: TODAY + timedelta(days)),
    ),
    unique_by=lambda person: person.handle,
    max_size=8,
)
templates = st.builds(
    About,
    st.sampled_from(["one", "two"]),
    st.sampled_from(LAYERS),
    st.sampled_from(CATEGORIES),
    st.lists(st.text("abcdef", min_size=1, max_size=2), max_size=2).map(tuple),
)
loads = st.dictionaries(st.text("abcdef", min_size=1, max_size=4), st.integers(0, 5))
pasts = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=4), st.builds(Past, *[st.integers(0, 3)] * 3), max_size=5
)
rounds = st.integers(0, 3)


def handles(assignment: Assignment) -> list[str]:
    return [one.handle for one in assignment.chosen]


def ranked(assignment: Assignment, handle: str) -> int:
    return handles(assignment).index(handle)


@given(people, templates, loads, st.text("abcdef", max_size=2), rounds, pasts)
def test_nobody_is_asked_who_wrote_it_is_away_full_or_was_asked(
    listed: list[Someone], about: About, load: dict[str, int], author: str, reroll: int, past: dict[str, Past]
) -> None:
    asked = [person.handle for person in listed[:2]]
    made = choose(about, listed, load, author.upper(), TODAY, reroll, asked=asked, past=past)
    chosen = {person.handle: person for person in listed if person.handle in handles(made)}
    assert not set(chosen) & {*about.authors, author, *asked}
    assert all(load.get(handle, 0) < person.capacity for handle, person in chosen.items())
    assert all(person.away_until is None or person.away_until < TODAY for person in chosen.values())
    assert len(chosen) == len(made.chosen) <= 3
    # Everybody on the list is either asked or told why not, and nobody is passed over while a place is free.
    assert sorted([*chosen, *(one.handle for one in made.passed_over)]) == sorted(person.handle for person in listed)
    assert not made.missing or all(one.reason != "busier" for one in made.passed_over)


@given(people, templates, loads, rounds, pasts, st.randoms(use_true_random=False))
def test_the_order_of_the_list_changes_nothing(
    listed: list[Someone], about: About, load: dict[str, int], reroll: int, past: dict[str, Past], chance: random.Random
) -> None:
    shuffled = chance.sample(listed, len(listed))
    assert choose(about, listed, load, None, TODAY, reroll, past=past) == choose(
        about, shuffled, load, None, TODAY, reroll, past=past
    )


@given(people, templates, loads, st.data())
def test_more_expertise_never_lowers_a_rank_and_more_load_never_raises_it(
    listed: list[Someone], about: About, load: dict[str, int], data: st.DataObject
) -> None:
    before = choose(about, listed, load, None, TODAY, count=9)
    if not before.chosen:
        return
    handle = data.draw(st.sampled_from(handles(before)))
    layers = tuple(data.draw(st.sets(st.sampled_from(LAYERS))))
    wiser = [
        replace(one, layers=(*one.layers, *layers), categories=CATEGORIES) if one.handle == handle else one
        for one in listed
    ]
    assert ranked(choose(about, wiser, load, None, TODAY, count=9), handle) <= ranked(before, handle)
    done = {handle: Past(*data.draw(st.tuples(*[st.integers(0, 3)] * 3)))}
    assert ranked(choose(about, listed, load, None, TODAY, count=9, past=done), handle) <= ranked(before, handle)
    busier = choose(about, listed, load | {handle: load.get(handle, 0) + 1}, None, TODAY, count=9)
    if handle in handles(busier):
        assert ranked(busier, handle) >= ranked(before, handle)


def test_many_pull_requests_spread_over_people_who_know_the_same() -> None:
    listed = [Someone(f"p{number}", ("application-layer",), ("caching",), capacity=99) for number in range(7)]
    load: dict[str, int] = {}
    for number in range(50):
        for handle in handles(choose(About(f"template-{number}"), listed, load, None, TODAY)):
            load[handle] = load.get(handle, 0) + 1
            assert max(load.values()) - min(load.get(one.handle, 0) for one in listed) <= 1
    assert sum(load.values()) == 150


def test_who_knows_layer_and_category_comes_before_who_knows_one_or_none() -> None:
    listed = [
        Someone("none"),
        Someone("both", ("application-layer",), ("caching",)),
        Someone("category", (), ("caching",)),
        Someone("layer", ("application-layer",)),
    ]
    made = choose(About(), listed, {}, None, TODAY)
    assert handles(made) == ["both", "layer", "category"]
    assert made.chosen[0].why == ("knows the application layer", "knows caching", "0 open requests of at most 3")
    assert [(one.handle, one.reason) for one in made.passed_over] == [("none", "busier")]
    # Two open requests outweigh what one of them knows more.
    assert handles(choose(About(), listed, {"both": 2}, None, TODAY))[-1] == "both"


def test_a_reroll_asks_others_and_says_when_nobody_is_left() -> None:
    listed = [Someone(name, ("application-layer",)) for name in "abcde"]
    first, second = (rerolled(About(), listed, {}, "e", TODAY, number) for number in (0, 1))
    assert len(first.chosen) == 3
    assert not set(handles(first)) & set(handles(second))
    assert len(second.chosen) == 1
    assert second.missing == 2
    assert "Reviewers wanted: 3; only 1 person on the list can be asked." in markdown(second)
    nobody = rerolled(About(), listed, {}, "e", TODAY, 2)
    assert "nobody on the list can be asked" in markdown(nobody)
    assert "nobody is on the list yet" in markdown(choose(About(), [], {}, None, TODAY))


def test_the_comment_names_the_day_and_notifies_only_those_who_are_asked() -> None:
    made = choose(About(authors=("Bea",)), [Someone("ada", ("application-layer",)), Someone("bea")], {}, None, TODAY)
    text = markdown(made)
    assert "**2026-11-27**" in text
    assert "| @ada | knows the application layer; 0 open requests of at most 3 |" in text
    assert "- `bea`: wrote it" in text
    assert "@bea" not in text
    assert made.mentions == ("@ada",)


def test_handles_are_compared_without_case_and_at_sign() -> None:
    assert plain(" @Ada ") == plain("ada")
    assert choose(About(), [Someone("Ada")], {"ADA": 3}, None, TODAY).passed_over[0].reason == "full"
