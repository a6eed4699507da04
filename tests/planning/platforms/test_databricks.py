"""`tokenop roi databricks`: the six analyses, against figures worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.planning.platforms.exports import GPT4, MINI, MONTH, call, month, write

# The log covers 480 hours but its last hour begins with the last call: 20 days whole.
MONTHLY = MONTH / 480
BACK = 0.03  # answers that are asked again of gpt-4, as the rule expects
COLLECTORS = ROOT / "collectors"


def roi(run, folder, *arguments, platform="databricks"):
    ran = run("roi", platform, "--json", *arguments, cwd=folder)
    assert ran.exit_code == 0, ran.stderr
    return json.loads(ran.stdout)


def analysis(document, name):
    return next(one for one in document["analyses"] if one["id"] == name)


def table(document, name, of):
    return next(one for one in analysis(document, of)["tables"] if one["name"] == name)


def rows(document, name, of):
    return {row["name"]: row for row in table(document, name, of)["rows"]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("databricks")
    write(made / "events.jsonl", month())
    return made


@pytest.fixture(scope="module")
def moved(folder, module_cli):
    return roi(module_cli, folder, "--reroute", "gpt-4=gpt-4o-mini")


def test_spend_today_is_the_list_price_of_each_call_a_month(moved):
    today = (320 * GPT4 + 160 * MINI) * MONTHLY
    assert moved["baseline_monthly_usd"] == pytest.approx(today, abs=1e-5)
    by_model = rows(moved, "by_model", "spend")
    assert by_model["gpt-4"]["cost_monthly_usd"] == pytest.approx(320 * GPT4 * MONTHLY, abs=1e-5)
    assert by_model["gpt-4"]["calls"] == 320
    assert by_model["gpt-4o-mini"]["latency_p95_ms"] == 1000


def test_each_dimension_adds_up_to_the_whole(moved):
    for one in analysis(moved, "spend")["tables"]:
        assert sum(row["cost_monthly_usd"] for row in one["rows"]) == pytest.approx(
            moved["baseline_monthly_usd"], abs=1e-4
        )
        assert sum(row["calls"] for row in one["rows"]) == 480


def test_rerouting_costs_the_target_and_what_is_asked_again_by_endpoint(moved):
    effect = rows(moved, "reroute_by_endpoint", "endpoints")
    big = {"docs": 80, "chat": 240}
    for name, calls in big.items():
        row = effect[name]
        assert row["moved_calls"] == calls
        saved = calls * (GPT4 - MINI - BACK * GPT4) * MONTHLY
        assert row["saved_monthly_usd"] == pytest.approx(saved, abs=1e-5)
        assert row["before_monthly_usd"] - row["after_monthly_usd"] == pytest.approx(row["saved_monthly_usd"], abs=2e-6)
        interval = row["savings_monthly_usd"]
        assert interval["p10"] < interval["p50"] < interval["p90"]
        assert interval["expected"] == pytest.approx(saved, abs=0.005)
    assert moved["savings_monthly_usd"]["expected"] == pytest.approx(320 * (GPT4 * 0.97 - MINI) * MONTHLY, abs=0.005)
    assert moved["baseline_monthly_usd"] - moved["after_monthly_usd"] == pytest.approx(
        moved["savings_monthly_usd"]["expected"], abs=0.006
    )


def test_groups_of_a_move_add_up_to_the_whole(moved):
    told = table(moved, "reroute_by_endpoint", "endpoints")
    for key in ("before_monthly_usd", "after_monthly_usd", "saved_monthly_usd", "moved_calls"):
        assert sum(row[key] for row in told["rows"]) == pytest.approx(told["total"][key], abs=1e-5)


def test_latency_after_is_that_of_the_observed_target(moved):
    row = rows(moved, "reroute_by_endpoint", "endpoints")["docs"]
    assert (row["latency_p50_before_ms"], row["latency_p95_before_ms"]) == (4000, 4000)
    # 97 of 100 moved calls take a quarter of the time; those asked again wait for both answers.
    assert (row["latency_p50_after_ms"], row["latency_p95_after_ms"]) == (1000, 1000)


def test_latency_after_is_unknown_where_the_log_never_shows_the_target(run_cli, tmp_path):
    write(tmp_path / "events.jsonl", month(both=False))
    found = roi(run_cli, tmp_path, "--reroute", "gpt-4=gpt-4o-mini")
    row = rows(found, "reroute_by_endpoint", "endpoints")["docs"]
    assert row["latency_p95_before_ms"] == 4000
    assert row["latency_p95_after_ms"] is None
    assert any("latency after" in one["what"] for one in analysis(found, "endpoints")["unknown"])
    assert row["saved_monthly_usd"] > 0


def test_jobs_are_told_by_the_field_that_the_collector_fills(moved):
    figures = analysis(moved, "jobs")["figures"]
    assert (figures["jobs"], figures["calls"], figures["calls_that_name_none"]) == (2, 240, 240)
    effect = rows(moved, "reroute_by_job", "jobs")
    assert set(effect) == {"1", "2"}
    assert sum(row["moved_calls"] for row in effect.values()) == 160
    assert rows(moved, "reroute_by_pipeline", "pipelines")["nightly"]["moved_calls"] == 160


def test_a_share_of_zero_changes_nothing(run_cli, folder):
    found = roi(run_cli, folder, "--reroute", "gpt-4=gpt-4o-mini", "--share", "0")
    assert found["savings_monthly_usd"] == {"p10": 0, "p50": 0, "p90": 0, "expected": 0}
    assert found["after_monthly_usd"] == found["baseline_monthly_usd"]
    for row in table(found, "reroute_by_endpoint", "endpoints")["rows"]:
        assert row["moved_calls"] == 0
        assert row["before_monthly_usd"] == row["after_monthly_usd"]
        assert row["latency_p95_after_ms"] == row["latency_p95_before_ms"]


def test_half_the_share_saves_half(run_cli, folder, moved):
    half = roi(run_cli, folder, "--reroute", "gpt-4=gpt-4o-mini", "--share", "0.5")
    whole = moved["baseline_monthly_usd"] - moved["after_monthly_usd"]
    assert half["baseline_monthly_usd"] - half["after_monthly_usd"] == pytest.approx(whole / 2, abs=1e-5)


def test_a_move_that_costs_money_says_so_with_its_sign(run_cli, folder):
    found = roi(run_cli, folder, "--reroute", "gpt-4o-mini=gpt-4")
    assert found["savings_monthly_usd"]["p90"] < 0
    assert "it costs $" in analysis(found, "endpoints")["summary"]


def test_without_a_rule_the_log_suggests_one_and_says_that_nobody_asked(run_cli, folder):
    rule = roi(run_cli, folder)["reroute"][0]
    assert (rule["from"], rule["to"], rule["asked_for"]) == ("gpt-4", "openai/gpt-4o-mini", False)


def test_rows_of_the_table_may_be_others(run_cli, folder):
    found = roi(run_cli, folder, "--by", "model")
    assert set(rows(found, "reroute_by_model", "endpoints")) == {"gpt-4", "gpt-4o-mini"}


def test_only_the_calls_that_are_named_are_looked_at(run_cli, folder):
    found = roi(run_cli, folder, "--where", "endpoint = 'docs'")
    assert found["scope"] == {"calls": 120, "where": "endpoint = 'docs'"}
    assert found["baseline_monthly_usd"] == pytest.approx((80 * GPT4 + 40 * MINI) * MONTHLY, abs=1e-5)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--reroute", "gpt-4=gpt-4-mini"], 1, "gpt-4o-mini"),
        (["--reroute", "gpt-9=gpt-4o-mini"], 1, "the log has gpt-4, gpt-4o-mini"),
        (["--reroute", "gpt-4"], 2, "FROM=TO"),
        (["--reroute", "gpt-4=gpt-4o-mini", "--reroute", "openai/gpt-4=gpt-4o"], 2, "one other model"),
        (["--where", "nothing = 1"], 2, "--where"),
        (["--where", "id IN (SELECT 1)"], 2, "--where"),
        (["--share", "2"], 2, "--share"),
        (["--usage", "absent.jsonl"], 1, "absent.jsonl"),
        (["--inventory", "absent.yaml"], 1, "absent.yaml"),
        (["--plan", "absent.yaml"], 1, "absent.yaml"),
        (["--events", "absent.jsonl"], 1, "absent.jsonl"),
    ],
)
def test_what_cannot_be_done_is_said(run_cli, folder, arguments, code, said):
    ran = run_cli("roi", "databricks", *arguments, cwd=folder)
    assert (ran.exit_code, ran.stdout) == (code, "")
    assert said in ran.stderr


def test_without_files_there_is_nothing_to_answer(run_cli, tmp_path):
    assert run_cli("roi", "databricks", cwd=tmp_path).exit_code == 3


def test_the_same_inputs_give_the_same_bytes(run_cli, folder):
    first, second = (run_cli("roi", "databricks", "--json", cwd=folder).stdout for _ in range(2))
    assert first == second


def test_what_nobody_knows_is_null_with_a_reason_and_a_way(run_cli, tmp_path):
    bare = [call(n, provider="databricks.provisioned_throughput", model="llama-x", latency_ms=None) for n in range(9)]
    write(tmp_path / "events.jsonl", bare)
    found = roi(run_cli, tmp_path)
    assert found["baseline_monthly_usd"] is None
    assert found["savings_monthly_usd"] is None
    assert rows(found, "by_endpoint", "spend")["chat"]["cost_monthly_usd"] is None
    assert rows(found, "by_endpoint", "spend")["chat"]["latency_p95_ms"] is None
    assert rows(found, "by_the_hour", "endpoints")["chat"]["busy_hours"] == 9
    status = {one["id"]: one["status"] for one in found["analyses"]}
    assert status["clusters"] == status["implementation"] == "unknown"
    assert analysis(found, "jobs")["figures"] == {
        "jobs": None, "calls": None, "calls_that_name_none": None, "monthly_usd": None,
    }  # fmt: skip
    for one in found["analyses"]:
        for missing in one["unknown"]:
            assert all(missing[key] for key in ("what", "why", "how"))
    text = run_cli("roi", "databricks", cwd=tmp_path)
    assert "Today unknown, no call has a price" in text.stdout


@pytest.fixture(scope="module")
def collected(tmp_path_factory, module_cli):
    """Return a folder with the shipped samples of three collectors, discovered, and a plan."""
    made = tmp_path_factory.mktemp("collected")
    sources = {
        "databricks": "databricks/sample.jsonl",
        "databricks-billing": "databricks-billing/sample.jsonl",
        "terraform": "terraform/sample.json",
    }
    given = [word for name, path in sources.items() for word in ("--input", f"{name}={COLLECTORS / path}")]
    ran = module_cli("discover", "--collectors", ",".join(sources), *given, cwd=made)
    assert ran.exit_code == 0, ran.stderr
    ran = module_cli("plan", "--draws", 20, cwd=made)
    assert ran.exit_code == 0, ran.stderr
    return made


def test_bills_and_machines_beside_the_events_are_read(run_cli, collected):
    found = roi(run_cli, collected, "--reroute", "gpt-4=gpt-4o-mini")
    billed = analysis(found, "spend")["figures"]["billed"]
    # 7.035 - 7.035 + 6.3 + 0.8 DBU at list, and 1.234567 of external models.
    assert billed["usd"] == pytest.approx(7.1 + 1.234567, abs=1e-6)
    assert analysis(found, "endpoints")["figures"]["billed_without_calls"] == ["provisioned-llama", "support-llama"]
    machines = analysis(found, "clusters")["figures"]
    assert (machines["on_demand_instances"], machines["spot_instances"]) == (7, 6)
    assert machines["monthly_usd"] == pytest.approx(768.49)
    assert machines["unpriced_resources"] == 3
    saved = rows(found, "capacity", "clusters")["spot-instance-optimization"]
    # Two instances of 768.49: 60 % moved, 55 % off, and 8 % of the hours done again.
    assert saved["savings_monthly_usd"]["expected"] == pytest.approx(768.49 * 0.6 * (1 - 0.45 * 1.08), abs=0.01)
    assert len(analysis(found, "endpoints")["figures"]) == 3
    assert "implementation" in {one["id"] for one in found["analyses"]}


@pytest.mark.parametrize("width", ["80", "120"])
def test_the_answer_fits_a_terminal_and_ends_with_money_and_the_next_command(
    run_cli, collected, width, monkeypatch, tmp_path: Path
):
    monkeypatch.setenv("COLUMNS", width)
    ran = run_cli("roi", "databricks", "--reroute", "gpt-4=gpt-4o-mini", cwd=collected)
    assert ran.exit_code == 0, ran.stderr
    # Commands to copy are never broken.
    wide = [line for line in ran.stdout.splitlines()[1:-1] if len(line) > int(width) and "products=" not in line]
    assert not wide
    assert ran.stdout.splitlines()[-1].startswith("Today $42 a month; this change saves $39")
    for number, title in enumerate(("Inference", "Model serving", "Jobs", "Data", "Clusters", "MLflow"), start=1):
        assert f"\n{number}. {title}" in ran.stdout
