"""`tokenop extract` as people run it."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Ran
from tests.extract.servers.databricks_server import TOKEN, WAREHOUSE, Workspace
from tests.extract.servers.loopback import Server

Run = Callable[..., Ran]
DAY = ("--since", "2026-08-25", "--until", "2026-08-26")
MORE_COLUMNS = """
    request_id workspace_id endpoint_name api_type destination_type destination_name requester status_code latency_ms
    time_to_first_byte_ms total_tokens token_details
"""


@pytest.fixture
def workspace(
    serve: Callable[[object], Server], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Workspace]:
    found = Workspace()
    found.gateway(30)
    for column in MORE_COLUMNS.split():
        found.db.execute(f"ALTER TABLE dbx.ai_gateway.usage ADD COLUMN {column} VARCHAR")
    found.db.execute(
        "UPDATE dbx.ai_gateway.usage SET status_code = '200', api_type = 'anthropic/v1/messages', "
        "destination_type = 'EXTERNAL_FOUNDATION_MODEL', request_id = 'r' || invocation_id, latency_ms = '100'"
    )
    monkeypatch.setenv("DATABRICKS_HOST", serve(found).url)
    monkeypatch.setenv("DATABRICKS_TOKEN", TOKEN)
    monkeypatch.setenv("DATABRICKS_WAREHOUSE_ID", WAREHOUSE)
    monkeypatch.setenv("TOKENOP_HOME", str(tmp_path / "state"))
    yield found
    found.db.close()


def test_extract_then_discover_gives_the_calls(workspace: Workspace, run_cli: Run, tmp_path: Path) -> None:
    ran = run_cli("extract", "databricks", *DAY)
    assert ran.exit_code == 0, ran.stderr
    assert "30 rows extracted into" in ran.stdout
    assert ran.stdout.rstrip().endswith("Next: tokenop discover --collectors databricks")
    assert "endpoint_usage is missing or not granted" in ran.stderr
    found = run_cli("discover", "--collectors", "databricks", "--json", cwd=tmp_path)
    assert found.exit_code == 0, found.stderr
    assert json.loads(found.stdout)["events"] == 30


def test_a_second_run_says_that_nothing_is_new_and_discover_finds_nothing_twice(
    workspace: Workspace, run_cli: Run, tmp_path: Path
) -> None:
    run_cli("extract", "databricks", *DAY)
    ran = run_cli("extract", "databricks", *DAY, "--json")
    (found,) = json.loads(ran.stdout)["extracted"]
    assert found["rows"] == 0
    assert json.loads(run_cli("discover", "--collectors", "databricks", "--json", cwd=tmp_path).stdout)["rows_in"] == 30


def test_with_another_folder_the_next_command_names_it(workspace: Workspace, run_cli: Run, tmp_path: Path) -> None:
    ran = run_cli("extract", "databricks", *DAY, "--out", tmp_path / "here")
    assert f"--input databricks={tmp_path / 'here' / 'databricks'}" in ran.stdout
    assert len((tmp_path / "here" / "databricks" / "gateway" / "2026-08-25.jsonl").read_text().splitlines()) == 30


def _no_network(*_: Any, **__: Any) -> Any:
    raise AssertionError("a dry run contacts nobody")


def test_a_dry_run_prints_every_statement_without_credentials_or_network(
    run_cli: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(socket.socket, "connect", _no_network)
    monkeypatch.setattr(socket, "getaddrinfo", _no_network)
    monkeypatch.setenv("TOKENOP_HOME", str(tmp_path))
    ran = run_cli("extract", "databricks", "--dry-run", "--since", "2026-08-25", "--until", "2026-08-28")
    assert ran.exit_code == 0, ran.stderr
    assert "FROM system.ai_gateway.usage WHERE event_time >= :since AND event_time < :until" in ran.stdout
    assert "since=2026-08-27T00:00:00.000Z until=2026-08-28T00:00:00.000Z" in ran.stdout
    assert "talks to: $DATABRICKS_HOST" in ran.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_as_json_lists_each_slice(run_cli: Run) -> None:
    ran = run_cli("extract", "databricks", "--dry-run", "--since", "2026-08-25", "--until", "2026-08-28", "--json")
    (found,) = json.loads(ran.stdout)["dry_run"]
    gateway = found["streams"][0]
    assert [entry["since"] for entry in gateway["slices"]] == [f"2026-08-{day}T00:00:00Z" for day in (25, 26, 27)]
    assert gateway["slices"][0]["requests"][0]["parameters"]["since"] == "2026-08-25T00:00:00.000Z"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), 2, "name what to extract"),
        (("snowflke",), 2, "is not a collector"),
        (("manual",), 2, "reads files only"),
        (("databricks", "--stream", "x"), 2, "has no such stream"),
        (("databricks", "--setting", "warehouse=1"), 2, "warehouse_id"),
        (("databricks", "--setting", "warehouse_id"), 2, "write NAME=VALUE"),
        (("databricks", "--since", "yesterday"), 2, "is not a time"),
        (("databricks", "--since", "2026-08-02", "--until", "2026-08-01"), 2, "is not after"),
        (("databricks", "--since", "0001-01-01T00:00:00+14:00"), 2, "is not a time"),
        (("databricks", "--until", "9999-12-31T23:59:59-12:00"), 2, "is not a time"),
        (("databricks", "--since", "0001-01-01"), 2, "lies before 2015"),
        (("databricks", "--since", "9999-12-31"), 2, "lies in the future"),
        (("databricks",), 1, "DATABRICKS_WAREHOUSE_ID is not set"),
        (("databricks", "--setting", "warehouse_id=x"), 1, "DATABRICKS_HOST is not set"),
    ],
)
def test_a_mistake_is_told_with_what_helps(
    run_cli: Run, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int, said: str
) -> None:
    for name in ("DATABRICKS_HOST", "DATABRICKS_TOKEN", "DATABRICKS_WAREHOUSE_ID"):
        monkeypatch.delenv(name, raising=False)
    ran = run_cli("extract", *arguments)
    assert (ran.exit_code, ran.stdout) == (code, "")
    assert said in ran.stderr


def test_a_missing_package_says_what_to_install(run_cli: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    (blocked / "databricks").mkdir(parents=True)
    (blocked / "databricks" / "__init__.py").write_text("raise ImportError('not installed')\n")
    monkeypatch.syspath_prepend(str(blocked))
    monkeypatch.setenv("DATABRICKS_WAREHOUSE_ID", "x")
    ran = run_cli("extract", "databricks", "--out", tmp_path)
    assert ran.exit_code == 1
    assert "pip install 'tokenop[databricks]'" in ran.stderr


def test_one_source_that_fails_does_not_stop_the_next(workspace: Workspace, run_cli: Run) -> None:
    ran = run_cli("extract", "litellm", "databricks", *DAY, "--json")
    told = json.loads(ran.stdout)
    assert ran.exit_code == 1
    assert [entry["collector"] for entry in told["failed"]] == ["litellm"]
    assert [entry["collector"] for entry in told["extracted"]] == ["databricks"]


def test_nothing_granted_at_all_is_no_success(workspace: Workspace, run_cli: Run) -> None:
    workspace.db.execute("DROP TABLE dbx.ai_gateway.usage")
    ran = run_cli("extract", "databricks", *DAY, "--stream", "gateway")
    assert ran.exit_code == 3
    assert "nothing could be read" in ran.stderr
    assert "GRANT SELECT ON TABLE system.ai_gateway.usage" in ran.stderr


def test_help_is_quick_and_has_examples(run_cli: Run) -> None:
    ran = run_cli("extract", "--help")
    assert "tokenop extract snowflake --dry-run" in ran.stdout
