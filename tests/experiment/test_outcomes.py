"""Policies on recorded outcomes: the figures are those that one would count by hand."""

from __future__ import annotations

import csv
import random
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from tokenop.errors import InputError, MisuseError
from tokenop.experiment import outcomes
from tokenop.experiment.report import Measured

NOW = datetime(2026, 11, 22, tzinfo=UTC)
WEAK, STRONG = "small", "large"


def write(folder: Path, rows: int = 300, seed: int = 3) -> list[tuple[str, bool, bool]]:
    """Write made-up outcomes: long prompts are hard for the small model."""
    draw = random.Random(seed)
    made = []
    for number in range(rows):
        hard = draw.random() < 0.4
        words = f"question {number} " + ("with many words " * 10 if hard else "")
        made.append((words, draw.random() < (0.3 if hard else 0.95), draw.random() < 0.95))
    with (folder / "made.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["prompt", WEAK, STRONG, f"{WEAK}.cost_usd", f"{STRONG}.cost_usd"])
        writer.writerows((text, str(weak), str(strong), "0.001", "0.01") for text, weak, strong in made)
    return made


def evaluate(
    folder: Path, *candidates: str, early: bool = False, drop: str = "0.1", size: int | None = None
) -> Measured:
    asked = outcomes.Asked(folder, None, candidates, size, early, Decimal(drop), 7)
    return outcomes.evaluate(asked, NOW, "prices")


def test_each_policy_comes_to_what_counting_by_hand_gives(tmp_path: Path) -> None:
    made = write(tmp_path)
    found = evaluate(tmp_path, "small", "length:0.5", "oracle").ran.race.standings
    lengths = sorted(len(text) for text, *_ in made)
    middle = (lengths[149] + lengths[150]) / 2
    wanted = {
        "small": [weak for _, weak, _ in made],
        "length:0.5": [weak if len(text) <= middle else strong for text, weak, strong in made],
        "oracle": [weak or strong for _, weak, strong in made],
    }
    before = sum(strong for *_, strong in made)
    for name, right in wanted.items():
        pairs = found[name].pairs
        assert len(pairs) == len(made)
        assert sum(pair.difference or 0 for pair in pairs) == pytest.approx(sum(right) - before)
    spent = sum(pair.candidate.cost_usd or 0 for pair in found["length:0.5"].pairs)
    weak_calls = sum(len(text) <= middle for text, *_ in made)
    assert spent == Decimal("0.001") * weak_calls + Decimal("0.01") * (len(made) - weak_calls)


def test_the_verdicts_are_those_of_a_run_and_early_stopping_asks_fewer(tmp_path: Path) -> None:
    write(tmp_path)
    late, early = (evaluate(tmp_path, "small", "oracle", early=early) for early in (False, True))
    for measured in (late, early):
        standings = measured.ran.race.standings
        assert (standings["small"].verdict, standings["oracle"].verdict) == ("fail", "pass")
    assert len(early.ran.race.standings["small"].pairs) < len(late.ran.race.standings["small"].pairs)


def test_the_oracle_is_a_yardstick_and_never_recommended(tmp_path: Path) -> None:
    write(tmp_path)
    measured = evaluate(tmp_path, "oracle", "small")
    assert measured.best is None
    assert measured.shown.name == "small"


def test_a_trained_router_is_judged_on_what_it_has_not_seen(tmp_path: Path) -> None:
    from tokenop.research.routers import read, save, train

    folder = tmp_path / "outcomes"
    folder.mkdir()
    write(folder, 160)
    pairs = read([folder]).pair(WEAK, STRONG)
    learned, held_out = pairs.split(seed=5)
    save(train("rules", learned, seed=5), tmp_path / "router.json")
    name = f"router:{tmp_path / 'router.json'}"
    measured = evaluate(folder, name)
    assert {pair.prompt for pair in measured.ran.race.standings[name].pairs} == set(held_out.ids)
    assert "left out" in str(measured.outcomes)
    save(train("rules", pairs, seed=5), tmp_path / "router.json")
    with pytest.raises(InputError, match="trained on these very outcomes"):
        evaluate(folder, name)


def test_routers_that_learned_from_different_prompts_are_not_judged_together(tmp_path: Path) -> None:
    from tokenop.research.routers import read, save, train

    folder = tmp_path / "outcomes"
    folder.mkdir()
    write(folder, 160)
    pairs = read([folder]).pair(WEAK, STRONG)
    names = []
    for seed in (5, 6):
        path = tmp_path / f"router-{seed}.json"
        save(train("rules", pairs.split(seed=seed)[0], seed=seed), path)
        names.append(f"router:{path}")
    with pytest.raises(InputError, match="run one by one"):
        evaluate(folder, *names)


@pytest.mark.parametrize("name", ["nobody", "random:2", "random:x", "length:", "oracle:1"])
def test_what_is_no_policy_is_told(tmp_path: Path, name: str) -> None:
    write(tmp_path, 50)
    with pytest.raises(MisuseError, match="--candidate"):
        evaluate(tmp_path, name)


def test_random_shares_are_kept_about_and_are_the_same_every_time(tmp_path: Path) -> None:
    write(tmp_path)
    first, second = (evaluate(tmp_path, "random:0.3").ran.race.standings["random:0.3"] for _ in range(2))
    strong = sum(pair.candidate.how == STRONG for pair in first.pairs)
    assert 65 <= strong <= 115
    assert [pair.candidate.how for pair in first.pairs] == [pair.candidate.how for pair in second.pairs]


@pytest.mark.parametrize(
    "file", ["mmlu_professional_law.csv", pytest.param("", marks=pytest.mark.thorough)], ids=["some", "all"]
)
def test_on_real_outcomes_the_small_model_fails_and_the_yardstick_passes(shared_data: Path, file: str) -> None:
    measured = evaluate(shared_data / "routing_outcomes" / "mmlu" / file, early=True, drop="0.02")
    standings = measured.ran.race.standings
    assert standings["mistralai/Mixtral-8x7B-Instruct-v0.1"].verdict == "fail"
    assert standings["oracle"].verdict == "pass"
    assert str(measured.outcomes).startswith("ESTIMATED")
