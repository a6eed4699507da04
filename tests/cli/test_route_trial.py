"""`tokenop route trial` as people call it."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import Ran
from tests.research.routers.worlds import helpful, noise
from tokenop.research.routers import load
from tokenop.research.routers.outcomes import Outcomes

Run = Callable[..., Ran]
COSTS = ("--cost", "weak=0.001,strong=0.01")


def written(path: Path, world: Outcomes, small: str = "small", big: str = "big") -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["prompt", small, big])
        for prompt, weak, strong in zip(world.prompts, world.weak_quality, world.strong_quality, strict=True):
            writer.writerow([prompt, bool(weak), bool(strong)])
    return path


@pytest.fixture(scope="module")
def useful(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("outcomes") / "useful.csv", helpful(300, 1))


@pytest.fixture(scope="module")
def useless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("outcomes") / "useless.csv", noise(120, 3))


def trial(run: Run, *arguments: object) -> Ran:
    return run("route", "trial", *arguments)


def test_a_router_that_helps_is_recommended_saved_and_decides(run_cli: Run, useful: Path, tmp_path: Path) -> None:
    router, page = tmp_path / "router.json", tmp_path / "page.html"
    ran = trial(run_cli, useful, *COSTS, "--policy", "knn", "--policy", "static", "--save", router, "--report", page)
    assert ran.exit_code == 0, ran.stderr
    assert "300 distinct prompts of 300 rows: 150 learned from, 150 held out" in ran.stdout
    assert re.search(r"knn: RECOMMENDED: at equal cost \+\d", ran.stdout)
    assert "static: the single model to beat: big" in ran.stdout
    assert "Recommended: knn" in ran.stderr
    assert f"Written to {router}" in ran.stderr
    policy = load(router)
    asked = ["prove the following theorem: pencil", "translate the following sentence: window"]
    assert policy.decide(asked).tolist() == [False, True]
    html = page.read_text()
    assert "<svg" in html
    assert "Recommended: knn" in html
    assert "<script" not in html


def test_where_nothing_helps_it_says_so_and_saves_nothing(run_cli: Run, useless: Path, tmp_path: Path) -> None:
    ran = trial(run_cli, useless, *COSTS, "--policy", "rules", "--save", tmp_path / "router.json")
    assert ran.exit_code == 1
    assert "rules: not recommended: at equal cost the random mix may be as good" in ran.stdout.replace("\n", " ")
    assert "Not recommended" in ran.stderr
    assert not (tmp_path / "router.json").exists()
    assert trial(run_cli, useless, *COSTS, "--policy", "rules").exit_code == 0


def test_json_is_alone_on_stdout_and_the_same_twice(run_cli: Run, useful: Path) -> None:
    first = trial(run_cli, useful, *COSTS, "--policy", "rules", "--json", "--seed", 4)
    again = trial(run_cli, useful, *COSTS, "--policy", "rules", "--format", "json", "--seed", 4)
    assert first.stdout == again.stdout
    fields: dict[str, Any] = json.loads(first.stdout)
    assert fields["models"] == {"weak": "small", "strong": "big"}
    assert fields["costs"]["source"] == "given"
    assert fields["recommended"] == "rules"
    assert [one["policy"] for one in fields["policies"]] == ["rules", "random mix", "oracle"]
    assert fields["policies"][1]["apgr"]["value"] == 0.5


def test_curves_go_to_csv(run_cli: Run, useful: Path, tmp_path: Path) -> None:
    trial(run_cli, useful, *COSTS, "--policy", "rules", "--report", tmp_path / "curves.csv")
    rows = list(csv.DictReader((tmp_path / "curves.csv").read_text().splitlines()))
    assert {row["policy"] for row in rows} == {"rules", "random mix", "oracle"}


def test_of_two_unnamed_models_the_cheaper_is_the_weak_one(run_cli: Run, tmp_path: Path) -> None:
    world = helpful(80, 1)
    swapped = written(tmp_path / "a.csv", world, "gpt-4o", "gpt-4o-mini")
    # The cheaper model is the better one here: price decides, not quality.
    ran = trial(run_cli, swapped, "--policy", "rules", "--json", "--at", "2025-01-01")
    fields = json.loads(ran.stdout)
    assert fields["models"] == {"weak": "gpt-4o-mini", "strong": "gpt-4o"}
    assert fields["costs"]["source"] == "estimated"
    assert fields["recommended"] is None
    plain = written(tmp_path / "b.csv", world, "z-unknown", "a-unknown")
    fields = json.loads(trial(run_cli, plain, "--policy", "rules", "--json").stdout)
    assert fields["models"] == {"weak": "z-unknown", "strong": "a-unknown"}
    assert fields["costs"]["source"] == "unknown"


def test_names_of_models_that_repaint_the_terminal_are_shown_as_what_they_are(run_cli: Run, tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", noise(60, 1), "small\x1b[2J<b>", "[red]big")
    page = tmp_path / "page.html"
    ran = trial(run_cli, path, *COSTS, "--policy", "rules", "--report", page)
    assert ran.exit_code == 0
    assert "\x1b" not in ran.stdout + ran.stderr + page.read_text()
    assert "[red]big" in ran.stdout
    assert "<b>" not in page.read_text().split("</header>")[0].replace("<b>TokenOp", "")


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("--weak", "small"), 2, "go together"),
        (("--weak", "small", "--strong", "huge"), 1, "no model 'huge'"),
        (("--cost", "weak=cheap,strong=1"), 2, "'cheap' is no amount"),
        (("--cost", "weak=-1,strong=1"), 2, "no amount"),
        (("--cost", "weak"), 2, "is not NAME=VALUE"),
        (("--cost", "weak=1,other=2"), 2, "'other' is neither"),
        (("--report", "out.pdf"), 2, "must end in .csv or .html"),
        (("--router-cost", "NaN"), 2, "no amount"),
    ],
)
def test_misuse_is_said_without_a_traceback(
    run_cli: Run, useful: Path, arguments: tuple[str, ...], code: int, text: str
) -> None:
    ran = trial(run_cli, useful, *arguments)
    assert ran.exit_code == code, ran.stderr
    assert text in ran.stderr
    assert "Traceback" not in ran.stderr


def test_more_than_two_models_must_be_named(run_cli: Run, tmp_path: Path) -> None:
    rows = ["prompt,a,b,c", *(f"p{n},True,False,True" for n in range(50))]
    path = tmp_path / "three.csv"
    path.write_text("\n".join(rows) + "\n")
    ran = trial(run_cli, path)
    assert ran.exit_code == 2
    assert "--weak, --strong: a, b, c" in ran.stderr


def test_bad_rows_are_told_with_file_and_line(run_cli: Run, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("prompt,a,b\np,True,False\nq,True,perhaps\n")
    ran = trial(run_cli, path)
    assert ran.exit_code == 1
    assert f"{path.as_posix()}:3: b: RT-SCORE: 'perhaps' is no outcome" in ran.stderr
    assert trial(run_cli, tmp_path / "absent").exit_code == 1
    (tmp_path / "empty").mkdir()
    assert trial(run_cli, tmp_path / "empty").exit_code == 3


def test_part_of_routellms_outcomes_goes_through(run_cli: Run, shared_data: Path) -> None:
    folder = shared_data / "routing_outcomes" / "mmlu"
    ran = trial(run_cli, folder / "mmlu_astronomy.csv", folder / "mmlu_nutrition.csv", "--policy", "rules", "--json",
                "--at", "2025-01-01")  # fmt: skip
    fields = json.loads(ran.stdout)
    assert fields["models"] == {"weak": "mistralai/Mixtral-8x7B-Instruct-v0.1", "strong": "gpt-4-1106-preview"}
    assert fields["costs"]["words"].startswith("ESTIMATED")
    apgr = [one["apgr"]["value"] for one in fields["policies"]]
    assert np.argmax(apgr) == 2
