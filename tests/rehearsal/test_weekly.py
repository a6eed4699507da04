"""The weekly report becomes one issue, and one page in a pull request of the bot's."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.github_issues import tracking
from tests.rehearsal import actions
from tests.rehearsal.runner import _Running
from tests.rehearsal.stage import Stage
from tokenop.community import links


def test_the_page_is_proposed_and_the_issue_says_the_same(
    content: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(job: _Running, given: actions.Inputs) -> dict[str, str]:
        if given["name"] != "links":
            return actions.download(job, given)
        # Nothing is asked here: what the job before would have left.
        gone = links.Checked("https://vendor.dev/gone", "dead", "status 404", ("README.md:1",))
        (job.workspace / "links.json").write_text(links.written([gone]), encoding="utf-8")
        return {}

    monkeypatch.setitem(actions.ACTIONS, "actions/download-artifact", download)
    subprocess.run(["git", "clone", "--quiet", "--bare", "--shared", content, tmp_path / "tokenop.git"], check=True)
    with tracking(tmp_path / "tokenop.git") as github:
        stage = Stage(github, tmp_path, content.parent / "machines")
        stage.runner.secrets = {"bot": {"TOKENOP_BOT_KEY": "of-the-app"}}
        stage.runner.variables = {"bot": {"TOKENOP_BOT_CLIENT_ID": "Iv1"}}
        # Dead links fail their job, and stop nothing.
        run = stage.runner.run("weekly", stage._trusted("workflow_dispatch", {}), {"links": "failure"})
        assert run.jobs["report"].result == run.jobs["page"].result == "success", run.printed
        (pull,) = stage.github.pulls.values()
        assert (pull.branch, pull.title) == ("bot/weekly", "Add this week's report")
        year, week, _ = datetime.now(UTC).isocalendar()
        path = f"community/weekly-reports/{year}-W{week:02}.md"
        changed = stage.github.git("diff", "--name-only", "main...bot/weekly").decode().split()
        assert changed == [path]
        page = stage.github.git("show", f"bot/weekly:{path}").decode()
        assert "vendor.dev/gone" in page
        (issue,) = github.issues
        assert page.split("\n", 5)[-1] == issue["body"].split("\n", 4)[-1]
