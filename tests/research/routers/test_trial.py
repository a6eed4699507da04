"""Recommended where a router provably helps; and seldom, with a known chance, where it provably cannot."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest

from tests.research.routers.worlds import helpful, noise
from tokenop.errors import InputError
from tokenop.research.routers import telling, trial
from tokenop.research.routers.costs import Costs
from tokenop.research.routers.kinds import logistic
from tokenop.research.routers.outcomes import Outcomes
from tokenop.research.routers.trial import ORACLE, RANDOM, Judged, Overhead, Trial, hold

KNOWN = Costs(None, None, "given", "given")


def still() -> float:
    """Return a time at which nothing takes any: measured times are no part of what is tested."""
    return 0.0


def held(world: Outcomes, seed: int = 0, *names: str, **options: float) -> Trial:
    return hold(world, seed, names, draws=400, clock=still, **options)


def judged(found: Trial, name: str) -> Judged:
    return next(one for one in found.judged if one.name == name)


@pytest.fixture(scope="module")
def helped() -> Trial:
    return held(helpful(400, 1))


def test_a_router_that_helps_is_recommended(helped: Trial) -> None:
    assert helped.best is not None
    for name in ("rules", "knn", "logistic"):
        one = judged(helped, name)
        assert one.recommended, one.why
        assert one.point is not None
        assert one.point.vs_mix.low is not None
        assert one.point.vs_mix.low > 0.1
        assert one.point.strong_share == pytest.approx(0.5, abs=0.06)
        assert one.point.saving.value == pytest.approx(0.45, abs=0.06)
        assert one.apgr.low is not None
        assert one.apgr.low > 0.6


def test_random_mix_and_oracle_stand_beside_it_and_are_never_recommended(helped: Trial) -> None:
    assert [one.name for one in helped.judged] == ["static", "rules", "knn", "logistic", RANDOM, ORACLE]
    chance, oracle = judged(helped, RANDOM), judged(helped, ORACLE)
    assert (chance.apgr.value, chance.cpt50.value, chance.cpt80.value) == pytest.approx((0.5, 0.5, 0.8))
    best = max(one.apgr.value or 0 for one in helped.judged if one.name != ORACLE)
    assert (oracle.apgr.value or 0) >= best
    assert not judged(helped, "static").recommended
    assert judged(helped, "static").why == "the single model to beat: big"


def test_it_is_not_recommended_where_its_own_cost_eats_the_gain() -> None:
    world = helpful(400, 1)
    world.strong_quality[:] = 1
    assert held(world, 0, "knn").best is not None
    dear = hold(world, 0, ["knn"], draws=400, clock=still, overhead=Overhead(usd=0.009))
    assert dear.best is None
    assert "random mix may be as good" in judged(dear, "knn").why


def test_how_long_it_takes_here_is_charged_in_steps() -> None:
    ticks = itertools.count()
    found = hold(helpful(100, 1), 0, ["rules"], draws=50, clock=lambda: next(ticks) * 0.033)
    assert found.measured_ms == pytest.approx(33)
    assert found.overhead.milliseconds == 40
    assert found.overhead.usd_per_call == pytest.approx(40 / 3_600_000 * 0.05)


def test_without_costs_nothing_is_recommended_but_everything_is_shown() -> None:
    found = held(helpful(400, 1).with_costs(None, None), 0, "knn")
    one = judged(found, "knn")
    assert not one.recommended
    assert one.why == "costs are unknown, so its own cannot be charged"
    assert one.apgr.low is not None
    assert one.apgr.low > 0.6
    fields = telling.as_dict(found, KNOWN)
    assert fields["policies"][0]["at_threshold"]["usd_per_call"] is None
    assert fields["held_out"]["weak"]["usd_per_call"] is None


def test_a_limit_on_the_drop_that_cannot_be_shown_to_hold_is_a_reason_against() -> None:
    world = helpful(300, 1)
    # The weak model fails on one easy prompt in six, as nobody can foresee.
    world.weak_quality[np.random.default_rng(3).random(300) < 0.16] = 0
    free, tight = held(world, 0, "knn"), held(world, 0, "knn", max_drop=0.005)
    assert judged(free, "knn").recommended
    assert not judged(tight, "knn").recommended


def test_a_single_model_that_is_better_and_cheaper_is_never_beaten() -> None:
    world = noise(200, 2, weak=0.9, strong=0.6)
    found = held(world, 0, "rules", "knn")
    assert found.best is None
    assert judged(held(world, 0, "static"), "static").why == "the single model to beat: small"


def test_at_equal_cost_the_mix_is_what_the_formula_says(helped: Trial) -> None:
    one = judged(helped, "knn")
    assert one.point is not None
    assert one.policy is not None
    world = helped.held_out
    weak = one.policy.decide(world.prompts)
    quality = np.where(weak, world.weak_quality, world.strong_quality).mean()
    cost = np.where(weak, 0.001, 0.01).mean() + helped.overhead.usd_per_call
    share = (cost - 0.001) / 0.009
    chance = world.weak_quality.mean() + share * (world.strong_quality.mean() - world.weak_quality.mean())
    assert one.point.cost == pytest.approx(cost)
    assert one.point.vs_mix.value == pytest.approx(quality - chance)
    assert one.point.vs_single.value == pytest.approx(quality - world.weak_quality.mean())
    assert one.point.vs_best.value == pytest.approx(quality - world.strong_quality.mean())


def test_noise_is_seldom_recommended() -> None:
    # At a true rate of 5 % six or more of 30 come three times in a thousand.
    found = [
        hold(noise(80, seed, 0.8, 0.92), seed, ["rules", "knn"], draws=200, clock=still).best for seed in range(30)
    ]
    assert sum(one is not None for one in found) <= 5


@pytest.mark.thorough
def test_noise_is_recommended_in_no_more_than_one_case_of_twenty() -> None:
    rates = {}
    for weak, strong, n in ((0.7, 0.85, 200), (0.95, 0.99, 200), (0.97, 0.97, 400)):
        found = [
            hold(noise(n, seed, weak, strong), seed, ["rules", "knn"], draws=400, clock=still).best
            for seed in range(300)
        ]
        rates[weak, strong, n] = np.mean([one is not None for one in found])
    # 5 % and two standard errors of 300 trials.
    assert max(rates.values()) <= 0.05 + 2 * (0.05 * 0.95 / 300) ** 0.5, rates


def test_labels_of_the_held_out_half_change_no_decision(helped: Trial) -> None:
    world = helpful(400, 1)
    _, held_out = world.split(0)
    spoiled = set(held_out.ids)
    rows = [row for row, name in enumerate(world.ids) if name in spoiled]
    world.weak_quality[rows] = 1 - world.weak_quality[rows]
    again = held(world)
    for name in ("rules", "knn", "logistic"):
        before, after = judged(helped, name).point, judged(again, name).point
        assert before is not None
        assert after is not None
        assert (before.threshold, before.strong_share) == (after.threshold, after.strong_share)
    # What looked helpful was learned from the other half and now fails: it is judged by this one.
    assert again.best is None


def test_the_same_input_gives_the_same_figures(helped: Trial) -> None:
    again = held(helpful(400, 1))
    assert json.dumps(telling.as_dict(helped, KNOWN)) == json.dumps(telling.as_dict(again, KNOWN))
    assert telling.curves(helped) == telling.curves(again)
    other = held(helpful(400, 1), 1)
    assert json.dumps(telling.as_dict(other, KNOWN)) != json.dumps(telling.as_dict(helped, KNOWN))


def test_the_best_is_chosen_by_cross_validation_not_by_the_half_it_is_judged_on(helped: Trial) -> None:
    folds = {one.name: np.mean(one.policy.folds) for one in helped.judged if one.policy and one.recommended}
    assert helped.best is not None
    assert folds[helped.best.name] == max(folds.values())


def test_without_scikit_learn_the_others_are_tried_and_the_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = replace(logistic.KIND, missing=lambda: "not here: pip install 'tokenop[routers]'")
    monkeypatch.setattr(trial, "POLICIES", {**trial.POLICIES, "logistic": absent})
    found = held(helpful(100, 1))
    assert "logistic" not in [one.name for one in found.judged]
    assert found.skipped == ("not here: pip install 'tokenop[routers]'",)


def test_an_unknown_policy_is_refused() -> None:
    with pytest.raises(InputError, match="no policy 'bert'"):
        hold(helpful(100, 1), 0, ["bert"])


def test_curves_and_files_hold_what_was_shown(helped: Trial) -> None:
    rows = [line.split(",") for line in telling.curves(helped).splitlines()]
    assert rows[0] == ["policy", "threshold", "strong_share", "quality", "usd_per_call"]
    knn = [row for row in rows if row[0] == "knn"]
    assert (knn[0][2], knn[-1][2]) == ("0.0", "1.0")
    assert len(knn) <= telling.STEPS + 2
    saved = telling.file_of(helped, KNOWN)
    assert saved is not None
    assert saved.figures["recommended"] is True
    assert saved.figures["held_out_sha256"] == helped.held_out.sha256
    assert telling.file_of(held(noise(100, 1), 0, "rules"), KNOWN) is None
