"""What a template is tried on: workloads, golden tiers, and silence where it does not apply."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.catalogue.rules.specimen import changed, crossing, said

TIERS = "golden_tiers: [T1, T2]"


def silent(*names: str) -> tuple[str, str]:
    return "  claim:\n", f"  silent_on: [{', '.join(names)}]\n  claim:\n"


def test_an_unknown_workload_is_told_by_this_rule_alone() -> None:
    checked = changed(silent("coding-agent", "coding-agents"))
    (found,) = said("GE001", checked)
    assert found.field == "economics.silent_on[1]"
    assert found.fix == "did you mean coding-agent?"
    assert said("FM004", checked) == []


def test_what_can_change_answers_names_a_tier() -> None:
    (found,) = said("GE001", changed((TIERS, "golden_tiers: []")))
    assert found.field == "quality.golden_tiers"
    assert said("GE001", changed()) == []


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        ([], []),
        (["README.md"], []),
        (["T1-answers", "t2.yaml"], []),
        (["T1"], [1]),
        (["T3", "T12-other"], [0, 1]),
    ],
)
def test_tiers_have_tasks_once_any_tier_has(tmp_path: Path, names: list[str], missing: list[int]) -> None:
    golden = tmp_path / "validations" / "golden"
    golden.mkdir(parents=True)
    for name in names:
        (golden / name).touch()
    listed = said("GE001", changed(), root=tmp_path)
    assert [one.field for one in listed] == [f"quality.golden_tiers[{index}]" for index in missing]


@pytest.mark.parametrize(
    ("named", "percent", "fields"),
    [
        ((), {"sample-month": (1.0, 2.0, 3.0)}, []),  # it suits all of them
        ((), {"sample-month": (1.0, 2.0, 3.0), "coding-agent": None}, ["economics.silent_on"]),
        (("coding-agent",), {"sample-month": (1.0, 2.0, 3.0), "coding-agent": None}, []),
        (("coding-agent",), {"coding-agent": (0.0, 0.0, 0.0)}, ["economics.silent_on[0]"]),
        (("coding-agent",), {}, []),
    ],
)
def test_silence_is_tried(
    named: tuple[str, ...], percent: dict[str, tuple[float, float, float] | None], fields: list[str]
) -> None:
    checked = changed(silent(*named)) if named else changed()
    assert [one.field for one in said("GE002", checked, percent=percent)] == fields


def test_without_the_engine_nothing_is_said_of_silence() -> None:
    assert said("GE002", crossing()) == []
