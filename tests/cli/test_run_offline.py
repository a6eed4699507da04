"""`tokenop run` where nobody is asked: recordings, outcomes, plans, and a run that is killed."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, Ran
from tests.experiment.models_http import models
from tokenop import documents
from tokenop.errors import InputError
from tokenop.experiment import checking, entry, prompts, samples
from tokenop.providers.recordings import Recordings

Cli = Callable[..., Ran]
BIG, SMALL, TINY = "anthropic/claude-sonnet-4-5", "anthropic/claude-haiku-4-5", "groq/llama-3.1-8b-instant"
SAMPLE = ("run", "--input", "sample", "--recordings", "sample", "--baseline", BIG, "--max-drop", "0.08")


def test_the_shipped_sample_is_what_its_maker_makes() -> None:
    path = samples.FOLDER / "prompts.jsonl"
    assert [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] == samples.lines()
    made = samples.recordings(prompts.read(path, checking.complaint))
    shipped = list(Recordings.load(samples.FOLDER / "recordings"))
    assert shipped == sorted(made, key=lambda one: (one.provider, one.model, one.task))
    assert {one.origin for one in shipped} == {"sample"}


def test_the_sample_shows_one_that_passes_and_one_that_fails_and_says_that_it_is_made_up(
    run_cli: Cli, tmp_path: Path
) -> None:
    ran = run_cli(*SAMPLE, "--candidate", SMALL, "--candidate", TINY, "--early-stopping", cwd=tmp_path)
    assert ran.exit_code == 0, ran.stderr
    assert ran.stdout.startswith("SAMPLE: prompts or answers are made up")
    [folder] = tmp_path.glob("runs/*")
    found = documents.load_yaml(folder / "evaluation-report.yaml").meta
    assert (found["origin"], found["evaluation"]["usd"]) == ("sample", 0)
    assert {one["name"]: one["verdict"] for one in found["candidates"]} == {SMALL: "pass", TINY: "fail"}
    with pytest.raises(InputError, match="made up: that is no implementation"):
        entry.read(folder / entry.FILE)


def test_templates_that_apply_are_tried_and_a_missing_recording_is_told_of(run_cli: Cli, tmp_path: Path) -> None:
    ran = run_cli(*SAMPLE, "--json", cwd=tmp_path)
    found = {one["name"]: one for one in json.loads(ran.stdout)["candidates"]}
    assert set(found) == {"cascade-with-verification", "model-routing", "provider-fallback-groq"}
    assert found["model-routing"]["prompts"]["infrastructure"] == 0
    assert "missing_recording" in found["provider-fallback-groq"]["why"]


def test_a_plan_s_templates_are_tried_and_what_leaves_answers_alone_is_named(run_cli: Cli, tmp_path: Path) -> None:
    saving = "savings_monthly_usd: {p10: 10, p50: 20, p90: 30}"
    chosen = "".join(f"  - {{id: {name}, {saving}}}\n" for name in ("model-routing", "prompt-caching"))
    (tmp_path / "plan.yaml").write_text(f"baseline_monthly_usd: 1000\nchosen:\n{chosen}")
    words = [word for word in SAMPLE if word not in ("--max-drop", "0.08")]
    found = json.loads(run_cli(*words, "--plan", "plan.yaml", "--json", cwd=tmp_path).stdout)
    assert [one["name"] for one in found["candidates"]] == ["model-routing"]
    assert found["candidates"][0]["predicted_percent"] == [1, 2, 3]
    assert found["candidates"][0]["quality"]["allowed_drop"] == 0.02
    assert {one["template"]: one["code"] for one in found["not_evaluated"]} == {
        "prompt-caching": "leaves-answers-alone"
    }


def test_outcomes_are_evaluated_and_their_costs_say_where_they_come_from(run_cli: Cli, tmp_path: Path) -> None:
    rows = [f'"question {n}",{"false" if n % 9 == 0 else "true"},true' for n in range(400)]
    (tmp_path / "outcomes").mkdir()
    (tmp_path / "outcomes" / "o.csv").write_text("\n".join(["prompt,gpt-4o-mini,gpt-4o", *rows]))
    ran = run_cli("run", "--outcomes", "outcomes", "--max-drop", "0.2", cwd=tmp_path)
    assert ran.exit_code == 0, ran.stderr
    assert "Costs: ESTIMATED" in ran.stdout
    assert "a yardstick" in ran.stdout
    [folder] = tmp_path.glob("runs/*")
    found = documents.load_yaml(folder / "evaluation-report.yaml").meta
    assert (found["origin"], found["recommended"]) == ("recorded", "gpt-4o-mini")
    assert documents.load_yaml(folder / entry.FILE).meta["ready"] is False
    assert (
        run_cli("diff", "--baseline", folder / "baseline.csv", "--optimized", folder / "optimized.csv").exit_code == 0
    )


def test_a_live_run_of_a_template_is_ready_to_be_reported(run_cli: Cli, tmp_path: Path, monkeypatch: Any) -> None:
    lines = [{"id": str(n), "prompt": f"Say {n}", "reference": str(n), "intent": "chat"} for n in range(130)]
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tmp_path / "plan.yaml").write_text("baseline_monthly_usd: 1000\nchosen: [{id: model-routing}]\n")
    with models(lambda model, text: text.split()[-1]) as server:
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test")
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        ran = run_cli(
            "run", "--plan", "plan.yaml", "--input", "p.jsonl", "--baseline", BIG, "--max-drop", "0.08",
            "--early-stopping", cwd=tmp_path,
        )  # fmt: skip
    assert ran.exit_code == 0, ran.stderr + ran.stdout
    assert "Next: tokenop template-apply model-routing --dry-run" in ran.stdout
    [folder] = tmp_path.glob("runs/*")
    found = entry.read(folder / entry.FILE)
    assert (found["quality_before"], found["calls_before"]) == ("1.0", "60")
    command = documents.load_yaml(folder / entry.FILE).meta["command"]
    words = shlex.split(command)[1:]
    for one in (words, ("submit-implementation", "model-routing", "--run", folder)):
        sent = run_cli(*one, "--by", "octocat", "--organisation", "software", cwd=tmp_path)
        assert sent.exit_code == 0, sent.stderr
        assert "66.7 % a call" in sent.stdout
    assert (folder / "patches" / "router.yaml").read_text().count("claude-haiku-4-5") == 1


@pytest.mark.thorough  # that what was paid is not paid twice, and a cut line is mended, hold quicker tests as well
def test_a_killed_run_goes_on_and_ends_as_one_that_was_never_killed(
    run_cli: Cli, tmp_path: Path, monkeypatch: Any
) -> None:
    lines = [{"id": str(n), "prompt": f"Say {n}", "reference": str(n)} for n in range(30)]
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    words = ("run", "--input", "p.jsonl", "--baseline", BIG, "--candidate", SMALL, "--parallel", "4", "--json")
    with models(lambda model, text: text.split()[-1] if int(text.split()[-1]) % 9 else "no", latency=0.02) as server:
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test")
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        child = subprocess.Popen(
            [sys.executable, "-m", "tokenop", *words], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + 60
        while len(server.asked) < 15 and child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)  # until the child has asked so much: there is nothing else to wait for
        child.send_signal(signal.SIGKILL)
        child.wait()
        before = len(server.asked)
        assert 15 <= before < 60
        found = json.loads(run_cli(*words, cwd=tmp_path).stdout)
        # What was under way when it was killed is asked again; nothing else is.
        assert 60 <= len(server.asked) <= 64
        whole = json.loads(run_cli(*words, "--out", "again", cwd=tmp_path).stdout)
    assert found["run"] == whole["run"]
    for one in (found, whole):
        one["candidates"][0].pop("latency_ms")
    assert found == whole
