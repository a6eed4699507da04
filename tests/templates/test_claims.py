"""What a template claims on a reference workload is what the replay says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tokenop.catalogue import load
from tokenop.trials import claims
from tokenop.trials.replay import Alone, replay
from tokenop.trials.workloads import names

TEMPLATES = load().templates


@pytest.fixture(scope="module")
def found() -> dict[str, dict[str, Alone]]:
    """All templates on all workloads, in one pass a workload."""
    return replay(TEMPLATES)


@pytest.mark.parametrize("template", [pytest.param(one, id=one.id) for one in TEMPLATES])
def test_the_claim_reproduces(found: dict[str, dict[str, Alone]], template) -> None:
    assert claims.missed(template.claim, found[template.id][template.claim.workload]) == ()


@pytest.mark.parametrize("template", [pytest.param(one, id=one.id) for one in TEMPLATES])
def test_it_can_be_replayed_everywhere_and_is_silent_somewhere(found: dict[str, dict[str, Alone]], template) -> None:
    assert set(found[template.id]) == set(names())
    assert [alone.failed for alone in found[template.id].values() if alone.failed] == []
    assert any(alone.silent for alone in found[template.id].values())


def test_the_page_of_the_workloads_states_each_bill(found: dict[str, dict[str, Alone]]) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "workloads.md").read_text(encoding="utf-8")
    for workload in names():
        (bill,) = {alone[workload].bill_usd for alone in found.values()} - {None}
        assert re.search(rf"^\| `{workload}` \|.*\| \${bill:,.0f} \|", page, re.MULTILINE)


def test_every_workload_is_named_by_a_claim_or_has_templates_that_apply(found: dict[str, dict[str, Alone]]) -> None:
    for workload in names():
        assert sum(alone[workload].percent is not None for alone in found.values()) >= 3
