"""The gate: what fails, what passes, and that nothing unknown ever makes it pass."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evals.configs import answers, config, rule, side, suite, target
from tests.evals.outcomes import outcome, outcomes
from tokenop.evals.gate import HOOK_LIMIT, Rules, Verdict, judge
from tokenop.evals.sides import Measured

TASKS = suite()
GOOD, CHEAP = target("good"), target("cheap")


def measured(results: Any, **more: Any) -> Measured:
    found = outcomes(results)
    return Measured.of("run", "0" * 64, [replace(one, **more) for one in found])


def between(worse: set[str], missing: set[str] = frozenset(), rules: Rules | None = None, **more: Any) -> Verdict:
    """Return the verdict on going from a model that passes all tasks to one that does not."""
    answer = answers({"cheap": worse}, {"cheap": missing}, **more)
    old, new = (side(config({"T1": (one,)}), TASKS, answer) for one in (GOOD, CHEAP))
    return judge(old, new, TASKS, rules)


def some(number: int, start: int = 0) -> set[str]:
    return {f"t1-{n}" for n in range(start, start + number)}


@pytest.mark.parametrize(("worse", "decision"), [(0, "pass"), (3, "pass"), (4, "fail"), (5, "fail"), (25, "fail")])
def test_more_than_three_regressions_of_25_fail(worse: int, decision: str) -> None:
    found = between(some(worse))
    assert found.decision == decision
    assert len(found.regressed) == worse


def test_the_limit_can_be_chosen() -> None:
    assert between(some(5), rules=Rules(limit=5)).decision == "pass"
    assert between(some(1), rules=Rules(limit=0)).decision == "fail"


def test_the_bound_stands_beside_the_verdict_with_what_25_tasks_can_prove() -> None:
    found = between(set())
    assert found.bound == pytest.approx(0.1129, abs=1e-4)
    assert "25 tasks cannot prove less than 11.3%" in found.explained()
    assert "at most 28.2%" in between(some(3)).explained()


@pytest.mark.parametrize("missing", [1, 3, 25])
def test_a_missing_recording_is_inconclusive_however_few(missing: int) -> None:
    found = between(set(), some(missing))
    assert found.decision == "inconclusive"
    assert [(one.task, one.engine, one.reason) for one in found.unknown] == [
        (f"t1-{number}", "groq/cheap", "no recording") for number in sorted(range(missing), key=str)
    ]


def test_nothing_that_is_missing_rescues_a_failing_change() -> None:
    assert between(some(4), some(10, 10)).decision == "fail"


def test_a_task_that_failed_before_needs_no_answer_now() -> None:
    answer = answers({"good": {"t1-0"}}, {"cheap": {"t1-0"}})
    old, new = (side(config({"T1": (one,)}), TASKS, answer) for one in (GOOD, CHEAP))
    assert judge(old, new, TASKS).decision == "pass"


def test_timeouts_are_inconclusive_only_where_they_could_change_the_verdict() -> None:
    before = measured("p" * 25)
    for new, decision in (("p" * 22 + "???", "pass"), ("p" * 21 + "????", "inconclusive"), ("f??" + "p" * 22, "pass"),
                          ("ff??" + "p" * 21, "inconclusive"), ("ffff" + "?" * 21, "fail")):  # fmt: skip
        assert judge(before, measured(new, error_kind="timeout"), {}).decision == decision, new


@given(st.lists(st.tuples(st.sampled_from("pf?"), st.sampled_from("pf?")), min_size=1, max_size=30))
@settings(max_examples=60, deadline=None)
def test_it_passes_only_if_it_passes_whatever_the_unknown_would_have_been(pairs: list[tuple[str, str]]) -> None:
    old, new = ("".join(side) for side in zip(*pairs, strict=True))
    found = judge(measured(old), measured(new), {})
    worst = sum(a != "f" and b != "p" for a, b in pairs)
    best = sum((a, b) == ("p", "f") for a, b in pairs)
    assert found.decision == ("fail" if best > 3 else "pass" if worst <= 3 else "inconclusive")


def test_the_same_model_needs_no_recording_and_cannot_regress() -> None:
    every = set(TASKS)
    answer = answers({"good": every}, {"good": every, "cheap": every})
    same = (GOOD, CHEAP), (target("good", name="renamed"), target("other"))
    old, new = (side(config({"T1": chain}), TASKS, answer) for chain in same)
    found = judge(old, new, TASKS)
    assert (found.decision, found.why) == ("pass", "every golden task goes to the same model as before")
    assert found.unchanged == 25


def test_the_same_model_at_another_provider_is_another_one() -> None:
    answer = answers({}, {"good": set(TASKS)})
    old, new = (
        side(config({"T1": (target("good", provider),)}), TASKS, answer) for provider in ("groq", "openai-compatible")
    )
    assert judge(old, new, TASKS).decision == "inconclusive"


def test_a_made_up_answer_does_not_count_for_a_config_in_use() -> None:
    answer = answers({}, {})
    old, new = (side(config({"T1": (one,)}, sample=False), TASKS, answer) for one in (GOOD, CHEAP))
    found = judge(old, new, TASKS)
    assert found.decision == "inconclusive"
    assert "made-up" in found.unknown[0].reason
    assert judge(old, side(config({"T1": (CHEAP,)}), TASKS, answer), TASKS).decision == "inconclusive"
    assert between(set()).sample
    assert not between(set(), source="recorded").sample


def test_a_task_that_was_changed_between_two_runs_is_unknown() -> None:
    old = Measured.of("a", "", [outcome("t", "pass", extra={"task_sha256": "1"})])
    new = Measured.of("b", "", [outcome("t", "pass", extra={"task_sha256": "2"})])
    assert judge(old, new, {}).unknown[0].reason == "the task was changed between the two"


def test_a_task_that_one_run_lacks_is_unknown() -> None:
    found = judge(measured("p" * 25), measured("p" * 24), {})
    assert (found.decision, found.unknown[0].reason) == ("inconclusive", "not in this run")


def test_nothing_to_compare_is_no_pass() -> None:
    assert judge(measured(""), measured(""), {}).decision == "inconclusive"


def test_in_a_hook_only_what_can_be_run_counts() -> None:
    rules = Rules(HOOK_LIMIT, runnable_only=True)
    assert between(some(5), some(15, 5), rules).decision == "pass"
    assert between(some(6), some(15, 6), rules).decision == "fail"
    assert between(set(), set(TASKS), rules).decision == "pass"


MANY = 500


@pytest.mark.parametrize(
    ("lost", "won", "unknown", "decision"),
    [(0, 0, 0, "pass"), (0, 0, 30, "inconclusive"), (5, 5, 0, "inconclusive"), (1, 40, 0, "pass"), (60, 0, 0, "fail")],
)
def test_where_there_are_tasks_enough_the_interval_decides(lost: int, won: int, unknown: int, decision: str) -> None:
    same = MANY - lost - won - unknown
    old = ["p"] * lost + ["f"] * won + ["p"] * unknown + ["p"] * same
    new = ["f"] * lost + ["p"] * won + ["?"] * unknown + ["p"] * same
    found = judge(measured(old, tier="T1"), measured(new), {})
    assert (found.by, found.decision) == ("interval", decision)


def test_what_the_compared_tasks_cost_is_told_where_all_of_it_is_known() -> None:
    assert between(set(), cost_usd=Decimal("0.01")).cost == (Decimal("0.25"), Decimal("0.25"))
    assert between(set()).cost == (None, None)


# --- what else of a config leads a task elsewhere ---

TIERED = suite("T1 T4", 5)


def with_rules(*rules: Any, default: str = "T1") -> Any:
    tiers = {"T1": (CHEAP,), "T4": (GOOD,)}
    answer = answers({"cheap": {f"t4-{n}" for n in range(5)}}, {})
    return side(config(tiers, rules=rules, default_tier=default), TIERED, answer)


def test_a_new_rule_that_leads_hard_work_to_an_easy_tier_fails() -> None:
    down = rule("cheap-code", "intent = 'code'", tier="T1", tiers=("T4",))
    found = judge(with_rules(), with_rules(down), TIERED)
    assert found.decision == "fail"
    assert found.regressed[0].compared.key == "t4-0 (rule cheap-code)"
    assert judge(with_rules(down), with_rules(), TIERED).decision == "pass"


def test_a_rule_that_takes_more_calls_than_before_is_compared_with_their_own_tier() -> None:
    narrow = rule("cheap-code", "input_tokens < 100", tier="T1", tiers=("T4",))
    assert judge(with_rules(narrow), with_rules(replace(narrow, when="true")), TIERED).decision == "fail"
    assert judge(with_rules(narrow), with_rules(narrow), TIERED).decision == "pass"


def test_a_rule_that_leads_elsewhere_is_compared_with_where_it_led() -> None:
    to_good = rule("code", "intent = 'code'", to=GOOD, tiers=("T4",))
    found = judge(with_rules(to_good), with_rules(replace(to_good, to=CHEAP)), TIERED)
    assert found.decision == "fail"


def test_a_rule_that_is_off_changes_nothing() -> None:
    off = rule("cheap-code", "intent = 'code'", tier="T1", tiers=("T4",), off="budget")
    assert judge(with_rules(), with_rules(off), TIERED).decision == "pass"


def test_a_changed_rule_of_which_no_task_tells_anything_is_inconclusive() -> None:
    vague = rule("night", "region = 'eu'", to=CHEAP)
    found = judge(with_rules(), with_rules(vague), TIERED)
    assert (found.decision, found.silent) == ("inconclusive", ("night",))


def test_another_default_tier_is_compared_on_the_tasks_of_the_old_one() -> None:
    assert judge(with_rules(default="T4"), with_rules(default="T1"), TIERED).decision == "fail"
    assert judge(with_rules(default="T1"), with_rules(default="T4"), TIERED).decision == "pass"
