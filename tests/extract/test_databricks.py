"""Databricks: the real SDK against a workspace on this machine that runs each statement for real."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.extract.running import HERE, extract, rows
from tests.extract.servers.databricks_server import TOKEN, WAREHOUSE, Workspace, unavailable
from tests.extract.servers.loopback import Answer, Server
from tokenop.collect import manifest
from tokenop.errors import InputError
from tokenop.extract.model import ExtractError, MissingCredentials, StreamUnavailable, Window
from tokenop.extract.sources import databricks

MANIFEST = manifest.load(HERE / "data" / "databricks")
assert MANIFEST.extract
GATEWAY, ENTITIES, ENDPOINTS = MANIFEST.extract.streams
DAY = Window(datetime(2026, 8, 25, tzinfo=UTC), datetime(2026, 8, 26, tzinfo=UTC))


@dataclass
class Here:
    workspace: Workspace
    server: Server
    waits: list[tuple[float, str]]
    environment: dict[str, str]

    def open(self) -> Any:
        return databricks.open(MANIFEST, {}, self.environment, lambda *wait: self.waits.append(wait))

    def read(self, stream: Any = GATEWAY, window: Window = DAY) -> list[dict[str, Any]]:
        session = self.open()
        try:
            return [row for page in session.pages(stream, window) for row in page]
        finally:
            session.close()


@pytest.fixture
def here(
    serve: Callable[[object], Server], waits: list[tuple[float, str]], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Here]:
    workspace = Workspace()
    server = serve(workspace)
    environment = {"DATABRICKS_HOST": server.url, "DATABRICKS_TOKEN": TOKEN, "DATABRICKS_WAREHOUSE_ID": WAREHOUSE}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    yield Here(workspace, server, waits, environment)
    workspace.db.close()


def test_chunks_of_a_result_are_followed_to_the_last(here: Here) -> None:
    here.workspace.gateway(95)
    found = here.read()
    assert [row["invocation_id"] for row in found] == [f"inv-{n}" for n in range(95)]
    assert sum("/result/chunks/" in got.path for got in here.server.got) == 9


def test_maps_come_as_json_text_and_prompts_do_not_come(here: Here) -> None:
    here.workspace.gateway(1)
    (row,) = here.read()
    assert row == {
        "event_time": "2026-08-25T00:00:00.000Z", "invocation_id": "inv-0", "destination_model": "claude-sonnet-4-5",
        "request_tags": '{"team": "support"}', "input_tokens": "1000", "output_tokens": "10", "service_type": "MODEL",
    }  # fmt: skip
    assert "prompt" not in here.workspace.statements[0][0]


def test_a_slice_has_its_first_moment_and_not_its_last(here: Here) -> None:
    here.workspace.gateway(0)
    for second in ("2026-08-24 23:59:59.999", "2026-08-25 00:00:00", "2026-08-25 23:59:59.999", "2026-08-26 00:00:00"):
        here.workspace.calls(1, second, "1 second", prefix=second)
    assert [row["event_time"] for row in here.read()] == ["2026-08-25T00:00:00.000Z", "2026-08-25T23:59:59.999Z"]


def test_a_warehouse_that_wakes_up_is_waited_for(here: Here) -> None:
    here.workspace.gateway(3)
    here.workspace.polls = 3
    assert len(here.read()) == 3
    assert [reason for _, reason in here.waits] == ["the warehouse is working"] * 3


def test_retry_after_is_waited_for_in_full(here: Here) -> None:
    here.workspace.gateway(3)
    here.server.faults += [None, unavailable(429, "7"), unavailable(503, "11")]
    assert len(here.read()) == 3
    assert [seconds for seconds, _ in here.waits] == [7.0, 11.0]


def test_server_errors_and_broken_connections_are_tried_again_with_growing_pauses(here: Here) -> None:
    here.workspace.gateway(3)
    broken = Answer(200, {"statement_id": "x"}, cut=3)
    here.server.faults += [None, Answer(500, {"error_code": "INTERNAL_ERROR", "message": "x"}), broken, broken]
    assert len(here.read()) == 3
    pauses = [seconds for seconds, _ in here.waits]
    assert len(pauses) == 3
    assert 0.5 <= pauses[0] <= 1 <= pauses[1] <= 2 <= pauses[2] <= 4


def test_a_connection_that_breaks_between_chunks_loses_and_repeats_nothing(here: Here) -> None:
    here.workspace.gateway(60)
    here.server.faults += [None, None, Answer(200, {}, cut=1), None, unavailable(503, "1"), None]
    assert [row["invocation_id"] for row in here.read()] == [f"inv-{n}" for n in range(60)]


def test_a_source_that_keeps_failing_ends_with_its_name_and_no_token(here: Here) -> None:
    here.workspace.gateway(3)
    here.server.faults += [None, *[unavailable(503, "1")] * 20]
    with pytest.raises(ExtractError, match=r"127\.0\.0\.1: stream gateway: answers") as raised:
        here.read()
    assert TOKEN not in str(raised.value)
    assert len(here.waits) == 7


def test_a_result_too_large_to_come_inline_is_asked_for_in_halves(here: Here) -> None:
    here.workspace.gateway(200)
    here.workspace.inline_rows = 30
    assert [row["invocation_id"] for row in here.read()] == [f"inv-{n}" for n in range(200)]


def test_a_minute_too_large_to_come_inline_is_an_error_and_not_a_part(here: Here) -> None:
    here.workspace.gateway(200, step="1 millisecond")
    here.workspace.inline_rows = 30
    with pytest.raises(ExtractError, match="more rows than one answer can hold"):
        here.read(window=Window(DAY.since, DAY.since + timedelta(minutes=2)))


def test_an_optional_column_that_this_workspace_lacks_is_left_out(here: Here) -> None:
    here.workspace.gateway(3)
    here.workspace.db.execute("ALTER TABLE dbx.ai_gateway.usage DROP COLUMN service_type")
    session = here.open()
    for _ in range(2):
        found = [row for page in session.pages(GATEWAY, DAY) for row in page]
        assert len(found) == 3
        assert "service_type" not in found[0]
    assert len(here.workspace.statements) == 3, "the lack is found out once"


def test_a_required_column_that_is_not_there_is_an_error(here: Here) -> None:
    here.workspace.gateway(3)
    here.workspace.db.execute("ALTER TABLE dbx.ai_gateway.usage DROP COLUMN input_tokens")
    with pytest.raises(ExtractError, match="input_tokens"):
        here.read()


def test_a_missing_table_says_which_grant_it_needs(here: Here) -> None:
    with pytest.raises(StreamUnavailable, match=r"system.serving.served_entities .*GRANT SELECT"):
        here.read(ENTITIES)


def test_a_refused_token_is_named_by_its_variable(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_TOKEN", "dapi-wrong")
    with pytest.raises(ExtractError, match="DATABRICKS_TOKEN") as raised:
        here.read()
    assert "dapi-wrong" not in str(raised.value)
    assert not isinstance(raised.value, StreamUnavailable)


def test_a_list_of_endpoints_keeps_declared_keys_only(here: Here) -> None:
    found = here.read(ENDPOINTS)
    assert [set(row) for row in found] == [{"name", "config"}]


@pytest.mark.parametrize(
    ("lacking", "named"),
    [("DATABRICKS_HOST", "DATABRICKS_HOST"), ("DATABRICKS_WAREHOUSE_ID", "DATABRICKS_WAREHOUSE_ID"),
     ("DATABRICKS_TOKEN", "DATABRICKS_TOKEN")],
)  # fmt: skip
def test_what_is_not_set_is_named(here: Here, monkeypatch: pytest.MonkeyPatch, lacking: str, named: str) -> None:
    monkeypatch.delenv(lacking)
    del here.environment[lacking]
    with pytest.raises(MissingCredentials, match=named):
        here.open()


def test_the_host_may_come_from_a_profile(here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here.workspace.gateway(3)
    profile = tmp_path / "databrickscfg"
    profile.write_text(f"[DEFAULT]\nhost = {here.server.url}\ntoken = {TOKEN}\n")
    for name in ("DATABRICKS_HOST", "DATABRICKS_TOKEN"):
        monkeypatch.delenv(name)
        del here.environment[name]
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(profile))
    here.environment["DATABRICKS_CONFIG_FILE"] = str(profile)
    assert len(here.read()) == 3


def test_a_host_that_does_not_listen_is_told_at_once(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    here.environment["DATABRICKS_HOST"] = "http://127.0.0.1:9"
    before = datetime.now(UTC)
    with pytest.raises(ExtractError, match=r"127\.0\.0\.1 cannot be reached"):
        here.open()
    assert datetime.now(UTC) - before < timedelta(seconds=20), "the SDK alone would take five minutes"


def test_the_child_process_writes_every_slice_of_the_day(here: Here, tmp_path: Path) -> None:
    here.workspace.gateway(1440)
    here.workspace.db.execute(
        "CREATE TABLE dbx.serving.served_entities (served_entity_id INT, endpoint_name TEXT, change_time TIMESTAMP)"
    )
    here.workspace.db.execute("INSERT INTO dbx.serving.served_entities VALUES (1, 'support', '2025-01-01')")
    found = extract("databricks", tmp_path, here.environment)
    folder = tmp_path / "databricks"
    assert found.rows == 1442
    assert len(list((folder / "gateway").iterdir())) == 24
    assert [row["invocation_id"] for row in rows(folder, "gateway/*")] == [f"inv-{n}" for n in range(1440)]
    assert rows(folder, "entities/all.jsonl")[0]["change_time"] == "2025-01-01T00:00:00.000Z", "a look-up has no window"


def test_the_child_reaches_no_host_that_is_not_declared(here: Here, tmp_path: Path) -> None:
    profile = tmp_path / "databrickscfg"
    profile.write_text(f"[DEFAULT]\nhost = {here.server.url}\ntoken = {TOKEN}\n")
    environment = {"DATABRICKS_CONFIG_FILE": str(profile), "DATABRICKS_WAREHOUSE_ID": WAREHOUSE}
    with pytest.raises(InputError, match=r"127\.0\.0\.1: is not among the declared hosts"):
        extract("databricks", tmp_path, environment)
    assert not here.server.got
