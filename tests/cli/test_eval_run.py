"""`tokenop eval run`: live through the vendor's SDK against a server on this machine, and from recordings."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, Ran
from tests.evals import golden, samples
from tests.evals.loopback import Answer, Loopback, serving
from tokenop.evals import results, tasks

STARTED = "2026-03-01T12:00:00Z"
Cli = Callable[..., Ran]

CONFIG = """\
---
schema_version: 1
id: routing
title: For tests
status: draft
version: "0.1.0"
authors: ["@tester"]
created: "2026-03-01"
verified_on: "2026-03-01"
stale_after: "2027-03-01"
max_quality_drop: 0.01
golden_tiers: [T1]
---
mode: route
providers:
  here:
    provider: openai-compatible
    base_url: {url}
  priced:
    provider: openai
    base_url: {url}
    api_key_env: OPENAI_API_KEY
  groq: {{}}
default_tier: T1
tiers:
  T1:
    provider_chain: [{chain}]
    models: {{{models}}}
retry: {{attempts: 1}}
"""


class Bench:
    """A folder with six golden tasks and a routing config whose provider is a server on this machine."""

    def __init__(self, folder: Path, server: Loopback, cli: Cli, chain: str = "here") -> None:
        self.folder, self.server, self.cli = folder, server, cli
        self.tasks = golden.write(folder / "golden", {"T1": 6})
        models = {"here": "my-model", "priced": "gpt-4o-mini", "groq": "llama-3.3-70b-versatile"}
        named = ", ".join(f"{name}: {models[name]}" for name in chain.split(", "))
        self.config = folder / "routing.yaml"
        self.config.write_text(CONFIG.format(url=server.url, chain=chain, models=named), encoding="utf-8")

    def words(self, *more: object) -> list[str]:
        given = ["eval", "run", "--config", self.config, "--tasks", self.tasks, "--started", STARTED, *more]
        return [str(word) for word in given]

    def run(self, *more: object) -> tuple[Ran, dict[str, Any]]:
        ran = self.cli(*self.words("--json", *more), cwd=self.folder)
        return ran, json.loads(ran.stdout) if ran.stdout.startswith("{") else {}

    def outcomes(self) -> list[Any]:
        return list(results.read(results.find(self.folder / "runs" / "eval", None)).outcomes)


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GROQ_API_KEY", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")


def rightly(prompt: str) -> tuple[int, str]:
    return 200, golden.right(prompt)


def bench(tmp_path: Path, run_cli: Cli, answer: Answer, chain: str = "here") -> Any:
    from contextlib import contextmanager

    @contextmanager
    def opened() -> Any:
        with serving(answer) as server:
            yield Bench(tmp_path, server, run_cli, chain)

    return opened()


def test_tasks_are_asked_through_the_sdk_and_what_came_of_them_is_written(tmp_path: Path, run_cli: Cli) -> None:
    def answer(prompt: str) -> tuple[int, str]:
        return (200, "something else") if "t1-3" in prompt else rightly(prompt)

    with bench(tmp_path, run_cli, answer) as made:
        ran, told = made.run()
    assert ran.exit_code == 0, ran.stderr
    assert (told["passed"], told["failed"], told["infrastructure"]) == (5, 1, 0)
    assert len(made.server.asked) == 6
    first, *_, last = made.outcomes()
    assert (first.task, first.result, first.usage.input_tokens, first.source) == ("t1-0", "pass", 20, "live")
    assert (first.engine, first.cost_usd, last.task) == ("here", None, "t1-5")
    assert first.latency_ms > 0
    assert "something else" in made.outcomes()[3].check_detail


def test_a_missing_key_is_infrastructure_and_never_a_fail(tmp_path: Path, run_cli: Cli) -> None:
    with bench(tmp_path, run_cli, rightly, "here, groq") as made:
        ran, told = made.run("--provider", "groq")
    assert ran.exit_code == 1
    assert (told["passed"], told["failed"], told["infrastructure"]) == (0, 0, 6)
    assert {outcome.check_detail for outcome in made.outcomes()} == {"groq: GROQ_API_KEY is not set"}


def test_the_chain_falls_back_and_the_outcome_says_who_answered(tmp_path: Path, run_cli: Cli) -> None:
    with bench(tmp_path, run_cli, rightly, "groq, here") as made:
        _, told = made.run()
    assert told["passed"] == 6
    assert {(outcome.engine, outcome.fallback_used) for outcome in made.outcomes()} == {("here", True)}


def test_a_server_that_fails_is_infrastructure(tmp_path: Path, run_cli: Cli) -> None:
    with bench(tmp_path, run_cli, lambda _: (500, "broken")) as made:
        ran, told = made.run("--jobs", 1)
    assert (ran.exit_code, told["infrastructure"]) == (1, 6)


def test_a_key_never_gets_into_the_results(tmp_path: Path, run_cli: Cli) -> None:
    with bench(tmp_path, run_cli, lambda _: (401, "wrong key sk-very-secret"), "priced") as made:
        ran, _ = made.run("--jobs", 1)
    written = "".join(path.read_text() for path in (tmp_path / "runs").rglob("*.jsonl"))
    assert "secret" not in written + ran.stdout + ran.stderr


def test_a_budget_stops_the_run_and_more_money_goes_on_with_it(tmp_path: Path, run_cli: Cli) -> None:
    with bench(tmp_path, run_cli, rightly, "priced") as made:
        ran, told = made.run("--budget", "0.00004", "--jobs", 1)
        assert ran.exit_code == 1
        asked = len(made.server.asked)
        assert 0 < asked < 6
        assert told["not_asked"] == 6 - asked
        assert told["file"] is None
        ran, told = made.run("--budget", "1", "--resume")
    assert (ran.exit_code, told["passed"], told["kept"]) == (0, 6, asked)
    assert sorted(made.server.asked) == sorted(set(made.server.asked))
    assert sum(outcome.cost_usd for outcome in made.outcomes()) < Decimal("0.00004")


def test_what_was_spent_before_counts_for_the_budget_of_a_run_that_goes_on(tmp_path: Path, run_cli: Cli) -> None:
    with bench(tmp_path, run_cli, rightly, "priced") as made:
        made.run("--budget", "0.00004", "--jobs", 1)
        before = len(made.server.asked)
        _, told = made.run("--budget", "0.00004", "--jobs", 1, "--resume")
    assert told["not_asked"] > 0
    assert len(made.server.asked) - before <= 1


def test_a_model_without_a_price_is_not_asked_under_a_budget_unless_allowed(tmp_path: Path, run_cli: Cli) -> None:
    with bench(tmp_path, run_cli, rightly) as made:
        _, told = made.run("--budget", "1")
        assert (told["not_asked"], made.server.asked) == (6, [])
        _, told = made.run("--budget", "1", "--allow-unpriced")
    assert told["passed"] == 6


def test_a_run_that_was_killed_goes_on_without_asking_again(tmp_path: Path, run_cli: Cli) -> None:
    third, release = threading.Event(), threading.Event()

    def answer(prompt: str) -> tuple[int, str]:
        if "t1-2" in prompt and not release.is_set():
            third.set()
            release.wait(20)
        return rightly(prompt)

    with bench(tmp_path, run_cli, answer) as made:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "tokenop", *made.words("--jobs", 1)]
        child = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert third.wait(20)
        child.send_signal(signal.SIGKILL)
        child.communicate()
        release.set()
        part = next((tmp_path / "runs" / "eval").glob("*.part"))
        part.write_bytes(part.read_bytes() + b'{"outcome": {"task": "t1-2", "resu')  # cut in the middle of a line
        assert not list((tmp_path / "runs" / "eval").glob("*.jsonl"))
        ran, told = made.run("--resume")
    assert (ran.exit_code, told["passed"], told["kept"]) == (0, 6, 2)
    asked = [golden.right(prompt) for prompt in made.server.asked]
    assert sorted(asked) == ["t1-0", "t1-1", "t1-2", "t1-2", "t1-3", "t1-4", "t1-5"]
    assert not part.exists()


def test_recorded_answers_give_the_same_file_again_and_no_connection(tmp_path: Path, run_cli: Cli) -> None:
    with bench(tmp_path, run_cli, rightly) as made:
        made.run("--record", "--recordings", "answers")
        live = {outcome.task: outcome.result for outcome in made.outcomes()}
        files = []
        for out in ("a", "b"):
            ran, _ = made.run("--recordings", "answers", "--out", out)
            assert ran.exit_code == 0, ran.stderr
            files.append(next((tmp_path / out).glob("*.jsonl")).read_bytes())
        assert len(made.server.asked) == 6
    assert files[0] == files[1]
    recorded = results.read(next((tmp_path / "a").glob("*.jsonl"))).outcomes
    assert {outcome.task: outcome.result for outcome in recorded} == live
    assert {outcome.source for outcome in recorded} == {"recorded"}


def test_a_task_without_a_recording_is_named_and_unknown(tmp_path: Path, run_cli: Cli) -> None:
    folder = golden.write(tmp_path / "golden", {"T1": 3})
    config = samples.config(tmp_path / "routing.yaml", {"T1": ["groq/llama-3.1-8b-instant"]})
    samples.record(tmp_path / "answers", tasks.load(folder)[:2], "groq/llama-3.1-8b-instant")
    ran = run_cli("eval", "run", "--config", config, "--tasks", folder, "--recordings", "answers", cwd=tmp_path)
    assert "not known (1 ×): no recording of t1-2 × groq/llama-3.1-8b-instant" in ran.stdout
    assert "made up" in ran.stdout


def test_a_dry_run_asks_nobody_and_says_who_would_answer(tmp_path: Path, run_cli: Cli) -> None:
    with bench(tmp_path, run_cli, rightly, "groq, priced") as made:
        ran = made.cli(*made.words("--dry-run", "--json"), cwd=tmp_path)
        assert made.server.asked == []
    (tier,) = json.loads(ran.stdout)["dry_run"]
    assert (tier["asks"], tier["answers"]) == (6, "openai/gpt-4o-mini")
    assert tier["chain"][0] == {"engine": "groq/llama-3.3-70b-versatile", "unusable": "GROQ_API_KEY is not set"}
    assert Decimal(tier["worst_case_usd"]) > 0
    assert not (tmp_path / "runs").exists()


def test_an_unknown_provider_is_misuse_with_those_that_are_known(tmp_path: Path, run_cli: Cli) -> None:
    with bench(tmp_path, run_cli, rightly) as made:
        ran, _ = made.run("--provider", "grok")
    assert ran.exit_code == 2
    assert "names no provider 'grok'; it has here" in ran.stderr


def test_repeats_are_asked_each(tmp_path: Path, run_cli: Cli) -> None:
    with bench(tmp_path, run_cli, rightly) as made:
        _, told = made.run("--repeat", 3)
    assert told["passed"] == 18
    assert {outcome.repeat for outcome in made.outcomes()} == {0, 1, 2}
