"""`tokenop plan` as people and programs call it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

SAMPLE = Path(__file__).resolve().parents[2] / "tokenop" / "sample" / "month.parquet"


@pytest.fixture(scope="module")
def sample_plan(tmp_path_factory, module_cli):
    folder = tmp_path_factory.mktemp("plan")
    ran = module_cli("plan", "--events", SAMPLE, "--json", "--draws", 200, cwd=folder)
    assert ran.exit_code == 0, ran.stderr
    return json.loads(ran.stdout), folder


@pytest.fixture(scope="module")
def small_plan(tmp_path_factory, module_cli, small_month):
    folder = tmp_path_factory.mktemp("small")
    return plan_json(module_cli, folder, "--events", small_month), folder


def test_the_json_has_what_programs_rely_on(sample_plan):
    plan, _ = sample_plan
    assert plan["baseline_monthly_usd"] > 0
    assert (
        plan["savings_monthly_usd"]["p10"] <= plan["savings_monthly_usd"]["p50"] <= plan["savings_monthly_usd"]["p90"]
    )
    assert {"id", "layer", "savings_monthly_usd"} <= plan["chosen"][0].keys()
    assert all(entry["reason"] for entry in plan["rejected"])
    assert {"events_hash", "prices_hash", "commit"} <= plan["inputs"].keys()
    assert plan["baseline"]["sample"] is True


def test_the_file_says_what_the_json_says(sample_plan):
    plan, folder = sample_plan
    assert yaml.safe_load((folder / "optimization-plan.yaml").read_text()) == plan


def test_parts_add_up_to_the_joint_saving(sample_plan):
    plan, _ = sample_plan
    joint = plan["joint"]["pooled_monthly_usd"]
    assert sum(entry["marginal_monthly_usd"] for entry in plan["chosen"]) == pytest.approx(joint, abs=0.05)
    assert sum(layer["savings_monthly_usd"] for layer in plan["layers"]) == pytest.approx(joint, abs=0.05)
    assert plan["joint"]["replayed_monthly_usd"] == pytest.approx(joint, rel=1e-3)
    assert plan["joint"]["interaction_monthly_usd"] == pytest.approx(
        joint - plan["joint"]["singles_sum_monthly_usd"], abs=0.02
    )


def test_every_template_is_either_chosen_or_left_out_with_a_reason(sample_plan):
    plan, _ = sample_plan
    from tokenop.catalogue import loader

    named = [entry["id"] for entry in (*plan["chosen"], *plan["rejected"])]
    assert sorted(named) == sorted(one.id for one in loader.load().templates)


@pytest.mark.thorough  # tests/test_docs.py holds `tokenop demo` to the very figures of the README in each run
def test_the_same_inputs_give_the_same_bytes(sample_plan, module_cli, tmp_path):
    _, folder = sample_plan
    module_cli("plan", "--events", SAMPLE, "--draws", 200, cwd=tmp_path)
    assert (tmp_path / "optimization-plan.yaml").read_bytes() == (folder / "optimization-plan.yaml").read_bytes()


def test_the_same_few_inputs_give_the_same_bytes(small_plan, small_month, run_cli, tmp_path):
    _, folder = small_plan
    run_cli("plan", "--events", small_month, "--draws", 50, cwd=tmp_path)
    assert (tmp_path / "optimization-plan.yaml").read_bytes() == (folder / "optimization-plan.yaml").read_bytes()


def policy(tmp_path, text):
    (tmp_path / "policy.yaml").write_text(text)
    return tmp_path


def plan_json(run_cli, folder, *arguments):
    ran = run_cli("plan", "--json", "--draws", 50, *arguments, cwd=folder)
    assert ran.exit_code == 0, ran.stderr
    return json.loads(ran.stdout)


def test_a_policy_without_effort_leaves_everything_out_and_names_the_constraint(run_cli, tmp_path, small_month):
    plan = plan_json(run_cli, policy(tmp_path, "effort_hours: 0\n"), "--events", small_month)
    assert plan["chosen"] == []
    assert plan["savings_monthly_usd"] == {"p10": 0.0, "p50": 0.0, "p90": 0.0, "expected": 0.0}
    assert any("effort_hours" in entry["reason"] for entry in plan["rejected"])


def test_quality_is_weighed_by_the_calls_that_a_template_touches(run_cli, tmp_path):
    plan = plan_json(run_cli, policy(tmp_path, "max_quality_drop: 0.002\n"), "--events", SAMPLE)
    assert plan["quality"]["average_drop"] <= plan["quality"]["allowed"] == 0.002
    assert plan["quality"]["average_drop"] == pytest.approx(
        sum(one["quality"]["average_drop"] for one in plan["chosen"])
    )
    assert any("max_quality_drop)" in entry["reason"] for entry in plan["rejected"])
    strict = plan_json(run_cli, policy(tmp_path, "max_quality_drop_per_call: 0\n"), "--events", SAMPLE)
    assert all(one["quality"]["max_absolute_drop"] == 0 for one in strict["chosen"])


def test_a_forbidden_provider_is_never_moved_to(run_cli, tmp_path, small_month):
    folder = policy(tmp_path, "forbidden_providers: [anthropic, openai, groq, google]\n")
    plan = plan_json(run_cli, folder, "--events", small_month)
    targets = [lever["options"].get("to") for entry in plan["chosen"] for lever in entry["levers"]]
    assert not {to["provider"] for to in targets if to} & {"anthropic", "openai", "groq", "google"}
    assert any("forbidden_providers" in entry["reason"] for entry in plan["rejected"])


def test_an_approved_plan_takes_no_proposal(run_cli, tmp_path, small_month):
    plan = plan_json(run_cli, tmp_path, "--events", small_month, "--min-status", "approved")
    assert plan["chosen"] == []
    assert {entry["code"] for entry in plan["rejected"]} == {"status"}


def test_a_budget_says_whether_it_is_met(run_cli, tmp_path, small_month):
    plan = plan_json(run_cli, policy(tmp_path, "monthly_budget_usd: 1\n"), "--events", small_month)
    assert plan["budget"]["met"] is False
    assert plan["budget"]["after_usd"] > 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("max_qualty_drop: 0.1\n", "did you mean max_quality_drop"),
        ("max_quality_drop: lots\n", "not a number"),
        ("max_quality_drop_per_call: -1\n", "from 0 to 1"),
        ("max_quality_drop: 7\n", "from 0 to 1"),
        ("max_risk: extreme\n", "low, medium or high"),
        ("forbidden_providers: groq\n", "list of names"),
        ("effort_hours: 1\neffort_hours: 2\n", "policy.yaml:2"),
    ],
)
def test_a_bad_policy_is_refused_with_line_field_and_fix(run_cli, tmp_path, small_month, text, said):
    ran = run_cli("plan", "--events", small_month, cwd=policy(tmp_path, text))
    assert ran.exit_code == 1
    assert said in ran.stderr
    assert "policy.yaml:" in ran.stderr
    assert not (tmp_path / "optimization-plan.yaml").exists()


def test_without_a_log_it_exits_3_and_says_what_to_do(run_cli, tmp_path):
    ran = run_cli("plan", cwd=tmp_path)
    assert ran.exit_code == 3
    assert "tokenop discover" in ran.stderr


def test_events_and_workload_together_are_misuse(run_cli, tmp_path, small_month):
    assert run_cli("plan", "--events", small_month, "--workload", "x.yaml", cwd=tmp_path).exit_code == 2


def event(number=0, **fields):
    made = {
        "id": f"e{number}", "ts": f"2026-09-01T10:{number % 60:02d}:00Z", "intent": "chat", "provider": "anthropic",
        "model": "claude-sonnet-4-5", "input_tokens": 1000, "output_tokens": 100, "latency_ms": 900, "cost_usd": None,
        "endpoint": "api", "region": "eu", "tenant": "a",
    }  # fmt: skip
    return made | fields


def log(tmp_path, events):
    (tmp_path / "events.jsonl").write_text("".join(json.dumps(one) + "\n" for one in events))
    return tmp_path


def test_one_event_makes_a_plan_that_says_it_is_extrapolated(run_cli, tmp_path):
    plan = plan_json(run_cli, log(tmp_path, [event()]))
    assert plan["window"]["extrapolated"] is True
    assert plan["window"]["method"].startswith("parameter ranges only")
    assert plan["baseline"]["calls"] == 1


def test_an_unknown_model_is_unpriced_and_nothing_is_claimed_for_it(run_cli, tmp_path):
    plan = plan_json(run_cli, log(tmp_path, [event(n, model="nobody-knows-this") for n in range(5)]))
    assert plan["baseline_monthly_usd"] is None
    assert plan["chosen"] == []
    assert plan["baseline"]["coverage"]["unpriced"] == 5


def test_bad_events_are_refused_before_anything_is_written(run_cli, tmp_path):
    folder = log(tmp_path, [event(), event(1, input_tokens=-5)])
    ran = run_cli("plan", cwd=folder)
    assert ran.exit_code == 1
    assert "events.jsonl:2: input_tokens" in ran.stderr
    assert not (folder / "optimization-plan.yaml").exists()


def test_a_slow_plan_is_refused_where_the_policy_limits_latency(run_cli, tmp_path, sample_plan):
    free, _ = sample_plan
    limit = int(free["baseline"]["latency_p95_ms"])
    folder = policy(tmp_path, f"max_latency_p95_ms: {limit}\n")
    plan = plan_json(run_cli, folder, "--events", SAMPLE)
    assert plan["joint"]["latency_p95_ms"] <= limit


def test_a_shared_workload_can_be_planned_without_the_events(run_cli, tmp_path, small_month, small_plan):
    ran = run_cli("profile", "--events", small_month, "--shareable", "--out", "workload.yaml", cwd=tmp_path)
    assert ran.exit_code == 0, ran.stderr
    shared = plan_json(run_cli, tmp_path, "--workload", "workload.yaml")
    full, _ = small_plan
    assert shared["inputs"]["kind"] == "workload"
    assert shared["baseline_monthly_usd"] == pytest.approx(full["baseline_monthly_usd"], rel=0.05)
    assert shared["savings_monthly_usd"]["p50"] == pytest.approx(full["savings_monthly_usd"]["p50"], rel=0.25)
