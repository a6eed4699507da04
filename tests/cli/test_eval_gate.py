"""`tokenop eval gate` on the command line: on configs, runs and revisions of git, and as a git hook."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from tests.conftest import ROOT, Ran
from tests.evals import golden, samples
from tokenop.cli.eval import COMMANDS
from tokenop.cli.eval import command as group
from tokenop.evals import tasks

Cli = Callable[..., Ran]
BIG, SMALL, NEW = "groq/llama-3.3-70b-versatile", "groq/llama-3.1-8b-instant", "groq/openai-gpt-oss-20b"
TIERS = {"T1": 5, "T2": 5}


class Bench:
    """Ten golden tasks, and recordings with which SMALL is wrong on some of them."""

    def __init__(self, folder: Path, cli: Cli, worse: int, origin: str = "sample") -> None:
        self.folder, self.cli = folder, cli
        self.tasks = golden.write(folder / "golden", TIERS)
        every = tasks.load(self.tasks)
        self.names = [task.id for task in every]
        samples.record(folder / "answers", every, BIG, origin=origin)
        samples.record(folder / "answers", every, SMALL, self.names[:worse], origin=origin)

    def config(self, name: str, who: str, **more: Any) -> Path:
        return samples.config(self.folder / name, {tier: [who] for tier in TIERS}, **more)

    def gate(self, before: object, after: object, *more: object) -> tuple[Ran, dict[str, Any]]:
        ran = self.cli(
            "eval", "gate", "--baseline", before, "--candidate", after, "--tasks", self.tasks,
            "--recordings", "answers", "--today", "2026-03-02", "--json", *more, cwd=self.folder,
        )  # fmt: skip
        return ran, json.loads(ran.stdout) if ran.stdout else {}


def test_a_change_that_makes_five_tasks_worse_is_blocked(tmp_path: Path, run_cli: Cli) -> None:
    bench = Bench(tmp_path, run_cli, worse=5)
    ran, told = bench.gate(bench.config("before.yaml", BIG), bench.config("after.yaml", SMALL))
    assert ran.exit_code == 1
    assert (told["verdict"], told["regressions"], told["compared"], told["sample"]) == ("fail", 5, 10, True)
    assert [one["task"] for one in told["regressed"]] == bench.names[:5]
    assert told["regressed"][0]["after"] == SMALL


def test_a_change_that_only_costs_less_passes(tmp_path: Path, run_cli: Cli) -> None:
    bench = Bench(tmp_path, run_cli, worse=0)
    ran, told = bench.gate(bench.config("before.yaml", BIG), bench.config("after.yaml", SMALL))
    assert ran.exit_code == 0
    assert (told["verdict"], told["passes"]) == ("pass", True)
    assert float(told["cost_usd"]["after"]) < float(told["cost_usd"]["before"])


def test_a_model_without_recordings_is_inconclusive_and_each_pair_is_named(tmp_path: Path, run_cli: Cli) -> None:
    bench = Bench(tmp_path, run_cli, worse=0)
    ran, told = bench.gate(bench.config("before.yaml", BIG), bench.config("after.yaml", NEW))
    assert (ran.exit_code, told["verdict"]) == (1, "inconclusive")
    assert [(one["task"], one["model"]) for one in told["unknown"]] == [(name, NEW) for name in bench.names]


SAMPLES = "validations/golden/samples"


@pytest.mark.parametrize(
    ("change", "verdict", "worse", "unknown"),
    [("cheaper", "pass", 0, 0), ("worse", "fail", 5, 0), ("unknown", "inconclusive", 0, 5)],
)
def test_the_samples_that_ship_show_all_three_verdicts_from_anywhere(
    tmp_path: Path, run_cli: Cli, change: str, verdict: str, worse: int, unknown: int
) -> None:
    ran = run_cli(
        "eval", "gate", "--baseline", f"{SAMPLES}/routing-before.yaml",
        "--candidate", f"{SAMPLES}/routing-{change}.yaml", "--recordings", SAMPLES,
        "--prices", f"{SAMPLES}/prices.yaml", "--json", cwd=tmp_path,
    )  # fmt: skip
    told = json.loads(ran.stdout)
    assert (told["verdict"], told["regressions"], len(told["unknown"])) == (verdict, worse, unknown)
    assert told["sample"]
    assert ran.exit_code == (0 if verdict == "pass" else 1)
    if change == "cheaper":
        assert float(told["cost_usd"]["after"]) < float(told["cost_usd"]["before"])


def test_the_samples_never_count_for_a_config_in_use(tmp_path: Path, run_cli: Cli) -> None:
    for name in ("before", "cheaper"):
        text = (ROOT / SAMPLES / f"routing-{name}.yaml").read_text(encoding="utf-8").replace("sample: true\n", "")
        (tmp_path / f"routing-{name}.yaml").write_text(text, encoding="utf-8")
    ran = run_cli("eval", "gate", "--baseline", "routing-before.yaml", "--candidate", "routing-cheaper.yaml",
                  "--recordings", SAMPLES, "--json", cwd=tmp_path)  # fmt: skip
    assert (ran.exit_code, json.loads(ran.stdout)["verdict"]) == (1, "inconclusive")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_subcommands_says_what_each_says(name: str) -> None:
    command = group.get_command(click.Context(group), name)
    assert command is not None
    assert command.get_short_help_str(limit=200) == COMMANDS[name][1]
    assert (command.help or "").splitlines()[0] == COMMANDS[name][1]


OVERRIDE = """\
schema_version: 1
overrides:
  - by: "@ines"
    date: "2026-03-01"
    expires: "2026-03-09"
    config: after.yaml
    config_sha256: {sha}
    reason: Compared by hand on forty prompts of ours.
"""


@pytest.mark.parametrize(
    ("who", "today", "verdict", "passes"),
    [(NEW, "2026-03-02", "inconclusive", True), (NEW, "2026-03-10", "inconclusive", False),
     (SMALL, "2026-03-02", "fail", False)],
)  # fmt: skip
def test_an_override_counts_while_it_lasts_and_never_for_a_fail(
    tmp_path: Path, run_cli: Cli, who: str, today: str, verdict: str, passes: bool
) -> None:
    bench = Bench(tmp_path, run_cli, worse=5)
    sides = bench.config("before.yaml", BIG), bench.config("after.yaml", who)
    _, told = bench.gate(*sides)
    (tmp_path / "overrides.yaml").write_text(OVERRIDE.format(sha=told["config_sha256"]), encoding="utf-8")
    ran, told = bench.gate(*sides, "--overrides", "overrides.yaml", "--today", today)
    assert (told["verdict"], told["passes"], ran.exit_code) == (verdict, passes, 0 if passes else 1)
    sides[1].write_text(sides[1].read_text() + "# another state\n", encoding="utf-8")
    ran, told = bench.gate(*sides, "--overrides", "overrides.yaml")
    assert ran.exit_code == 1
    assert "is for another state" in told["overrides_that_do_not_count"][0]


def test_a_config_cannot_drop_the_tiers_that_it_had_to_keep(tmp_path: Path, run_cli: Cli) -> None:
    bench = Bench(tmp_path, run_cli, worse=5)
    after = bench.config("after.yaml", SMALL)
    after.write_text(after.read_text().replace("golden_tiers: [T1, T2]", "golden_tiers: [T2]"), encoding="utf-8")
    assert bench.gate(bench.config("before.yaml", BIG), after)[1]["verdict"] == "fail"
    same = bench.config("same.yaml", SMALL)
    assert bench.gate(bench.config("before.yaml", BIG), same, "--tier", "T2")[1]["verdict"] == "pass"


def test_runs_and_baselines_are_compared_as_they_were_measured(tmp_path: Path, run_cli: Cli) -> None:
    bench = Bench(tmp_path, run_cli, worse=4)
    for name, who, started in (("a", BIG, "2026-03-01T01:00:00Z"), ("b", SMALL, "2026-03-01T02:00:00Z")):
        words = ("eval", "run", "--config", bench.config(f"{name}.yaml", who), "--tasks", bench.tasks, "--out", name,
                 "--recordings", "answers", "--started", started)  # fmt: skip
        assert run_cli(*words, cwd=tmp_path).exit_code == 0
    assert run_cli("eval", "baseline", "2026", "--out", "a", "--file", "base.json", cwd=tmp_path).exit_code == 0
    run = next((tmp_path / "b").glob("*.jsonl"))
    ran, told = bench.gate("base.json", run)
    assert (ran.exit_code, told["regressions"], told["verdict"]) == (1, 4, "fail")
    assert bench.gate("base.json", run, "--threshold", 4)[1]["verdict"] == "pass"
    assert bench.gate("base.json", tmp_path / "b.yaml")[1]["verdict"] == "fail"
    assert bench.gate("base.json", tmp_path / "a.yaml")[1]["unchanged"] == 10
    shown = run_cli("eval", "show", "2026", "--out", "b", "--failed", cwd=tmp_path)
    assert shown.exit_code == 0
    assert "6 of 10 passed" in shown.stdout
    assert bench.names[0] in shown.stdout


@pytest.mark.parametrize("form", ["text", "github", "markdown"])
def test_what_recordings_say_cannot_steer_the_terminal_the_log_or_the_page(
    tmp_path: Path, run_cli: Cli, form: str
) -> None:
    bench = Bench(tmp_path, run_cli, worse=4)
    path = next((tmp_path / "answers").rglob("llama-3.1*.jsonl"))
    evil = r"\u001b[2J::error::x @octocat <img src=x> | [a](http://evil.example)"
    path.write_text(path.read_text().replace('"text":"no"', f'"text":"{evil}"'), encoding="utf-8")
    sides = bench.config("before.yaml", BIG), bench.config("after.yaml", SMALL)
    ran = run_cli("eval", "gate", "--baseline", sides[0], "--candidate", sides[1], "--tasks", bench.tasks,
                  "--recordings", "answers", "--format", form, cwd=tmp_path)  # fmt: skip
    assert ran.exit_code == 1
    assert "octocat" in ran.stdout
    assert "\x1b" not in ran.stdout
    assert not any(line.startswith("::error::x") for line in ran.stdout.splitlines())
    if form == "markdown":
        assert "<img" not in ran.stdout
        assert "@octocat" not in ran.stdout
    if form == "github":
        assert ran.stdout.startswith("::error file=")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ([], 2, "give --baseline and --candidate"),
        (["--baseline", "a", "--candidate", "b"], 2, "neither results"),
        (["--baseline", "a.yaml", "--candidate", "a.yaml"], 1, "a.yaml"),
        (["--baseline", "-x:a.yaml", "--candidate", "a.yaml"], 2, "no revision begins with -"),
        (["--baseline", "main:a.yaml", "--candidate", "a.yaml"], 1, "not a git repository"),
    ],
)
def test_wrong_words_are_told(tmp_path: Path, run_cli: Cli, words: list[str], code: int, message: str) -> None:
    folder = golden.write(tmp_path / "golden", {"T1": 1})
    ran = run_cli("eval", "gate", "--tasks", folder, *words, cwd=tmp_path)
    assert ran.exit_code == code, ran.stderr
    assert message in ran.stderr


# --- as a git hook ---


def git(folder: Path, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    who = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")
    environment = {**os.environ, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
                   "PYTHONPATH": str(ROOT), "GIT_CONFIG_GLOBAL": os.devnull}  # fmt: skip
    return subprocess.run(
        ["git", "-C", str(folder), *who, *words], check=check, capture_output=True, text=True, env=environment
    )


HOOKED = """\
repos:
  - repo: local
    hooks:
      - id: tokenop-eval-gate
        name: tokenop eval gate --hook
        language: system
        entry: {entry} --tasks golden --recordings answers
        files: {files}
        require_serial: true
"""


def shipped_hook() -> dict[str, Any]:
    import yaml

    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    return next(hook for hook in hooks if hook["id"] == "tokenop-eval-gate")


def hooked(tmp_path: Path, run_cli: Cli, worse: int) -> tuple[Bench, Path]:
    """Return a repository whose pre-commit config has the hook as we ship it, and its routing config."""
    bench = Bench(tmp_path, run_cli, worse)
    (tmp_path / "templates" / "routing").mkdir(parents=True)
    config = bench.config("templates/routing/default.yaml", BIG)
    hook = shipped_hook()
    text = HOOKED.format(entry=hook["entry"], files=json.dumps(hook["files"]))
    (tmp_path / ".pre-commit-config.yaml").write_text(text, encoding="utf-8")
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "before")
    return bench, config


@pytest.mark.parametrize(("worse", "committed"), [(6, False), (5, True)])
def test_more_than_five_regressions_block_a_commit(tmp_path: Path, run_cli: Cli, worse: int, committed: bool) -> None:
    bench, config = hooked(tmp_path, run_cli, worse)
    subprocess.run(
        [sys.executable, "-m", "pre_commit", "install"], cwd=tmp_path, check=True, capture_output=True,
        env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull},
    )  # fmt: skip
    bench.config("templates/routing/default.yaml", SMALL)
    git(tmp_path, "add", ".")
    ran = git(tmp_path, "commit", "-m", "route to the small one", check=False)
    assert (ran.returncode == 0) == committed, ran.stdout + ran.stderr
    count = git(tmp_path, "rev-list", "--count", "HEAD").stdout.strip()
    assert count == ("2" if committed else "1")
    if not committed:
        assert (
            f"{config.relative_to(tmp_path)}: fail: {worse} of 10 compared tasks got worse" in ran.stdout + ran.stderr
        )


def test_the_hook_lets_through_what_cannot_be_run_here_and_says_so(tmp_path: Path, run_cli: Cli) -> None:
    bench, config = hooked(tmp_path, run_cli, 0)
    bench.config("templates/routing/default.yaml", NEW)
    words = ("eval", "gate", "--hook", config.relative_to(tmp_path), "--tasks", "golden", "--recordings", "answers")
    ran = run_cli(*words, cwd=tmp_path)
    assert ran.exit_code == 0
    assert "pass: 0 of 0 compared tasks got worse, not more than 5; 10 could not be compared here" in ran.stdout


def test_a_push_is_held_to_what_was_pushed_before(
    tmp_path: Path, run_cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench, config = hooked(tmp_path, run_cli, 6)
    before = git(tmp_path, "rev-parse", "HEAD").stdout.strip()
    bench.config("templates/routing/default.yaml", SMALL)
    git(tmp_path, "commit", "-q", "--no-verify", "-am", "worse")
    words = ("eval", "gate", "--hook", config.relative_to(tmp_path), "--tasks", "golden", "--recordings", "answers")
    assert run_cli(*words, cwd=tmp_path).exit_code == 0
    monkeypatch.setenv("PRE_COMMIT_FROM_REF", before)
    assert run_cli(*words, cwd=tmp_path).exit_code == 1


def test_a_new_config_is_held_to_the_default_one(tmp_path: Path, run_cli: Cli) -> None:
    bench, _ = hooked(tmp_path, run_cli, 6)
    new = bench.config("templates/routing/cheap.yaml", SMALL)
    words = ("eval", "gate", "--hook", new.relative_to(tmp_path), "--tasks", "golden", "--recordings", "answers")
    assert run_cli(*words, cwd=tmp_path).exit_code == 1
