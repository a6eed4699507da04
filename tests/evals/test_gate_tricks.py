"""Ways to a pass that is not deserved: other settings under the same name, other orders, lowered bars, stand-ins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tests.evals.configs import answers, config, rule, side, suite, target
from tests.evals.outcomes import BASE, outcome, outcomes
from tokenop.evals.gate import HOOK_LIMIT, Rules, Verdict, judge, kept
from tokenop.evals.lanes import recorded_as, settings_of
from tokenop.evals.sides import Measured
from tokenop.providers.recordings import request_hash

TASKS = suite("T1 T4", 5)
GOOD, CHEAP = target("good"), target("cheap")
TIERS = {"T1": (CHEAP,), "T4": (GOOD,)}


def verdict(old: Any, new: Any, missing: Mapping[str, set[str]] | None = None, rules: Rules | None = None) -> Verdict:
    """Return the verdict on two configs; the cheap model fails all that is hard."""
    answer = answers({"cheap": {f"t4-{n}" for n in range(5)}}, missing or {}, source="recorded")
    return judge(side(old, TASKS, answer), side(new, TASKS, answer), TASKS, rules)


SET = [
    replace(GOOD, options={"extra_body": {"temperature": 2}}),
    replace(GOOD, base_url="http://elsewhere.example/v1"),
    replace(GOOD, options={"options": {"num_predict": 2}}),
]


@pytest.mark.parametrize("other", SET)
def test_a_model_with_other_settings_is_another_one(other: Any) -> None:
    found = verdict(config(TIERS), config(TIERS | {"T4": (other,)}), {"good": {f"t4-{n}" for n in range(5)}})
    assert (found.decision, found.unchanged) == ("inconclusive", 5)
    assert verdict(config(TIERS | {"T4": (other,)}), config(TIERS | {"T4": (other,)})).decision == "pass"


@pytest.mark.parametrize("other", SET)
def test_an_answer_with_other_settings_is_recorded_under_another_hash(other: Any) -> None:
    request = TASKS["t4-0"].request
    assert request_hash(recorded_as(request, GOOD)) == request_hash(request)
    assert request_hash(recorded_as(request, other)) != request_hash(request)
    assert len({settings_of(one) for one in [GOOD, *SET]}) == 4


def test_who_bills_is_no_setting() -> None:
    assert settings_of(replace(GOOD, options={"preset": "vllm"}, api_key_env="A_API_KEY", name="x")) == ""


def test_what_a_rule_changes_in_requests_is_part_of_what_is_recorded() -> None:
    request = TASKS["t4-0"].request
    curt = replace(GOOD, options={"request": {"max_output_tokens": 1}})
    assert recorded_as(request, curt).max_output_tokens == 1


HARD = rule("hard", "tool_count > 8", tier="T4", tiers=("T4",))
AGENTS = rule("agents", "agent_id IS NOT NULL", tier="T1", tiers=("T4",))


def test_rules_in_another_order_are_compared_by_what_fits_both() -> None:
    found = verdict(config(TIERS, rules=(HARD, AGENTS)), config(TIERS, rules=(AGENTS, HARD)))
    assert found.decision == "fail"
    assert found.regressed[0].compared.key == "t4-0 (agents before hard)"
    assert verdict(config(TIERS, rules=(AGENTS, HARD)), config(TIERS, rules=(HARD, AGENTS))).decision == "pass"


def test_rules_in_another_order_of_which_no_task_tells_anything_are_inconclusive() -> None:
    first, second = (replace(one, tiers=()) for one in (HARD, AGENTS))
    found = verdict(config(TIERS, rules=(first, second)), config(TIERS, rules=(second, first)))
    assert (found.decision, found.silent) == ("inconclusive", ("agents", "hard"))


def test_an_order_that_changes_nobody_s_model_is_none() -> None:
    other = replace(HARD, name="long", when="input_tokens > 9")
    found = verdict(config(TIERS, rules=(HARD, other)), config(TIERS, rules=(other, HARD)))
    assert (found.decision, found.silent) == ("pass", ())


def lower(name: str) -> Any:
    made = config(TIERS, sample=False)
    meta = made.meta
    return {
        "mode": replace(made, mode="recon"),
        "sample": replace(made, meta=replace(meta, sample=True)),
        "golden_tiers": replace(made, meta=replace(meta, golden_tiers=("T1",))),
        "max_quality_drop": replace(made, meta=replace(meta, max_quality_drop=Decimal("0.5"))),
    }[name]


@pytest.mark.parametrize("name", ["mode", "sample", "golden_tiers", "max_quality_drop"])
def test_a_change_that_asks_less_of_later_ones_needs_somebody_who_answers_for_it(name: str) -> None:
    stands = config(TIERS, sample=False)
    found = verdict(stands, lower(name))
    assert (found.decision, len(found.lowered)) == ("inconclusive", 1)
    assert name in found.why or name == "sample"
    assert verdict(stands, lower(name), rules=Rules(HOOK_LIMIT, runnable_only=True)).decision == "pass"
    if name != "mode":
        assert verdict(lower(name), stands).decision == "pass"


def test_what_golden_tasks_tell_nothing_of_is_named() -> None:
    behind = config(TIERS | {"T4": (GOOD, CHEAP)}, budgets=("some",))
    assert verdict(config(TIERS), behind).not_looked_at == ("budgets", "fallbacks")
    assert verdict(config(TIERS), config(TIERS)).not_looked_at == ()


def test_no_margin_makes_counting_give_way() -> None:
    old, new = config(TIERS), config(TIERS | {"T4": (CHEAP,)})
    assert verdict(old, new, rules=Rules(margin=1.0)).decision == "fail"
    assert verdict(old, new, rules=Rules(margin=0.9)).by == "regressions"


def test_many_tasks_decide_nothing_about_a_rule_without_tasks() -> None:
    many = suite("T1", 500)
    answer = answers({}, {}, source="recorded")
    old = side(config({"T1": (GOOD,)}), many, answer)
    new = side(config({"T1": (CHEAP,)}, rules=(rule("night", "region = 'eu'", to=CHEAP),)), many, answer)
    found = judge(old, new, many)
    assert (found.by, found.decision, found.silent) == ("interval", "inconclusive", ("night",))


def test_the_configs_say_which_tiers_and_which_margin_where_nobody_else_does() -> None:
    answer = answers({"cheap": {f"t4-{n}" for n in range(5)}}, {}, source="recorded")
    meta = config(TIERS).meta
    first = replace(config(TIERS), meta=replace(meta, golden_tiers=("T1",), max_quality_drop=Decimal("0.05")))
    second = replace(config(TIERS | {"T4": (CHEAP,)}), meta=first.meta)
    old, new = (side(one, TASKS, answer) for one in (first, second))
    found = kept(old, new, TASKS)
    assert (found.decision, found.rules.margin, len(found.pairs)) == ("pass", 0.05, 5)
    assert kept(old, new, TASKS, ("T4",), 0.02).decision == "fail"


def stood_in(why: str | None, results: str = "ppppp") -> list[Any]:
    extra = dict(BASE.extra) if why is None else {**BASE.extra, "stood_in_for": why}
    return [replace(one, fallback_used=True, extra=extra) for one in outcomes(results)]


@pytest.mark.parametrize("why", ["groq: GROQ_API_KEY is not set", None])
def test_an_answer_of_who_stood_in_says_nothing_about_who_could_not_be_asked(why: str | None) -> None:
    found = judge(Measured.of("a", "", outcomes("ppppp")), Measured.of("b", "", stood_in(why)), {})
    assert found.decision == "inconclusive"
    assert "stood in" in found.unknown[0].reason


def test_who_answers_what_the_first_cannot_do_counts() -> None:
    before = Measured.of("a", "", outcomes("ppppp"))
    assert judge(before, Measured.of("b", "", stood_in("")), {}).decision == "pass"
    assert judge(before, Measured.of("b", "", stood_in("", "fffff")), {}).decision == "fail"


def test_a_baseline_that_another_stood_in_for_is_no_baseline_of_that_other() -> None:
    easy = {name: one for name, one in TASKS.items() if one.tier == "T1"}
    answer = answers({"cheap": set(easy)}, {}, source="recorded")
    extra = {"stood_in_for": "good: no key"}
    here = [outcome(name, "pass", model="cheap", fallback_used=True, extra=extra) for name in easy]
    found = judge(Measured.of("run", "", here), side(config(TIERS), easy, answer), easy)
    assert (found.decision, found.unchanged) == ("inconclusive", 0)
    assert BASE.stood_in is None


def test_an_outcome_that_does_not_say_which_task_it_was_is_unknown() -> None:
    old, new = (Measured.of(name, "", [replace(one, extra={}) for one in outcomes("ppppp")]) for name in "ab")
    assert judge(old, new, {}).decision == "inconclusive"
