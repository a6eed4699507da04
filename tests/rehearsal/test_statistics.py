"""Statistics become one pull request of the bot's, which passes the checks that it starts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.github_state import NAME
from tests.rehearsal.stage import Stage, staged

APP = {"bot": {"TOKENOP_BOT_KEY": "of-the-app"}}
PUSH = {"ref": "refs/heads/main"}


@pytest.fixture(scope="module")
def proposed(content: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Push to the main branch a page that is out of step, twice."""
    with staged(content, tmp_path_factory.mktemp("statistics")) as stage:
        stage.runner.secrets, stage.runner.variables = APP, {"bot": {"TOKENOP_BOT_CLIENT_ID": "Iv1"}}
        pull = stage.propose({"community/statistics.md": "# Statistics\n\nold\n"})
        stage.merge(pull)
        for _ in range(2):
            run = stage.start("stats", "push", PUSH)
            assert run.conclusion == "success", run.printed
        yield stage


def test_one_pull_request_is_opened_and_kept_up_to_date(proposed: Stage) -> None:
    (pull,) = [pull for pull in proposed.github.pulls.values() if pull.state == "open"]
    assert (pull.branch, pull.title) == ("bot/statistics", "Update the statistics")
    opened = [path for method, path, _ in proposed.github.writes if method == "POST"]
    assert opened == [f"/repos/{NAME}/pulls"]
    assert proposed.github.git("rev-list", "--count", "main..bot/statistics").strip() == b"1"


def test_it_changes_pages_and_nothing_else(proposed: Stage) -> None:
    changed = proposed.github.git("diff", "--name-only", "main...bot/statistics").decode().split()
    assert "community/statistics.md" in changed
    assert {path.split("/")[0] for path in changed} <= {"community", "validations"}
    assert "As of " in proposed.github.git("show", "bot/statistics:community/statistics.md").decode()


def test_it_is_written_with_the_app_s_token_so_that_checks_start(proposed: Stage) -> None:
    used = {token.split()[-1] for _, token in proposed.github.seen_tokens if token}
    granted = [proposed.github.rights[token] for token in used]
    assert granted
    assert all(rights == {"contents": "write", "pull-requests": "write"} for rights in granted)


def test_it_passes_its_own_checks_and_gets_no_comment(proposed: Stage) -> None:
    (pull,) = [pull for pull in proposed.github.pulls.values() if pull.state == "open"]
    pull.head = proposed.github.git("rev-parse", "bot/statistics").decode().strip()
    proposed.github.git("update-ref", f"refs/pull/{pull.number}/merge", pull.head)
    checked = proposed.check(pull)
    assert checked.conclusion == "success", checked.printed
    assert proposed.report(checked.number).conclusion == "success"
    assert proposed.github.of(pull.number) == []
