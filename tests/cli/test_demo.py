"""`tokenop demo`: the whole loop on the sample month, in one folder."""

from __future__ import annotations

import json
from pathlib import Path
from unittest import mock

import pytest

from tokenop import sample
from tokenop.cli.demo import command
from tokenop.cli.main import COMMANDS
from tokenop.database import connect
from tokenop.events.log import open_log


@pytest.fixture(scope="module")
def demo(tmp_path_factory, small_month):
    """The demo run once, on a part of the month: the folder, what was printed as JSON, and the steps that were named.

    tests/test_docs.py runs it on all of it.
    """
    from click.testing import CliRunner

    folder = tmp_path_factory.mktemp("demo") / "out"
    with mock.patch.object(sample, "month", return_value=small_month):
        ran = CliRunner().invoke(command, ["--out", str(folder), "--json"], catch_exceptions=False)
    assert ran.exit_code == 0
    return folder, json.loads(ran.stdout), ran.stderr


def test_help_says_what_the_list_of_commands_says():
    assert command.help is not None
    assert command.help.splitlines()[0] == COMMANDS["demo"][1]


def test_it_writes_every_file_of_the_loop(demo):
    folder, document, steps = demo
    assert [step[:3] for step in steps.splitlines()] == ["1/4", "2/4", "3/4", "4/4"]
    assert all(Path(path).is_file() for path in document["files"].values())
    assert (folder / "reports" / "baseline.csv").is_file()


def test_the_plan_is_marked_as_sample_and_saves_something(demo):
    _, document, _ = demo
    assert document["baseline"]["sample"] is True
    assert document["savings_monthly_usd"]["p50"] > 0
    assert document["chosen"]
    assert document["rejected"]


def test_discover_loses_nothing_of_the_month(demo, small_month, tmp_path):
    folder, _, _ = demo
    before = open_log(connect(), small_month, "events", tmp_path).content_hash
    assert open_log(connect(), folder / "events.parquet", "events", tmp_path).content_hash == before
    assert (folder / "rejected.jsonl").read_text(encoding="utf-8") == ""
