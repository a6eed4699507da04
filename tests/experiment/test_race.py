"""Who is asked until when: verdicts are wrong no more often than promised, however early they are given."""

from __future__ import annotations

import random

import pytest

from tests.experiment.made import pair, prompt
from tokenop.evals.paired import anytime
from tokenop.experiment.race import ROUND, Race, Standing, needed
from tokenop.experiment.sampling import sample

NAMES = [f"p{number:03}" for number in range(150)]


def race(differences: dict[str, list[float]], drop: float = 0.1, early: bool = True, **more: object) -> Race:
    """Run a race in which candidate `c` gets `differences[c][n]` on the n-th prompt."""
    size = len(next(iter(differences.values())))
    names = [f"p{number:04}" for number in range(size)]
    place = {name: number for number, name in enumerate(names)}
    found = Race(names, dict.fromkeys(differences, drop), 0.95, early=early, **more)
    while now := found.next_round():
        found.tell(
            {
                candidate: [
                    pair(name, differences[candidate][place[name]]) for name, asked in now if candidate in asked
                ]
                for candidate in differences
            }
        )
    return found


REPEATS = pytest.mark.parametrize(("repeats", "most"), [(12, 3), pytest.param(600, 25, marks=pytest.mark.thorough)])
"""How often a race is run, and how many false passes are next to impossible where their rate is at most 2.5 %."""


@REPEATS
def test_a_candidate_that_is_exactly_as_bad_as_just_not_allowed_passes_less_than_promised(
    repeats: int, most: int
) -> None:
    """The mean drop is the tolerance: each pass is a false one, at any time within 150 prompts."""
    draw = random.Random(11)
    passed = 0
    for _ in range(repeats):
        differences = draw.choices([-1.0, 0.0, 1.0], [0.25, 0.65, 0.10], k=150)
        passed += race({"c": differences}, drop=0.15 - 1e-9).standings["c"].verdict == "pass"
    assert passed <= most


@REPEATS
def test_prompts_of_unequal_segments_do_not_make_false_passes(repeats: int, most: int) -> None:
    """A third of the traffic gets much worse. The order is chance, so that the first prompts are no better."""
    prompts = [prompt(f"p{n:03}", intent="hard" if n % 3 == 0 else "easy") for n in range(600)]
    passed = 0
    for seed in range(repeats):
        order = sample(prompts, 150, seed)
        draw = random.Random(seed)
        differences = [-1.0 if one.intent == "hard" and draw.random() < 0.45 else 0.0 for one in order]
        passed += race({"c": differences}, drop=0.15 - 1e-9).standings["c"].verdict == "pass"
    assert passed <= most


@REPEATS
def test_the_best_of_many_bad_candidates_does_not_pass_by_luck(repeats: int, most: int) -> None:
    draw = random.Random(5)
    any_passed = 0
    for _ in range(repeats // 3):
        many = {f"c{n}": draw.choices([-1.0, 0.0, 1.0], [0.25, 0.65, 0.10], k=100) for n in range(5)}
        any_passed += any(one.verdict == "pass" for one in race(many, drop=0.15 - 1e-9).standings.values())
    assert any_passed <= most // 2


def test_a_hopeless_candidate_stops_early_and_a_sound_one_too() -> None:
    draw = random.Random(1)
    found = race({"bad": draw.choices([-1.0, 0.0], k=400), "good": [0.0] * 400})
    bad, good = found.standings["bad"], found.standings["good"]
    assert (bad.verdict, bad.stop, good.verdict, good.stop) == ("fail", "worse", "pass", "good enough")
    assert len(bad.pairs) <= 60
    assert len(good.pairs) <= 80


def test_nobody_stops_before_the_end_where_it_was_not_asked_for() -> None:
    found = race({"bad": [-1.0] * 40, "good": [0.0] * 40}, early=False)
    assert {len(one.pairs) for one in found.standings.values()} == {40}
    assert found.standings["bad"].verdict == "fail"


def test_once_a_cheaper_one_has_passed_a_dearer_one_is_asked_no_further() -> None:
    names = [f"p{number:04}" for number in range(300)]
    found = Race(names, {"cheap": 0.1, "dear": 0.1}, 0.95, early=True)
    draw = random.Random(2)
    while now := found.next_round():
        found.tell(
            {
                "cheap": [pair(name, 0.0, after="0.001") for name, asked in now if "cheap" in asked],
                "dear": [pair(name, draw.choice([-1, 1, 0]), after="0.015") for name, asked in now if "dear" in asked],
            }
        )
    assert (found.standings["cheap"].stop, found.standings["dear"].stop) == ("good enough", "dearer")
    assert found.best() is found.standings["cheap"]


def test_a_cheaper_one_that_is_still_open_gets_the_remaining_prompts() -> None:
    names = [f"p{number:04}" for number in range(300)]
    found = Race(names, {"cheap": 0.05, "dear": 0.2}, 0.95, early=True)
    while now := found.next_round():
        found.tell(
            {
                "cheap": [pair(name, 0.0, after="0.001") for name, asked in now if "cheap" in asked],
                "dear": [pair(name, 0.0, after="0.015") for name, asked in now if "dear" in asked],
            }
        )
    cheap, dear = found.standings["cheap"], found.standings["dear"]
    assert (dear.stop, cheap.stop) == ("good enough", "good enough")
    assert len(cheap.pairs) > len(dear.pairs)
    assert found.best() is cheap


def test_a_yardstick_is_never_the_best() -> None:
    found = race({"oracle": [0.0] * 200, "real": [0.0] * 200}, yardsticks=frozenset({"oracle"}))
    assert found.best() is found.standings["real"]


def test_prompts_that_concern_nobody_are_not_asked() -> None:
    found = Race(["a", "b", "c"], {"x": 0.1}, 0.95, early=False, asked_of={"x": frozenset({"b"})})
    assert found.next_round() == (("b", ("x",)),)
    assert found.next_round() == ()


def test_too_many_missing_answers_cannot_pass_and_are_neither_wins_nor_losses() -> None:
    def standing(missing: int) -> Standing:
        one = Standing("c", 0.2, 0.95)
        for number in range(100):
            one.tell(pair(f"p{number}", 0.0))
        for number in range(missing):
            one.tell(pair(f"m{number}", None))
            broken = one.pairs[-1]
            from dataclasses import replace

            one.pairs[-1] = replace(broken, candidate=replace(broken.candidate, error_kind="timeout"))
        one.look()
        return one

    assert standing(11).verdict == "pass"
    assert standing(12).verdict == "inconclusive"
    assert standing(12).interval.mean == 0


def test_doubt_proves_nothing_either_way() -> None:
    one = Standing("c", 0.05, 0.95)
    for number in range(200):
        one.tell(pair(f"p{number}", -1.0, doubtful=True))
    assert one.look() == "inconclusive"
    assert (one.interval.low < -0.9, one.interval.high > 0.9) == (True, True)


def test_an_unknown_price_makes_the_share_unknown_and_never_zero() -> None:
    one = Standing("c", 0.1, 0.95)
    one.tell(pair("a", 0.0, before="0.04", after="0.01"))
    assert one.share_of_cost == pytest.approx(0.25)
    one.tell(pair("b", 0.0, after=None))
    assert one.share_of_cost is None


@pytest.mark.parametrize("differences", [[0.0], [0.0] * 9 + [-1.0], [0.0] * 40])
def test_the_number_that_would_decide_is_the_first_that_does(differences: list[float]) -> None:
    found = needed(differences, 0.2, 0.95)
    assert found is not None

    def decides(n: int) -> bool:
        seen = anytime([differences[at % len(differences)] for at in range(n)], 0.95)
        return seen.low >= -0.2 or seen.high < -0.2

    assert decides(found)
    assert not decides(found - 1)


def test_what_no_number_of_prompts_decides_is_not_given_one() -> None:
    assert needed([-1.0] + [0.0] * 9, 0.1, 0.95) is None
    assert needed([], 0.1, 0.95) is None
    assert ROUND == 10
