"""A change of a routing config's way through the workflows: what it costs and does to answers is said before merge."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import ROOT
from tests.rehearsal.runner import Run
from tests.rehearsal.stage import staged

SAMPLES = ROOT / "validations" / "golden" / "samples"
CONFIG = "templates/routing/made-up.yaml"


class Told(NamedTuple):
    """A run of the checks, and the comment that followed."""

    run: Run
    comment: str


def config(name: str) -> str:
    """Return a shipped sample config under the name of the one that the repository uses."""
    return (SAMPLES / f"routing-{name}.yaml").read_text(encoding="utf-8").replace(f"id: routing-{name}", "id: made-up")


@pytest.fixture(scope="module")
def told(content: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Told]]:
    """Merge a config with recorded answers, then propose three changes of it."""
    recorded = {
        f"validations/golden/recordings/replay/{path.name}": path.read_text(encoding="utf-8")
        for path in sorted((SAMPLES / "replay").glob("*.jsonl"))
    }
    prices = {"templates/prices/replay.yaml": (SAMPLES / "prices.yaml").read_text(encoding="utf-8")}
    with staged(content, tmp_path_factory.mktemp("routing")) as stage:
        stage.merge(stage.propose({CONFIG: config("before"), **recorded, **prices}))
        found = {}
        for name in ("cheaper", "worse", "unknown"):
            pull = stage.propose({CONFIG: config(name)})
            run = stage.check(pull)
            stage.report(run.number)
            found[name] = Told(run, stage.said(pull))
        yield found


def test_a_change_that_only_costs_less_passes_and_says_so(told: dict[str, Told]) -> None:
    run, comment = told["cheaper"]
    assert run.conclusion == "success"
    assert "**Passed**" in comment
    assert "Quality passes (0 of 10 worse, " in comment
    assert re.search(r"\| sample-month \| -\$[\d,]+ \(-\$[\d,]+ to -\$[\d,]+, -\d+\.\d%\) \|", comment)
    assert "| write&#95;code | 17,702 | -$" in comment


def test_a_change_that_makes_five_tasks_worse_is_blocked(told: dict[str, Told]) -> None:
    run, comment = told["worse"]
    assert run.conclusion == "failure"
    assert "**Not passed**" in comment
    assert "**GATE-FAIL**" in comment
    assert "Quality **fails**: more golden tasks got worse than may (5 of 10 worse" in comment


def test_a_change_to_a_model_of_which_nothing_is_recorded_is_inconclusive_and_blocked(told: dict[str, Told]) -> None:
    run, comment = told["unknown"]
    assert run.conclusion == "failure"
    assert "**GATE-INCONCLUSIVE**" in comment
    assert "5 without an answer" in comment


def test_each_comment_says_on_which_logs_it_was_replayed_and_by_whose_word(told: dict[str, Told]) -> None:
    for _, comment in told.values():
        assert "as this pull request's own run says" in comment
        for log in ("chat-assistant", "coding-agent", "document-pipeline", "sample-month"):
            assert f"| {log} |" in comment
