"""No credential is ever written or shown, whatever goes wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.extract.running import extract
from tests.extract.servers.databricks_server import TOKEN, WAREHOUSE, Workspace, unavailable
from tests.extract.servers.loopback import Got, RefusedError, Server
from tokenop.errors import TokenOpError
from tokenop.extract import job

PLANTED = {
    "DATABRICKS_TOKEN": TOKEN,
    "AWS_SECRET_ACCESS_KEY": "planted-aws-wJalrXUtnFEMI",
    "OPENAI_ADMIN_KEY": "planted-sk-admin-12345",
    "SNOWFLAKE_PASSWORD": "planted-snowflake-pw",
    "SOMETHING_ELSE": "planted-unrelated-value",
}
SECRETS = [value.encode() for value in PLANTED.values()]


def echo(got: Got) -> Any:
    """Answer as a badly behaved server would: with the request's own credential in the error."""
    said = f"you sent {got.headers.get('authorization')}"
    raise RefusedError(400, {"error_code": "BAD_REQUEST", "message": said})


def failed_statement(got: Got) -> Any:
    if got.path.startswith("/.well-known"):
        return {"workspace_id": "1"}
    error = {"error_code": "BAD_REQUEST", "message": f"[PARSE_SYNTAX_ERROR] {got.headers.get('authorization')}"}
    return {"statement_id": "1", "status": {"state": "FAILED", "error": error}}


def odd_shape(got: Got) -> Any:
    return {"statement_id": got.headers.get("authorization"), "status": {"state": "SUCCEEDED"}}


def refused(got: Got) -> Any:
    raise RefusedError(401, {"error_code": "UNAUTHENTICATED", "message": got.headers.get("authorization")})


@pytest.mark.parametrize("answer", [echo, failed_statement, odd_shape, refused], ids=lambda answer: answer.__name__)
def test_an_error_at_any_stage_shows_and_writes_no_secret(
    answer: Callable[[Got], Any], serve: Callable[[object], Server], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    server = serve(answer)
    told: list[Any] = []
    environment = {**PLANTED, "DATABRICKS_HOST": server.url, "DATABRICKS_WAREHOUSE_ID": WAREHOUSE}
    with pytest.raises(TokenOpError) as raised:
        extract("databricks", tmp_path, environment, report=told.append)
    assert any(got.headers.get("authorization") == f"Bearer {TOKEN}" for got in server.got), "it was really sent"
    out, err = capfd.readouterr()
    everything = f"{raised.value!r}{raised.value}{json.dumps(told)}{out}{err}".encode()
    everything += b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert not [secret for secret in SECRETS if secret in everything]


def test_a_run_that_succeeds_writes_no_secret_either(serve: Callable[[object], Server], tmp_path: Path) -> None:
    workspace = Workspace()
    workspace.gateway(5)
    server = serve(workspace)
    server.faults += [None, unavailable(503, "1")]
    told: list[Any] = []
    environment = {**PLANTED, "DATABRICKS_HOST": server.url, "DATABRICKS_WAREHOUSE_ID": WAREHOUSE}
    extract("databricks", tmp_path, environment, report=told.append)
    everything = json.dumps(told).encode()
    everything += b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert not [secret for secret in SECRETS if secret in everything]
    assert {"wait"} <= {event["event"] for event in told}
    workspace.db.close()


def test_the_child_sees_the_variables_of_its_source_and_no_others() -> None:
    from tests.extract.test_databricks import MANIFEST

    given = {**PLANTED, "HOME": "/home/ana", "DATABRICKS_HOST": "x.example.com", "HTTPS_PROXY": "http://proxy:8080"}
    seen = job.child_environment(MANIFEST, given)
    assert seen == {
        "HOME": "/home/ana", "DATABRICKS_TOKEN": TOKEN, "DATABRICKS_HOST": "x.example.com", "TZ": "UTC",
        "HTTPS_PROXY": "http://proxy:8080",
    }  # fmt: skip


def test_secrets_are_taken_out_of_text_also_in_urls_and_many_lines() -> None:
    hidden = job.secrets({
        "A_TOKEN": "abcd1234", "PRIVATE_KEY": "line-one-x\nline-two-y", "BASE_URL": "https://ana:pass-word@h.example.com",
        "KEY_FILE": "/home/ana/key.p8", "CLIENT_ID": "not-secret",
    })  # fmt: skip
    said = "abcd1234 line-two-y pass-word /home/ana/key.p8 not-secret"
    assert job.scrub(said, hidden) == "*** *** *** /home/ana/key.p8 not-secret"


@pytest.mark.parametrize(
    ("value", "expected"),
    [("https://x.example.com/path", "x.example.com"), ("x.example.com", "x.example.com"),
     ("x.example.com:8443", "x.example.com"), ("http://127.0.0.1:80", "127.0.0.1"),
     ("https://ana:pw@x.example.com", "x.example.com"), ("[::1]:80", "::1")],
)  # fmt: skip
def test_the_host_of_a_variable_is_found_in_any_spelling(value: str, expected: str) -> None:
    assert job.host("X_HOST", value) == expected


@pytest.mark.parametrize("value", ["https://", "a b", "http://[", "*.example.com", "/path"])
def test_a_variable_without_a_host_is_named_and_not_repeated(value: str) -> None:
    with pytest.raises(TokenOpError, match="X_HOST") as raised:
        job.host("X_HOST", value)
    assert value not in str(raised.value).replace("https://example.com", "")
