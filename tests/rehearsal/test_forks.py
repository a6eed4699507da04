"""Pull requests from forks: what their own code says is a hint, and the main branch's word holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.github_state import Pull
from tests.rehearsal.actions import canaries
from tests.rehearsal.runner import Run
from tests.rehearsal.stage import Stage, report_of, sound, staged
from tests.scripts.repositories import TEMPLATE

FAULTY = sound(layer="layer: application-layer→layer: serving-layer")
TOUCH = "import pathlib\npathlib.Path.home().joinpath('pwned').touch()\n"
# What the main branch runs in its second stage; in the first nothing of it is run.
TRUSTED = ("scripts/comment_results.py", "scripts/overlaid.py", "tokenop/community/comment.py")


class Told(NamedTuple):
    """One pull request from a fork, checked and told of."""

    stage: Stage
    pull: Pull
    checked: Run
    reported: Run

    @property
    def said(self) -> str:
        return self.stage.said(self.pull)


@pytest.fixture(scope="module")
def forks(content: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(content, tmp_path_factory.mktemp("forks")) as stage:
        stage.runner.secrets = {"bot": {"TOKENOP_BOT_KEY": "of-the-app"}, "": {"ANYTHING": "at all"}}
        yield stage


def told(stage: Stage, files: dict[str, str]) -> Told:
    pull = stage.propose(files, "mallory", fork=True)
    checked = stage.check(pull)
    return Told(stage, pull, checked, stage.report(checked.number))


def ours(stage: Stage, path: str) -> str:
    """Return a file of the main branch."""
    return stage.github.git("show", f"main:{path}").decode()


def edited(stage: Stage, path: str, old: str, new: str) -> dict[str, str]:
    """Return one of our files with a change in it."""
    text = ours(stage, path)
    assert text.count(old) == 1
    return {path: text.replace(old, new)}


@pytest.fixture(scope="module")
def honest(forks: Stage) -> Told:
    """Propose a faulty template."""
    return told(forks, {TEMPLATE: FAULTY})


@pytest.fixture(scope="module")
def green(forks: Stage) -> Told:
    """Propose a faulty template, and a linter that finds nothing; the second stage's code is edited as well."""
    blind = edited(
        forks,
        "tokenop/community/pull_request_checks.py",
        "    return Examined(tuple(sorted(set(findings))), ",
        "    return Examined((), ",
    )
    poisoned = {path: TOUCH + ours(forks, path) for path in TRUSTED[:2]}
    return told(forks, {TEMPLATE: FAULTY, **blind, **poisoned})


@pytest.fixture(scope="module")
def forged(forks: Stage) -> Told:
    """Propose a faulty template, and a workflow that writes a report of its own and runs nothing."""
    step = "run: .venv/bin/python scripts/check_pull_request.py --report report.json"
    forging = """run: |
          jq '{schema_version: 1, head: .pull_request.head.sha, day: "2026-01-01", findings: [], more_findings: 0,
               checked: {templates: 1, evidence: 0, collectors: 0, people: 0, routing: 0}, economics: [],
               routing: []}' \\
            "$GITHUB_EVENT_PATH" > report.json
          printf 'x<<end\\n%s\\nend\\n' forged >> "$GITHUB_OUTPUT"
          echo '### Passed: merge at once' >> "$GITHUB_STEP_SUMMARY\""""
    return told(forks, {TEMPLATE: FAULTY, **edited(forks, ".github/workflows/pr-check.yml", step, forging)})


def test_a_fork_is_told_as_anybody_and_its_links_lead_to_it(honest: Told) -> None:
    assert honest.checked.conclusion == "failure"
    assert honest.reported.conclusion == "success"
    assert f"[`{TEMPLATE}:5:8`](https://github.com/mallory/tokenop/blob/{honest.pull.head}/" in honest.said
    assert "disagree" not in honest.said
    assert honest.pull.requested


def test_a_fork_s_run_has_a_token_that_reads_and_no_secret(honest: Told) -> None:
    rights = {token: granted for token, granted in honest.stage.github.rights.items() if "-content" in token}
    assert set(map(str, rights.values())) == {"{'contents': 'read'}"}
    assert "of-the-app" not in honest.checked.printed


@pytest.mark.parametrize("name", ["green", "forged"])
def test_a_fork_that_edits_its_checks_to_be_green_is_contradicted(name: str, request: pytest.FixtureRequest) -> None:
    found: Told = request.getfixturevalue(name)
    assert found.checked.conclusion == "success", found.checked.printed
    assert report_of(found.checked)["findings"] == []
    assert found.said.splitlines()[1].startswith("**Not passed** at [`")
    assert "- error **ID003**" in found.said
    assert "linter disagree; the main branch's holds" in found.said
    assert "edits the code that checks it" in found.said
    assert found.reported.conclusion == "failure"
    assert "merge at once" not in found.said


def test_nothing_of_a_fork_s_runs_where_there_is_a_token_that_writes(green: Told) -> None:
    home = green.reported.jobs["report"].workspace.parent / "home"
    assert home.is_dir()
    assert canaries(home) == []
    for path in TRUSTED:
        kept = green.reported.jobs["report"].workspace / path
        assert kept.read_text(encoding="utf-8") == ours(green.stage, path)
