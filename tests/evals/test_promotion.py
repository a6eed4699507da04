"""The promotion rule: 80 % of T3 and T4 over 7 days, of answers that were really asked for."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.evals.configs import suite
from tests.evals.outcomes import LETTERS, outcome
from tokenop.evals import promotion, results
from tokenop.evals.lanes import task_hash
from tokenop.evals.promotion import Standing
from tokenop.evals.results import RunInfo
from tokenop.routing.model import Promotion

TODAY = date(2026, 3, 8)
TASKS = list(suite("T1 T3 T4", 5).values())


def wrote(folder: Path, days_ago: int, letters: str = "p" * 10, **more: Any) -> None:
    """Write a run of that day: five tasks of T3, then five of T4, with these results."""
    started = datetime(TODAY.year, TODAY.month, TODAY.day, 3, tzinfo=UTC) - timedelta(days=days_ago)
    info = RunInfo(results.run_id_of(started, (folder, days_ago, letters, more)), started, "c", "", "", (), 1, "live")
    wanted = [task for task in TASKS if task.tier != "T1"]
    results.write(
        folder,
        info,
        [
            outcome(task.id, LETTERS[letter], tier=task.tier, **({"extra": {"task_sha256": task_hash(task)}} | more))
            for task, letter in zip(wanted, letters, strict=False)
        ],
    )


def standing(folder: Path, provider: str = "groq", rule: Promotion | None = None) -> Standing:
    return promotion.standing(folder, provider, rule or Promotion(), TASKS, TODAY)


def test_80_percent_over_7_days_may_be_proposed(tmp_path: Path) -> None:
    for day in range(7):
        wrote(tmp_path, day, "p" * 8 + "ff")
    found = standing(tmp_path)
    assert (found.passed, found.failed, found.days, found.may) == (56, 14, 7, True)
    assert found.rate == Decimal("0.8")
    assert found.at_least < 0.8


def test_less_than_80_percent_stays_a_fallback(tmp_path: Path) -> None:
    for day in range(7):
        wrote(tmp_path, day, "p" * 8 + "ff" if day else "p" * 7 + "fff")
    found = standing(tmp_path)
    assert not found.may
    assert found.reasons == ("78.6% passed, less than 80%",)


@pytest.mark.parametrize(("days", "may"), [((0,), False), ((0, 5), False), ((0, 6), True), ((0, 7), True)])
def test_the_results_must_span_7_days(tmp_path: Path, days: tuple[int, ...], may: bool) -> None:
    for day in days:
        wrote(tmp_path, day)
    assert standing(tmp_path).may == may


def test_what_is_older_or_of_tomorrow_does_not_count(tmp_path: Path) -> None:
    for day in (-1, 8, 30):
        wrote(tmp_path, day)
    assert standing(tmp_path).reasons[0] == "no task was answered in these days"


def test_infrastructure_is_left_out_and_counted(tmp_path: Path) -> None:
    for day in range(7):
        wrote(tmp_path, day, "pppp?pppp?" if day else "p" * 10)
    found = standing(tmp_path)
    assert (found.infrastructure, found.rate, found.may) == (12, 1, True)


def test_ten_rows_without_a_key_are_not_ten_fails(tmp_path: Path) -> None:
    wrote(tmp_path, 0, "?" * 10)
    found = standing(tmp_path)
    assert (found.failed, found.rate, found.infrastructure) == (0, None, 10)
    assert not found.may


@pytest.mark.parametrize("source", ["recorded", "sample"])
def test_answers_from_files_never_count(tmp_path: Path, source: str) -> None:
    for day in range(7):
        wrote(tmp_path, day, source=source)
    found = standing(tmp_path)
    assert (found.may, found.passed, found.not_asked) == (False, 0, 70)


def test_another_provider_and_another_tier_do_not_count(tmp_path: Path) -> None:
    for day in range(7):
        wrote(tmp_path, day, provider="ollama")
    assert standing(tmp_path).passed == 0
    assert standing(tmp_path, rule=Promotion(tiers=("T1",))).passed == 0
    assert standing(tmp_path, "ollama").may


def test_every_task_must_have_been_answered(tmp_path: Path) -> None:
    for day in range(7):
        wrote(tmp_path, day, "p" * 9 + "?")
    assert standing(tmp_path).reasons == ("1 golden tasks were never answered: t4-4",)


def test_a_longer_window_can_be_asked_for(tmp_path: Path) -> None:
    for day in (0, 6):
        wrote(tmp_path, day)
    assert standing(tmp_path, rule=Promotion(window_days=14)).reasons == ("results span 7 of 14 days",)


def test_no_results_at_all_are_no_error(tmp_path: Path) -> None:
    assert not standing(tmp_path / "nowhere").may


def test_a_copy_of_a_run_counts_once(tmp_path: Path) -> None:
    for day in range(7):
        wrote(tmp_path, day, "p" * 10 if day == 3 else "p" * 7 + "fff")
    (good,) = [path for path in results_in(tmp_path) if '"fail"' not in path.read_text()]
    for number in range(9):
        (tmp_path / f"{good.stem[:-1]}{number}.jsonl").write_bytes(good.read_bytes())
    found = standing(tmp_path)
    assert (found.passed, found.failed, found.may) == (52, 18, False)


def test_what_a_task_asked_before_it_was_changed_does_not_count(tmp_path: Path) -> None:
    for day in range(7):
        wrote(tmp_path, day, extra={"task_sha256": "1" * 64} if day else {})
    assert standing(tmp_path).reasons[0] == "no task was answered in these days"


def results_in(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jsonl"))
