"""Templates replayed on reference workloads: the figures of a plan, silence with a reason, and nothing that spreads."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import Ran
from tokenop.catalogue.model import Template
from tokenop.errors import MisuseError
from tokenop.trials import workloads
from tokenop.trials.replay import replay, replayed

CHAT = "chat-assistant"
Make = Callable[..., Template]


def on_chat(*templates: Template) -> dict:
    return {name: found[CHAT] for name, found in replay(templates, [CHAT]).items()}


def test_the_figures_are_those_of_a_plan(run_cli: Callable[..., Ran], template: Make, tmp_path: Path) -> None:
    caching, routing = template("semantic-caching"), template("model-routing")
    (tmp_path / "policy.yaml").write_text("max_quality_drop: 1\n")
    folder, log = tmp_path / "templates", workloads.log(CHAT)
    ran = run_cli("plan", "--events", log, "--templates-dir", folder, "--json", cwd=tmp_path)
    plan = json.loads(ran.stdout)
    planned = {entry["id"]: entry["savings_monthly_usd"] for entry in plan["rejected"] + plan["chosen"]}
    for name, alone in on_chat(caching, routing).items():
        bill = plan["baseline_monthly_usd"]
        assert alone.bill_usd == bill
        assert dict(zip(("p10", "expected", "p90"), alone.monthly_usd, strict=True)).items() <= planned[name].items()
        assert alone.percent == tuple(100 * saved / bill for saved in alone.monthly_usd)


def test_a_template_alone_and_among_others_gets_the_same_figures(template: Make) -> None:
    caching, routing = template("semantic-caching"), template("model-routing")
    assert on_chat(caching, routing)[caching.id] == on_chat(caching)[caching.id]


def test_a_template_that_does_not_apply_is_silent_and_says_why(template: Make) -> None:
    found = on_chat(template("context-compaction"), template("batch-inference"), template("reserved-instance-planning"))
    assert [alone.percent for alone in found.values()] == [None] * 3
    assert "input_tokens_p95 = " in found["context-compaction"].silent
    assert found["batch-inference"].silent.startswith("no priced call matches")
    assert "needs an inventory" in found["reserved-instance-planning"].silent


def test_one_that_cannot_be_worked_out_leaves_the_others_alone(template: Make) -> None:
    sound = template("semantic-caching")
    where = replace(sound.levers[0], where="CAST(intent AS INTEGER) > 1")
    broken = replace(sound, id="broken", levers=(where,))
    unpriced = template("model-routing", ("model: claude-haiku-4-5}", "model: nobody-sells-this}"), to="unpriced")
    found = on_chat(sound, broken, unpriced)
    assert found[sound.id].percent is not None
    assert "broken" in found["broken"].failed
    assert "nobody-sells-this" in found["unpriced"].failed
    assert replayed({CHAT: found["broken"]}).percent == {}


def test_a_retired_template_is_replayed_like_any_other(template: Make) -> None:
    kept = template("semantic-caching")
    retired = replace(kept, status="deprecated")
    assert on_chat(retired) == on_chat(kept)


def test_the_inventory_belongs_to_its_workload_alone_and_levers_are_told_one_by_one(template: Make) -> None:
    names = ["sample-month", "sample-month-with-inventory"]
    found = replay([template("terraform-spot-instances")], names)["terraform-spot-instances"]
    assert found[names[0]].silent
    alone = found[names[1]]
    singles = dict(alone.single_usd)
    assert list(singles) == ["batch[0]", "capacity[1]", "capacity[2]"]
    assert alone.monthly_usd
    assert max(singles.values()) < alone.monthly_usd[1] < sum(singles.values())


def test_two_templates_of_one_id_and_unknown_workloads_are_refused(template: Make) -> None:
    one = template("semantic-caching")
    with pytest.raises(MisuseError, match="semantic-caching: two templates"):
        replay([one, one])
    with pytest.raises(MisuseError, match="no such workload; known: chat-assistant"):
        replay([one], ["our-month"])
    assert replay([]) == {}
