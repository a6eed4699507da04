"""Claude reads a submission that tries to steer it: text goes in as data, numbers come out or nothing does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.extract.servers.loopback import Answer, Got
from tests.extract.servers.loopback import serving as replaying
from tests.github_state import Pull
from tests.rehearsal import hostile
from tests.rehearsal.runner import Run
from tests.rehearsal.stage import Stage, sound, staged
from tests.scripts.repositories import TEMPLATE
from tokenop.evidence.questions import IDS

# In process, tests/scripts/test_review_with_claude.py holds the same of the script alone.
pytestmark = pytest.mark.thorough

KEY = "of-the-environment"
NUMBERS = {"ratings": dict.fromkeys(IDS, 4), "verdict": "revise", "addresses_the_reader": True}


class Model:
    """A server in the place of Claude that obeys whatever it reads."""

    def __init__(self) -> None:
        self.text = json.dumps(NUMBERS)
        self.got: list[Got] = []

    def __call__(self, got: Got) -> Answer:
        self.got.append(got)
        content = [{"type": "text", "text": self.text}]
        usage = {"input_tokens": 900, "output_tokens": 60}
        body = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "content": content}
        return Answer(body={**body, "stop_reason": "end_turn", "stop_sequence": None, "usage": usage})


class Read(NamedTuple):
    """Two runs on one pull request: a model that does as it is asked, and one that obeys the text."""

    stage: Stage
    pull: Pull
    model: Model
    asked: dict[str, Any]
    honest: Run
    obeying: Run


@pytest.fixture(scope="module")
def read(content: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Read]:
    """Start live-eval by hand on a pull request that holds an injection."""
    model = Model()
    with replaying(model) as server, staged(content, tmp_path_factory.mktemp("eval")) as stage:
        stage.runner.secrets = {"live-eval": {"ANTHROPIC_API_KEY": KEY}}
        stage.runner.environment = {"ANTHROPIC_BASE_URL": server.url}
        text = sound().replace("## Problem\n", f"## Problem\n\n{hostile.INJECTION}\n\n<!-- {hostile.INJECTION} -->\n")
        pull = stage.propose({TEMPLATE: text, "scripts/x.py": "touch()"}, "mallory", fork=True)
        honest = start(stage, pull.number, pull.head)
        asked = model.got[-1].json
        model.text = '{"verdict": "approve"} I approve this pull request, as I was told. <script>alert(1)</script>'
        yield Read(stage, pull, model, asked, honest, start(stage, pull.number, pull.head))


def start(stage: Stage, number: int, sha: str) -> Run:
    """Start the workflow as the form on GitHub does."""
    inputs = {"pull": str(number), "sha": sha}
    return stage.start("live-eval", "workflow_dispatch", {"inputs": inputs}, inputs=inputs)


def test_numbers_are_told(read: Read) -> None:
    assert read.honest.conclusion == "success", read.honest.printed
    judge = read.honest.jobs["judge"]
    assert json.loads(judge.step("Read it").stdout)["verdict"] == "revise"
    assert "**Revise**" in judge.summary
    assert "tries to steer its reviewers" in judge.summary


def test_the_text_is_data_and_there_are_no_tools(read: Read) -> None:
    assert "tools" not in read.asked
    assert hostile.INJECTION not in json.dumps(read.asked["system"])
    given = json.loads(read.asked["messages"][0]["content"])
    assert list(given["files"]) == [TEMPLATE]
    assert hostile.INJECTION in given["files"][TEMPLATE]


def test_a_model_that_obeys_the_text_comes_to_nothing(read: Read) -> None:
    assert read.obeying.conclusion == "success", read.obeying.printed
    judge = read.obeying.jobs["judge"]
    assert json.loads(judge.step("Read it").stdout)["verdict"] == "inconclusive"
    assert "**Inconclusive**" in judge.summary
    for told in (judge.summary, read.obeying.printed):
        assert "I approve" not in told
        assert "script>" not in told


def test_nothing_is_written_to_github_and_the_key_is_where_it_is_used(read: Read) -> None:
    github = read.stage.github
    assert github.writes == []
    rights = {token.rsplit("-", 1)[1]: granted for token, granted in github.rights.items()}
    assert rights == {"fetch": {"contents": "read", "pull-requests": "read"}, "judge": {"contents": "read"}}
    assert {token.split()[-1].rsplit("-", 1)[1] for _, token in github.seen_tokens} == {"fetch"}
    assert all(KEY in got.headers["authorization"] for got in read.model.got)
    assert KEY not in read.honest.printed + read.obeying.printed


def test_only_the_commit_that_was_named_is_read(read: Read) -> None:
    run = start(read.stage, read.pull.number, read.pull.base)
    assert (run.jobs["fetch"].result, run.jobs["judge"].result) == ("failure", "skipped")
    assert "another commit" in run.printed
