"""A hostile pull request: each trick is refused with a clear finding, nothing of it runs, nothing of it is posted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from markdown_it import MarkdownIt

from tests.github_state import Pull
from tests.rehearsal import hostile
from tests.rehearsal.actions import canaries
from tests.rehearsal.runner import Run
from tests.rehearsal.stage import Stage, report_of, staged
from tokenop.community.pull_request import fingerprint


class Attack(NamedTuple):
    """What came of the hostile pull request."""

    stage: Stage
    pull: Pull
    checked: Run
    told: Run
    said: str


@pytest.fixture(scope="module")
def attack(content: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attack]:
    """Open the hostile pull request from a fork, check it and tell of it."""
    with staged(content, tmp_path_factory.mktemp("attack")) as stage:
        pull = stage.propose(hostile.files(), "mallory", fork=True)
        stage.push(pull, {}, hostile.SUBMODULE)
        pull.title = pull.body = "$(touch pwned) ${{ github.token }} `touch pwned`"
        pull.branch = "x;touch${IFS}pwned"
        checked = stage.check(pull)
        told = stage.report(checked.number)
        yield Attack(stage, pull, checked, told, stage.said(pull))


def test_it_does_not_pass(attack: Attack) -> None:
    assert attack.checked.conclusion == "failure"
    assert attack.said.splitlines()[1].startswith("**Not passed** at [`")


@pytest.mark.parametrize("name", hostile.EXPECTED)
def test_each_trick_is_a_finding_of_both_stages(attack: Attack, name: str) -> None:
    rule, path = hostile.EXPECTED[name], f"{hostile.FOLDER}/{name}.md"
    marks = {mark["rule"] for mark in report_of(attack.checked)["findings"] if mark["file"] == fingerprint(path)}
    assert rule in marks
    (line,) = [line for line in attack.said.splitlines() if f"`{path}" in line and f"**{rule}**" in line]
    assert "*Fix:*" in line
    logged = attack.checked.jobs["content"].step("Check what").stdout
    assert re.search(rf"^(?:error|warning) {path}:\d+: .*: {rule}: .+\(.+\)$", logged, re.MULTILINE)


@pytest.mark.parametrize("name", hostile.NAMES, ids=range(len(hostile.NAMES)))
def test_a_name_that_is_more_than_a_name_is_refused(attack: Attack, name: str) -> None:
    marks = [m for m in report_of(attack.checked)["findings"] if m["file"] == fingerprint(f"{hostile.FOLDER}/{name}")]
    assert [mark["rule"] for mark in marks] == ["ID007"]


def test_both_stages_say_the_same(attack: Attack) -> None:
    assert "disagree" not in attack.said
    assert attack.told.conclusion == "success", attack.told.printed


def test_nothing_ran(attack: Attack) -> None:
    assert canaries(attack.stage.folder) == []
    assert canaries(attack.stage.runner.folder) == []
    assert not Path("pwned").exists()


def test_no_name_and_no_text_is_a_command_to_the_runner(attack: Attack) -> None:
    steps = [step for run in (attack.checked, attack.told) for job in run.jobs.values() for step in job.steps]
    assert {note.kind for step in steps for note in step.commands} == {"error", "warning"}
    assert not [line for line in attack.checked.printed.splitlines() if line.startswith(("##[", "::add", "::set"))]


def test_the_report_holds_numbers_and_no_word_of_theirs(attack: Attack) -> None:
    report = report_of(attack.checked)
    assert {type(value) for finding in report["findings"] for value in finding.values()} <= {str, int}
    assert not re.search(r"pwned|mallory|evil|gnore|script>", str(report))


def test_the_comment_holds_their_names_as_code_and_not_a_word_more(attack: Attack) -> None:
    tokens = MarkdownIt("gfm-like", {"html": True, "linkify": False}).parse(attack.said)
    inline = [child for token in tokens for child in token.children or ()]
    html = [token.content for token in [*tokens, *inline] if token.type in ("html_block", "html_inline")]
    assert not re.search(r"<(?:script|img)|onerror|javascript", "".join(html))
    text = "".join(child.content for child in inline if child.type == "text")
    assert not re.search(r"pwned|everyone|javascript|previous instructions|evil", text)
    for link in [str(child.attrs["href"]) for child in inline if child.type == "link_open"]:
        assert link.startswith("https://github.com/mallory/tokenop/")
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u200b\udc80-\udcff]", attack.said)


def test_the_comment_is_one_that_github_takes(attack: Attack) -> None:
    assert len(attack.said) < 65_536
    assert len(attack.stage.github.of(attack.pull.number)) == 1


def test_the_model_s_key_and_the_token_were_never_near_it(attack: Attack) -> None:
    used = {token.split()[-1] for _, token in attack.stage.github.seen_tokens if token}
    assert {token.rsplit("-", 1)[1] for token in used} == {"report"}
    assert not [token for token in used if token in attack.checked.printed + attack.told.printed + attack.said]
