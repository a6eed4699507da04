"""What a stranger's run leaves behind is believed as far as main's own linter says the same: one sweep over many."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.github_state import NOT_FOUND, Pull, zipped
from tests.rehearsal import runner
from tests.rehearsal.actions import canaries
from tests.rehearsal.stage import Stage, sound, staged
from tests.scripts.repositories import TEMPLATE
from tokenop.community import report
from tokenop.community.pull_request import fingerprint

FAULTY = sound(layer="layer: application-layer→layer: serving-layer")
ARTIFACT = report.ARTIFACT


def honest(head: str, **changed: Any) -> dict[str, Any]:
    """Return what an honest run says of the faulty template, with fields changed."""
    file = fingerprint(TEMPLATE)
    return {
        "schema_version": 1, "head": head, "day": str(datetime.now(tz=UTC).date()),
        "checked": {"templates": 1, "evidence": 0, "collectors": 0, "people": 0, "routing": 0},
        "findings": [{"rule": "ID003", "file": file, "line": 5, "column": 8, "severity": "error"}],
        "more_findings": 0, "economics": [{"file": file, "workload": "sample-month", "percent": [1.0, 2.0, 3.0]}],
        "routing": [],
        **changed,
    }  # fmt: skip


def packed(content: dict[str, Any] | bytes, name: str = "report.json") -> bytes:
    return zipped({name: content if isinstance(content, bytes) else json.dumps(content).encode()})


def bomb() -> bytes:
    """Return a zip of a quarter of a megabyte that holds a quarter of a gigabyte."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("report.json", "w") as file:
        for _ in range(256):
            file.write(b" " * 1024 * 1024)
    return buffer.getvalue()


def lying(head: str) -> bytes:
    """Return a zip whose directory says another size than it holds."""
    archive = bytearray(packed(honest(head)))
    place = archive.index(b"PK\x01\x02")
    archive[place + 24 : place + 28] = (10).to_bytes(4, "little")
    return bytes(archive)


# What is left behind of which commit.
Left = Callable[[str], list[tuple[str, bytes]]]
# None of it may be used.
TAMPERED: dict[str, Left] = {
    "another file in it": lambda head: [(ARTIFACT, packed(honest(head), "../report.json"))],
    "one file more": lambda head: [
        (ARTIFACT, zipped({"report.json": json.dumps(honest(head)).encode(), "pr_number": b"1"}))
    ],
    "a zip bomb": lambda _: [(ARTIFACT, bomb())],
    "a zip that lies": lambda head: [(ARTIFACT, lying(head))],
    "no zip": lambda _: [(ARTIFACT, b"#!/bin/sh\ntouch pwned\n")],
    "too large": lambda _: [(ARTIFACT, b"x" * 2_000_000)],
    "a key more": lambda head: [(ARTIFACT, packed(honest(head, comment="**Passed** @ada merge at once")))],
    "a number of a pull request": lambda head: [(ARTIFACT, packed(honest(head, pull_request=7)))],
    "reviewers": lambda head: [(ARTIFACT, packed(honest(head, reviewers=["mallory"])))],
    "another commit": lambda head: [(ARTIFACT, packed(honest(head, findings=[])))],
    "markdown for a rule": lambda head: [
        (ARTIFACT, packed(honest(head, findings=[{**honest(head)["findings"][0], "rule": "[x](//evil.example)"}])))
    ],
    "a figure that is none": lambda head: [(ARTIFACT, packed(json.dumps(honest(head)).replace("2.0", "NaN").encode()))],
}
MISSING: dict[str, Left] = {"another name": lambda head: [("report", packed(honest(head)))], "nothing": lambda _: []}
WAITING: dict[str, Left] = {"a first contribution": lambda _: []}
CONCLUSIONS = {"a first contribution": "action_required"}
# It keeps to its schema, and is not the truth.
HIDING: dict[str, Left] = {
    "findings taken out": lambda head: [(ARTIFACT, packed(honest(head, findings=[])))],
    "a warning in the place of an error": lambda head: [
        (ARTIFACT, packed(honest(head, findings=[{**honest(head)["findings"][0], "severity": "warning"}])))
    ],
    "the finding of another file": lambda head: [
        (ARTIFACT, packed(honest(head, findings=[{**honest(head)["findings"][0], "file": "0" * 64}])))
    ],
}


class Swept(NamedTuple):
    """All pull requests after one sweep."""

    stage: Stage
    run: runner.Run
    pulls: dict[str, Pull]

    def said(self, name: str) -> str:
        return self.stage.said(self.pulls[name])


@pytest.fixture(scope="module")
def swept(content: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Swept]:
    """Open a pull request for each trick, all with the same faulty template, and let the clock strike."""
    with staged(content, tmp_path_factory.mktemp("swept")) as stage:
        pulls = {}
        right: Left = lambda head: [(ARTIFACT, packed(honest(head)))]  # noqa: E731
        tricks = {"broken": right, **TAMPERED, **MISSING, **WAITING, **HIDING, "honest": right}
        for number, (name, left) in enumerate(tricks.items()):
            pulls[name] = stage.propose({TEMPLATE: FAULTY, "notes.md": name}, f"mallory{number}", fork=True)
            found = runner.Run(stage.github.number())
            # What is of another commit is the report of the pull request before it, whose findings it lacks.
            head = pulls["a key more"].head if name == "another commit" else pulls[name].head
            stage.listed(pulls[name], found, artifacts=left(head), conclusion=CONCLUSIONS.get(name, "success"))
        # The first of all is one of which GitHub does not say what it changes.
        stage.github.faults[f"/pulls/{pulls['broken'].number}/files"] = NOT_FOUND
        yield Swept(stage, stage.sweep(), pulls)


@pytest.mark.parametrize("name", [*TAMPERED, *MISSING, *WAITING, *HIDING, "honest"])
def test_the_main_branch_s_own_finding_is_told_whatever_is_left_behind(swept: Swept, name: str) -> None:
    said = swept.said(name)
    assert said.splitlines()[1].startswith(f"**Not passed** at [`{swept.pulls[name].head[:10]}`]")
    assert re.search(rf"- error \*\*ID003\*\* \[`{TEMPLATE}:5:8`\]", said)


@pytest.mark.parametrize("name", TAMPERED)
def test_a_report_that_is_not_in_order_is_refused_as_a_whole(swept: Swept, name: str) -> None:
    assert "left a report that is not in order, so nothing in it was used" in swept.said(name)
    assert "sample-month" not in swept.said(name)
    run = next(run for run in swept.stage.github.runs if run.head == swept.pulls[name].head)
    assert f"run {run.number}: " in swept.run.printed


@pytest.mark.parametrize("name", MISSING)
def test_a_run_without_its_report_is_told_so(swept: Swept, name: str) -> None:
    assert "No result of the checks was found" in swept.said(name)


def test_a_run_that_waits_for_a_maintainer_is_told_so(swept: Swept) -> None:
    assert "a maintainer must approve" in swept.said("a first contribution")


@pytest.mark.parametrize("name", HIDING)
def test_a_run_that_says_other_than_main_s_linter_is_contradicted(swept: Swept, name: str) -> None:
    assert "the main branch's linter disagree; the main branch's holds" in swept.said(name)
    assert "`ID003`" in swept.said(name).split("Only one of the two says:")[1]


def test_an_honest_report_is_used(swept: Swept) -> None:
    assert "> " not in swept.said("honest")
    assert "| shorter-prompts | sample-month | 2.0 % | 1.0 to 3.0 % |" in swept.said("honest")


def test_one_that_cannot_be_looked_at_keeps_nobody_else_waiting(swept: Swept) -> None:
    number = swept.pulls["broken"].number
    assert swept.stage.github.of(number) == []
    assert re.search(rf"#{number}: .*404", swept.run.printed)
    assert swept.run.conclusion == "failure"


def test_nothing_of_theirs_is_posted_and_nobody_of_theirs_is_asked(swept: Swept) -> None:
    posted = json.dumps([data for _, _, data in swept.stage.github.writes])
    assert not re.search(r"merge at once|evil|@mallory|pwned|pr_number", posted)
    assert {name for pull in swept.pulls.values() for name in pull.requested} <= {"ada", "alan"}
    assert canaries(swept.stage.folder) == canaries(swept.stage.runner.folder) == []


def test_who_has_enough_requests_is_asked_for_no_more(swept: Swept) -> None:
    assert max(sum(name in pull.requested for pull in swept.pulls.values()) for name in ("ada", "alan")) <= 9
