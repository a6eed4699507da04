"""Snowflake: the real connector, in the real child process, against a server that speaks its protocol (fakesnow)."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.extract.running import HERE, ROOT, extract, rows, slices
from tokenop.collect import manifest
from tokenop.errors import InputError, MisuseError
from tokenop.extract.model import MissingCredentials, Window
from tokenop.extract.sources import snowflake as source

PASSWORD = "planted-secret-hunter2"
MANIFEST = manifest.load(HERE / "data" / "snowflake")
assert MANIFEST.extract
AI, AISQL, REST_STREAM, OWN = MANIFEST.extract.streams
DAY = Window(datetime(2026, 8, 25, tzinfo=UTC), datetime(2026, 8, 26, tzinfo=UTC))


class Account:
    """A server with tables, and what clients said to it."""

    def __init__(self, folder: Path, setup: str) -> None:
        statements = (HERE / "data" / setup).read_text().replace("\n   ", "").split(";\n")
        self._log = folder / "said.jsonl"
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(ROOT / "tests" / "extract" / "servers" / "snowflake_server.py")],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write("\n".join(statements) + "\n\n")
        self.process.stdin.flush()
        self.port = self.process.stdout.readline().strip()
        assert self.port, self._log.read_text()

    @property
    def environment(self) -> dict[str, str]:
        return {
            "SNOWFLAKE_ACCOUNT": "acme", "SNOWFLAKE_USER": "reader", "SNOWFLAKE_PASSWORD": PASSWORD,
            "SNOWFLAKE_HOST": "127.0.0.1", "SNOWFLAKE_PORT": self.port, "SNOWFLAKE_PROTOCOL": "http",
        }  # fmt: skip

    def said(self, path: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self._log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line["path"].endswith(path)]

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.close()
        self.process.stdout.close()


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    found = Account(tmp_path_factory.mktemp("account"), "account.sql")
    yield found
    found.stop()


@pytest.fixture(scope="module")
def extracted(account: Account, tmp_path_factory: pytest.TempPathFactory) -> Any:
    out = tmp_path_factory.mktemp("out")
    settings = {"view": "snowflake.account_usage.inference_usage"}
    return out / "snowflake", extract("snowflake", out, account.environment, settings=settings)


def test_functions_arrive_with_arrays_as_json_text_and_credits_exactly(extracted: Any) -> None:
    folder, _ = extracted
    (row,) = rows(folder, "ai_functions/*.jsonl")
    assert json.loads(row.pop("METRICS")) == [{"key": {"metric": "input", "unit": "tokens"}, "value": 1700}]
    assert row == {
        "QUERY_ID": "q1", "START_TIME": "2026-08-25T17:00:00Z", "FUNCTION_NAME": "AI_COMPLETE",
        "MODEL_NAME": "llama3.3-70b", "CREDITS": "0.002136000",
    }  # fmt: skip


def test_a_row_at_midnight_is_of_the_next_slice(extracted: Any) -> None:
    folder, _ = extracted
    assert "edge" not in (folder / "ai_functions" / "2026-08-25.jsonl").read_text()


def test_a_column_that_this_account_lacks_is_left_out(extracted: Any) -> None:
    folder, _ = extracted
    (row,) = rows(folder, "rest/*.jsonl")
    assert row["REQUEST_ID"] == "a1f0"
    assert json.loads(row["TOKENS_GRANULAR"])["cache_read_input"] == 9000
    assert "QUERY_TAG" not in row


def test_a_view_of_the_users_own_is_read_when_a_setting_names_it(extracted: Any) -> None:
    folder, _ = extracted
    (row,) = rows(folder, "own_view/*.jsonl")
    assert row == {"called_at": "2026-08-25T09:30:00Z", "model": "gpt-4", "input_tokens": 10, "output_tokens": 2}


def test_the_session_is_in_utc_and_tagged(extracted: Any, account: Account) -> None:
    parameters = account.said("login-request")[0]["parameters"]
    assert (parameters["TIMEZONE"], parameters["QUERY_TAG"]) == ("UTC", "tokenop")


def test_every_statement_is_a_select_of_named_columns_with_times_bound(extracted: Any, account: Account) -> None:
    for said in account.said("query-request"):
        assert said["sql"].startswith("SELECT ")
        assert "PROMPT" not in said["sql"]
        assert "*" not in said["sql"]
        assert "2026" not in said["sql"]
        assert [bind["value"] for bind in said["binds"].values()] == [
            "2026-08-25T00:00:00+00:00", "2026-08-26T00:00:00+00:00",
        ]  # fmt: skip


def test_the_password_is_in_no_file_that_the_run_left(extracted: Any) -> None:
    folder, found = extracted
    files = [path for path in folder.parent.rglob("*") if path.is_file()]
    assert len(files) > 4
    assert not [path for path in files if PASSWORD.encode() in path.read_bytes()]
    assert PASSWORD not in str(found)


def test_the_fallback_view_is_not_asked_where_the_new_one_has_rows(extracted: Any, account: Account) -> None:
    assert not [said for said in account.said("query-request") if "AISQL" in said["sql"]]


def test_an_old_account_is_read_from_the_fallback_and_says_what_is_missing(tmp_path: Path) -> None:
    old = Account(tmp_path, "old_account.sql")
    try:
        found = extract("snowflake", tmp_path / "out", old.environment)
    finally:
        old.stop()
    status = {stream.stream: stream.status for stream in found.streams}
    assert status == {"ai_functions": "unavailable", "aisql": "read", "rest": "unavailable", "own_view": "off"}
    assert [row["TOKENS"] for row in rows(tmp_path / "out", "**/aisql/*.jsonl")] == [500]
    assert len(found.notes) == 2
    assert all("GRANT IMPORTED PRIVILEGES" in note for note in found.notes)


def test_a_view_that_was_named_and_is_not_there_is_an_error(account: Account, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"DB\.S\.NOTHING is missing or not granted"):
        extract("snowflake", tmp_path, account.environment, streams=("own_view",), settings={"view": "DB.S.NOTHING"})


def test_a_refused_host_and_a_closed_port_name_the_host_and_no_password(tmp_path: Path) -> None:
    environment = {
        "SNOWFLAKE_ACCOUNT": "acme", "SNOWFLAKE_USER": "u", "SNOWFLAKE_PASSWORD": PASSWORD, "SNOWFLAKE_PORT": "9",
        "SNOWFLAKE_HOST": "127.0.0.1", "SNOWFLAKE_PROTOCOL": "http",
    }  # fmt: skip
    with pytest.raises(InputError, match=r"no login to 127\.0\.0\.1") as raised:
        extract("snowflake", tmp_path, environment)
    assert PASSWORD not in str(raised.value)
    assert slices(tmp_path) == {}


@pytest.mark.parametrize("body", [{}, {"success": True}, {"success": True, "data": None}])
def test_a_host_that_answers_something_else_is_an_error_and_no_bug(body: object, serve: Any, tmp_path: Path) -> None:
    environment = {
        "SNOWFLAKE_ACCOUNT": "acme", "SNOWFLAKE_USER": "u", "SNOWFLAKE_PASSWORD": PASSWORD,
        "SNOWFLAKE_PORT": str(serve(lambda got: body).port), "SNOWFLAKE_HOST": "127.0.0.1",
        "SNOWFLAKE_PROTOCOL": "http",
    }  # fmt: skip
    with pytest.raises(InputError, match=r"no login to 127\.0\.0\.1|127\.0\.0\.1: stream"):
        extract("snowflake", tmp_path, environment)


@pytest.mark.parametrize(
    "view", ["x; DROP TABLE y", "a.b.c.d", "a b", "read_csv('x')", 'a."b', "(SELECT 1)", "a--", ".a", 'a."b`c"']
)
def test_a_setting_that_is_no_name_of_a_view_is_refused(view: str) -> None:
    with pytest.raises(MisuseError, match=r"DATABASE\.SCHEMA\.VIEW"):
        source.requests(MANIFEST, OWN, DAY, {"view": view})


@pytest.mark.parametrize("view", ["V", "db.s.v", 'DB."my schema"."V;1"', "A$1.B.C"])
def test_a_setting_that_is_a_name_of_a_view_is_taken(view: str) -> None:
    (request,) = source.requests(MANIFEST, OWN, DAY, {"view": view})
    assert f" FROM {view} WHERE called_at >= " in request.target


def test_without_the_setting_the_stream_is_off() -> None:
    assert source.requests(MANIFEST, OWN, DAY, {"view": ""}) == ()


@pytest.mark.parametrize(
    ("given", "named"),
    [({}, "SNOWFLAKE_ACCOUNT"), ({"SNOWFLAKE_ACCOUNT": "a"}, "SNOWFLAKE_PASSWORD"),
     ({"SNOWFLAKE_ACCOUNT": "a", "SNOWFLAKE_PASSWORD": PASSWORD}, "SNOWFLAKE_USER")],
)  # fmt: skip
def test_what_is_not_set_is_named(given: dict[str, str], named: str) -> None:
    with pytest.raises(MissingCredentials, match=named) as raised:
        source.open(MANIFEST, {}, given, lambda *_: None)
    assert PASSWORD not in str(raised.value)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"SNOWFLAKE_USER": "u", "SNOWFLAKE_PASSWORD": "p"}, {"user": "u", "password": "p"}),
        ({"SNOWFLAKE_USER": "u", "SNOWFLAKE_PRIVATE_KEY_FILE": "/k.p8", "SNOWFLAKE_PRIVATE_KEY_FILE_PWD": "pw"},
         {"user": "u", "private_key_file": "/k.p8", "private_key_file_pwd": "pw", "authenticator": "SNOWFLAKE_JWT"}),
        ({"SNOWFLAKE_USER": "u", "SNOWFLAKE_AUTHENTICATOR": "externalbrowser"},
         {"user": "u", "authenticator": "externalbrowser"}),
    ],
)  # fmt: skip
def test_each_way_to_log_in_is_handed_to_the_connector(
    given: dict[str, str], expected: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _handed(monkeypatch, {"SNOWFLAKE_ACCOUNT": "acme", **given}) == {"account": "acme", **expected}


def test_a_connection_of_the_connectors_own_file_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "connections.toml").write_text('[work]\naccount = "acme"\n')
    given = {"SNOWFLAKE_HOME": str(tmp_path), "SNOWFLAKE_DEFAULT_CONNECTION_NAME": "work"}
    assert _handed(monkeypatch, given) == {"connection_name": "work"}


def _handed(monkeypatch: pytest.MonkeyPatch, given: dict[str, str]) -> dict[str, Any]:
    import snowflake.connector

    handed: dict[str, Any] = {}

    class Connection:
        host = "acme.snowflakecomputing.com"

    def connect(**arguments: Any) -> Connection:
        handed.update(arguments)
        return Connection()

    monkeypatch.setattr(snowflake.connector, "connect", connect)
    source.open(MANIFEST, {}, given, lambda *_: None)
    fixed = ("session_parameters", "paramstyle", "login_timeout", "network_timeout", "application")
    assert handed["session_parameters"]["TIMEZONE"] == "UTC"
    return {name: value for name, value in handed.items() if name not in fixed}
