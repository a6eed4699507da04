"""`tokenop run` with the vendor's SDK against two scripted models on a loopback server."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.conftest import ROOT, Ran
from tests.experiment.models_http import Models, models
from tokenop import documents
from tokenop.experiment import live
from tokenop.experiment.judge import repeated

Cli = Callable[..., Ran]
BIG, SMALL = "anthropic/claude-sonnet-4-5", "anthropic/claude-haiku-4-5"
BOTH = ("--baseline", BIG, "--candidate", SMALL)
SCHEMA = json.loads((ROOT / "tokenop/experiment/evaluation-report.schema.json").read_text(encoding="utf-8"))


def sound(model: str, text: str) -> str:
    return str(2 * int(text.split()[-1]))


def worse(model: str, text: str) -> str:
    number = int(text.split()[-1])
    return "banana" if "haiku" in model and number % 3 == 0 else str(2 * number)


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Any], Models]]:
    """Return a function that starts the models and points the SDK to them."""
    import contextlib

    with contextlib.ExitStack() as stack:

        def start(script: Any) -> Models:
            server = stack.enter_context(models(script))
            monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test-not-a-key")
            monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
            monkeypatch.setattr(live, "SLEEP", lambda _: None)  # between one attempt and the next
            return server

        yield start


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    """Write a hundred prompts with right answers."""
    path = tmp_path / "prompts.jsonl"
    lines = [
        {"id": f"p{n}", "prompt": f"Double: {n}", "reference": str(2 * n), "intent": ("even", "odd")[n % 2]}
        for n in range(100)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def report(folder: Path) -> dict[str, Any]:
    [path] = folder.glob("runs/*/evaluation-report.yaml")
    return documents.load_yaml(path).meta


def test_a_model_as_good_and_cheaper_passes_and_is_ready_to_be_rolled_out(
    run_cli: Cli, serve: Any, prompts: Path, tmp_path: Path
) -> None:
    server = serve(sound)
    ran = run_cli("run", "--input", prompts, *BOTH, "--max-drop", "0.1", "--early-stopping", cwd=tmp_path)
    assert ran.exit_code == 0, ran.stderr + ran.stdout
    found = report(tmp_path)
    one = found["candidates"][0]
    assert (found["verdict"], found["recommended"], one["stopped"]) == ("pass", SMALL, "good enough")
    assert one["prompts"]["asked"] == 50
    assert len(server.asked) in (100, 120)  # the next round was begun while this one was waited for
    assert one["cost"]["before_usd"] == pytest.approx(3 * one["cost"]["after_usd"])
    both = float(one["cost"]["before_usd"] + one["cost"]["after_usd"])
    assert both <= found["evaluation"]["usd"] <= both * 1.3
    last = ran.stdout.strip().splitlines()[-1]
    assert "67 % less, quality pass" in last
    assert "Next: tokenop diff" in last
    assert "sk-test" not in ran.stdout + "".join(path.read_text() for path in tmp_path.rglob("runs/*/*.*"))


def test_the_written_tables_are_read_by_diff_and_the_rule_lies_over_the_shipped_config(
    run_cli: Cli, serve: Any, prompts: Path, tmp_path: Path
) -> None:
    from tokenop import routing

    serve(sound)
    run_cli("run", "--input", prompts, *BOTH, "--max-drop", "0.3", "--early-stopping", cwd=tmp_path)
    [folder] = tmp_path.glob("runs/*")
    ran = run_cli(
        "diff",
        "--baseline",
        folder / "baseline.csv",
        "--optimized",
        folder / "optimized.csv",
        "--by",
        "intent",
        "--json",
    )
    compared = json.loads(ran.stdout)
    assert ran.exit_code == 0
    assert {move["key"]["intent"] for move in compared["moves"]} == {"even", "odd"}
    assert compared["delta"]["cost_usd"] < 0
    with (folder / "diff.csv").open(newline="") as file:
        assert {row["model"] for row in csv.DictReader(file)} == {"claude-sonnet-4-5", "claude-haiku-4-5"}
    laid = routing.load(routing.shipped(), [folder / "patches" / "router.yaml"])
    rule = next(one for one in laid.rules if one.name.startswith("run-"))
    assert rule.holds({"intent": "even"}) is True
    assert rule.holds({"intent": "other"}) is False
    assert rule.to is not None
    assert rule.to.model == "claude-haiku-4-5"


def test_a_worse_model_fails_with_what_it_lost_and_leaves_no_patch(
    run_cli: Cli, serve: Any, prompts: Path, tmp_path: Path
) -> None:
    server = serve(worse)
    ran = run_cli("run", "--input", prompts, *BOTH, "--max-drop", "0.05", "--early-stopping", "--json", cwd=tmp_path)
    assert ran.exit_code == 1
    found = json.loads(ran.stdout)
    one = found["candidates"][0]
    assert (one["verdict"], one["stopped"], found["recommended"]) == ("fail", "worse", None)
    assert one["prompts"]["asked"] < 100
    assert len(server.asked) <= 2 * (one["prompts"]["asked"] + 10)
    assert not list(tmp_path.glob("runs/*/patches/*"))


def test_harm_that_hides_in_a_rare_intent_is_named_and_left_out_of_the_rule(
    run_cli: Cli, serve: Any, tmp_path: Path
) -> None:
    lines = [
        {"id": f"p{n}", "prompt": f"Double: {n}", "reference": str(2 * n), "intent": "easy" if n % 15 else "hard"}
        for n in range(60)
    ]
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    serve(lambda model, text: "no" if "haiku" in model and int(text.split()[-1]) % 15 == 0 else sound(model, text))
    ran = run_cli("run", "--input", "p.jsonl", *BOTH, "--max-drop", "0.3", cwd=tmp_path)
    assert ran.exit_code == 0, ran.stderr
    assert "intent hard: 4 of 4 got worse (-100.0 points)" in ran.stdout
    [patch] = tmp_path.glob("runs/*/patches/router.yaml")
    assert "intent IN ('easy')" in patch.read_text()
    assert "Left out, since they got worse by more than is allowed: 'hard'" in patch.read_text()


def test_a_judge_who_always_takes_the_first_proves_nothing_and_is_named(
    run_cli: Cli, serve: Any, tmp_path: Path
) -> None:
    (tmp_path / "p.jsonl").write_text(
        "".join(json.dumps({"id": str(n), "prompt": f"Write {n}"}) + "\n" for n in range(30))
    )
    serve(lambda model, text: '{"better": "1"}' if "opus" in model else f"{model}: {text}")
    words = ("--judge", "anthropic/claude-opus-4-5", "--max-drop", "0.1")
    ran = run_cli("run", "--input", "p.jsonl", *BOTH, *words, cwd=tmp_path)
    assert ran.exit_code == 1
    assert "contradicted itself on 30 of 30 pairs" in ran.stdout
    assert "not believed on 30 of its pairs" in ran.stdout
    assert "would decide" not in ran.stdout
    quality = report(tmp_path)["candidates"][0]["quality"]
    assert (quality["doubtful"], quality["worse"], quality["difference"]) == (30, 0, None)


def test_one_that_is_as_dear_or_of_unknown_price_passes_and_is_not_recommended(
    run_cli: Cli, serve: Any, prompts: Path, tmp_path: Path
) -> None:
    serve(sound)
    both = ("--candidate", BIG, "--candidate", "anthropic/claude-unheard-of")
    words = ("--max-drop", "0.3", "--sample-size", "30")
    ran = run_cli("run", "--input", prompts, "--baseline", BIG, *both, *words, cwd=tmp_path)
    assert ran.exit_code == 0
    assert "it does not cost less, so it is not recommended" in ran.stdout
    assert "its cost is not known, so it is not recommended" in ran.stdout
    assert "and 30 calls whose cost nobody knows" in ran.stdout
    assert "% more" not in ran.stdout
    assert report(tmp_path)["recommended"] is None
    assert not list(tmp_path.glob("runs/*/patches/*"))


def test_the_report_fits_its_schema_and_is_the_same_bytes_again(
    run_cli: Cli, serve: Any, prompts: Path, tmp_path: Path
) -> None:
    server = serve(worse)
    words = ("run", "--input", prompts, *BOTH, "--max-drop", "0.3", "--sample-size", "30")
    run_cli(*words, cwd=tmp_path)
    [path] = tmp_path.glob("runs/*/evaluation-report.yaml")
    first, asked = path.read_bytes(), len(server.asked)
    run_cli(*words, cwd=tmp_path)
    assert path.read_bytes() == first
    assert len(server.asked) == asked == 60
    ran = run_cli(*words, "--json", cwd=tmp_path)
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(ran.stdout))


def test_a_budget_is_never_exceeded_and_the_same_command_with_more_goes_on(
    run_cli: Cli, serve: Any, prompts: Path, tmp_path: Path
) -> None:
    server = serve(sound)
    sample = ("--sample-size", "50", "--max-output-tokens", "50")
    words = ("run", "--input", prompts, *BOTH, "--max-drop", "0.5", *sample, "--json")
    ran = run_cli(*words, "--budget", "0.001", cwd=tmp_path)
    cut = json.loads(ran.stdout)
    assert cut["ended"]["early"] == "ceiling"
    assert 0 < cut["evaluation"]["usd"] <= 0.001
    first = len(server.asked)
    assert 0 < first < 100
    whole = json.loads(run_cli(*words, "--budget", "1", cwd=tmp_path).stdout)
    assert (whole["run"], whole["ended"]["early"]) == (cut["run"], None)
    assert len(server.asked) == 100
    assert whole["candidates"][0]["prompts"]["asked"] == 50


def test_errors_in_between_are_neither_wins_nor_losses(run_cli: Cli, serve: Any, prompts: Path, tmp_path: Path) -> None:
    def flaky(model: str, text: str) -> str | int:
        return 400 if "haiku" in model and int(text.split()[-1]) % 2 == 0 else sound(model, text)

    serve(flaky)
    words = ("--max-drop", "0.5", "--sample-size", "30", "--json")
    ran = run_cli("run", "--input", prompts, *BOTH, *words, cwd=tmp_path)
    one = json.loads(ran.stdout)["candidates"][0]
    assert ran.exit_code == 1
    assert one["verdict"] == "inconclusive"
    assert one["prompts"] == {
        "asked": 30,
        "scored": 15,
        "unscored": 0,
        "infrastructure": 15,
        "scored_by": {"reference": 15},
    }
    assert (one["quality"]["worse"], one["quality"]["difference"]) == (0, 0)
    assert "too many to say that it passes" in one["why"]


@pytest.mark.parametrize(
    "said", ["", "\x1b]0;gotcha\x07\x1b[2J", "{" * 9000, "2\N{RIGHT-TO-LEFT OVERRIDE}", b"no json", b"{}"]
)
def test_hostile_answers_are_wrong_or_unknown_and_repaint_nothing(
    run_cli: Cli, serve: Any, prompts: Path, tmp_path: Path, said: Any
) -> None:
    serve(lambda model, text: said if "haiku" in model else sound(model, text))
    ran = run_cli("run", "--input", prompts, *BOTH, "--sample-size", "12", "--max-drop", "0.1", cwd=tmp_path)
    assert ran.exit_code == 1, ran.stderr
    assert "\x1b" not in ran.stdout + ran.stderr
    one = report(tmp_path)["candidates"][0]["prompts"]
    assert one["scored"] + one["infrastructure"] == 12


def test_prompts_that_nothing_can_judge_are_unscored_and_do_not_pass(run_cli: Cli, serve: Any, tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text("".join(json.dumps({"id": str(n), "prompt": f"Write {n}"}) + "\n" for n in range(12)))
    serve(sound)
    ran = run_cli("run", "--input", path, *BOTH, "--max-drop", "1", cwd=tmp_path)
    assert ran.exit_code == 1
    assert report(tmp_path)["candidates"][0]["prompts"]["unscored"] == 12
    assert "add them, or name a --judge" in ran.stdout


def test_a_judge_judges_what_has_no_right_answer_and_is_charged(run_cli: Cli, serve: Any, tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text("".join(json.dumps({"id": str(n), "prompt": f"Write {n}"}) + "\n" for n in range(30)))

    def script(model: str, text: str) -> str:
        if "opus" in model:
            return '{"better": "%s"}' % ("1" if re.search("bad|I do not know", text.split("ANSWER 2")[1]) else "2")
        return f"bad {text}" if "haiku" in model else f"good {text}"

    serve(script)
    ran = run_cli(
        "run",
        "--input",
        path,
        *BOTH,
        "--judge",
        "anthropic/claude-opus-4-5",
        "--max-drop",
        "0.1",
        "--json",
        cwd=tmp_path,
    )
    found = json.loads(ran.stdout)
    assert found["candidates"][0]["verdict"] == "fail"
    assert found["candidates"][0]["prompts"]["scored_by"] == {"judge": 30}
    assert found["judge"]["judges"][0]["contradicted_itself"] == 0
    assert found["judge"]["also_answer"] == []
    jsonschema.Draft202012Validator(SCHEMA).validate(found)
    [judge] = found["judge"]["judges"]
    assert judge["asked_again"] == judge["controls"] > 0
    assert found["evaluation"]["judging"]["calls"] == 60 + 2 * judge["asked_again"]
    assert found["evaluation"]["judging"]["usd"] > 0


def test_without_a_key_it_says_so_and_what_needs_none(
    run_cli: Cli, prompts: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    ran = run_cli("run", "--input", prompts, *BOTH, cwd=tmp_path)
    assert ran.exit_code == 1
    assert ran.stderr.count("ANTHROPIC_API_KEY is not set") == 2
    assert "--recordings DIR" in ran.stderr
    assert not (tmp_path / "runs").exists()


def test_a_dry_run_asks_nobody_and_needs_no_key(run_cli: Cli, prompts: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    ran = run_cli("run", "--input", prompts, "--baseline", BIG, "--dry-run", cwd=tmp_path)
    assert ran.exit_code == 0, ran.stderr
    assert "candidate model-routing: quality may drop by 0.02" in ran.stdout
    assert "At most 200 calls and $" in ran.stdout
    assert not (tmp_path / "runs").exists()


def test_a_dry_run_counts_the_calls_of_judges(run_cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text(
        "".join(json.dumps({"id": str(n), "prompt": f"Write {n}"}) + "\n" for n in range(30))
    )
    words = ("run", "--input", "p.jsonl", *BOTH, "--dry-run", "--json")
    plain = json.loads(run_cli(*words, cwd=tmp_path).stdout)
    judged = json.loads(run_cli(*words, "--judge", "anthropic/claude-opus-4-5", cwd=tmp_path).stdout)
    again = sum(repeated(str(n), SMALL) for n in range(30))
    assert (plain["calls_at_most"], judged["calls_at_most"]) == (60, 120 + 2 * again)
    assert judged["worst_case_usd"] > plain["worst_case_usd"]


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        (("--candidate", SMALL), 2, "do not say which model answers them today"),
        (("--baseline", "gpt-4", "--candidate", SMALL), 2, "names no model"),
        (("--baseline", BIG, "--candidate", "nobody/x"), 1, "no provider here is called 'nobody'"),
        ((*BOTH, "--candidate", SMALL), 2, "given twice"),
        ((*BOTH, "--max-drop", "NaN"), 2, "--max-drop takes a number"),
        ((*BOTH, "--max-drop", "7"), 2, "a share from 0 to 1"),
        ((*BOTH, "--budget", "-1"), 2, "--budget takes a number"),
        (("--baseline", BIG, "--candidate", "anthropic/claude-unheard-of", "--budget", "1"), 1, "no known price"),
        ((*BOTH, "--recordings", "nowhere"), 3, "holds no recorded answer"),
        ((*BOTH, "--plan", "nowhere.yaml"), 1, "nowhere.yaml"),
        ((*BOTH, "--config", "nowhere.yaml"), 1, "nowhere.yaml"),
        ((*BOTH, "--outcomes", "."), 2, "asks nobody"),
        ((*BOTH, "--events", "e.jsonl"), 2, "either --input or --events"),
    ],
)
def test_what_cannot_work_is_told_before_anything_is_asked(
    run_cli: Cli, serve: Any, prompts: Path, tmp_path: Path, words: tuple[str, ...], code: int, part: str
) -> None:
    server = serve(sound)
    ran = run_cli("run", "--input", prompts, *words, cwd=tmp_path)
    assert (ran.exit_code, part in ran.stderr) == (code, True), ran.stderr
    assert "Traceback" not in ran.stderr
    assert server.asked == []
