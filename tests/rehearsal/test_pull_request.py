"""One template's way from a pull request that does not pass to one that does, by the workflows' own steps."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import ROOT
from tests.github_state import NAME, Pull
from tests.rehearsal.runner import Run, install
from tests.rehearsal.stage import Stage, report_of, sound, staged
from tests.scripts.repositories import TEMPLATE

# The layer is of another folder; the keys are in another order; the claim is not what the replay says.
FAULTY = sound(
    layer="layer: application-layer→layer: serving-layer",
    claim="low: 0.6, expected: 1.6, high: 3.1→low: 10, expected: 20, high: 30",
)


class Way(NamedTuple):
    """What happened, step by step."""

    stage: Stage
    pull: Pull
    faulty: Run
    first: str
    mended: str
    sound: Run
    second: str


def command(comment: str) -> str:
    """Return the one command that a comment gives."""
    (found,) = re.findall(r"^`(tokenop [^`]+)`", comment, re.MULTILINE)
    return str(found)


def type_in(stage: Stage, line: str) -> subprocess.CompletedProcess[str]:
    """Run a line as a contributor would who has the program: in the clone."""
    install(stage.clone, ROOT)
    env = {"PATH": f"{stage.clone}/.venv/bin:{os.environ['PATH']}", "HOME": str(stage.folder), "NO_COLOR": "1"}
    return subprocess.run(["bash", "-c", line], cwd=stage.clone, env=env, capture_output=True, text=True)


@pytest.fixture(scope="module")
def way(content: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Way]:
    """Play the whole way, and the last part of it twice."""
    with staged(content, tmp_path_factory.mktemp("way")) as stage:
        pull = stage.propose({TEMPLATE: FAULTY})
        faulty = stage.check(pull)
        stage.report(faulty.number)
        first = stage.said(pull)
        type_in(stage, command(first))
        mended = (stage.clone / TEMPLATE).read_text(encoding="utf-8")
        stage.push(pull, {})
        good = stage.check(pull)
        for _ in range(2):
            stage.report(good.number)
        yield Way(stage, pull, faulty, first, mended, good, stage.said(pull))


def test_a_faulty_template_does_not_pass(way: Way) -> None:
    assert way.faulty.conclusion == "failure"
    assert way.faulty.jobs["content"].step("Check what").result == "failure"
    assert way.faulty.jobs["gate"].result == "failure"
    annotated = {note.properties.split("title=")[1][:5] for note in way.faulty.jobs["content"].steps[2].commands}
    assert annotated == {"ID003", "EC003"}
    assert way.faulty.jobs["content"].summary.startswith("### Not passed: ")


def test_the_comment_says_the_verdict_then_where_and_how(way: Way) -> None:
    marker, verdict, _, *rest = way.first.splitlines()
    assert marker.startswith("<!-- ")
    assert verdict.startswith("**Not passed** at [`")
    head = report_of(way.faulty)["head"]
    link = f"https://github.com/{way.pull.head_repository}/blob/{head}/{TEMPLATE}?plain=1#L5"
    (found,) = [line for line in rest if "**ID003**" in line]
    assert f"[`{TEMPLATE}:5:8`]({link})" in found
    assert "*Fix:*" in found


def test_the_command_in_the_comment_mends_it(way: Way) -> None:
    assert "layer: application-layer" in way.mended
    assert "expected: 20," not in way.mended
    assert way.sound.conclusion == "success", way.sound.printed
    assert report_of(way.sound)["findings"] == []


def test_what_it_saves_is_told_from_the_replay(way: Way) -> None:
    said = next(line for line in way.second.splitlines() if "sample-month |" in line)
    expected = re.search(r"([\d.]+) %", said)
    assert expected
    assert f"expected: {expected[1]}," in way.mended


def test_a_sound_template_is_told_so_in_one_line(way: Way) -> None:
    lines = [line for line in way.second.splitlines() if line]
    assert lines[1].startswith("**Passed** at [`" + way.pull.head[:10])
    assert lines[2].startswith("<details><summary>What it saves on the reference workloads")


def test_running_it_again_doubles_nothing(way: Way) -> None:
    assert len(way.stage.github.of(way.pull.number)) == 1
    writes = [(method, path.removeprefix(f"/repos/{NAME}")) for method, path, _ in way.stage.github.writes]
    comments = [method for method, path in writes if "comments" in path]
    assert comments == ["POST", "PATCH"]
    # One call for each of the two who may write.
    assert writes.count(("POST", f"/pulls/{way.pull.number}/requested_reviewers")) == 2
    assert len(writes) == 4


def test_the_clock_finds_nothing_left_to_do(way: Way) -> None:
    before = len(way.stage.github.writes)
    assert way.stage.sweep().conclusion == "success"
    assert way.stage.github.writes[before:] == []


def test_those_who_know_the_layer_are_asked_and_who_may_not_write_is_mentioned(way: Way) -> None:
    assert way.pull.requested == ["ada", "alan"]
    assert "@grace" in way.second
    assert "@kay" not in way.second
    assert "@linus" not in way.second


def test_the_run_that_checks_has_no_right_and_the_one_that_tells_has_what_it_needs(way: Way) -> None:
    rights = way.stage.github.rights
    of = {token.rsplit("-", 1)[1]: granted for token, granted in rights.items()}
    assert of == {
        "content": {"contents": "read"},
        "gate": {},
        "report": {"actions": "read", "contents": "read", "issues": "write", "pull-requests": "write"},
    }
    used = {token.split()[-1].rsplit("-", 1)[1] for _, token in way.stage.github.seen_tokens if token}
    assert used == {"report"}


def test_a_change_of_prose_alone_passes_also_in_the_merge_queue_and_is_not_commented(stage: Stage) -> None:
    pull = stage.propose({"README.md": "changed\n"})
    for run in (stage.check(pull), stage.queue(pull)):
        assert run.conclusion == "success", run.printed
        assert "none of them a template" in run.printed
    stage.report(stage.github.runs[-1].number)
    assert stage.github.writes == []


@pytest.mark.parametrize("result", ["failure", "cancelled", "skipped"])
@pytest.mark.parametrize("job", ["content", "code", "security"])
def test_the_gate_fails_unless_each_job_succeeded(stage: Stage, job: str, result: str) -> None:
    pull = stage.propose({"CHANGELOG.md": f"{job} {result}\n"})
    assert stage.check(pull, {"content": "success"}).jobs["gate"].result == "success"
    assert stage.check(pull, {"content": "success", job: result}).jobs["gate"].result == "failure"
