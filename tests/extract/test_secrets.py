"""No credential is ever written or shown, whatever goes wrong."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from tests.extract.running import NOW, extract
from tests.extract.servers.databricks_server import TOKEN, WAREHOUSE, Workspace, unavailable
from tests.extract.servers.loopback import Got, RefusedError, Server
from tokenop.collect import manifest
from tokenop.errors import TokenOpError
from tokenop.extract import hiding, job, run

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
    hidden = hiding.secrets({
        "A_TOKEN": "abcd1234", "PRIVATE_KEY": "line-one-x\nline-two-y", "BASE_URL": "https://ana:pass-word@h.example.com",
        "KEY_FILE": "/home/ana/key.p8", "CLIENT_ID": "not-secret",
    })  # fmt: skip
    said = "abcd1234 line-two-y pass-word /home/ana/key.p8 not-secret"
    assert hiding.scrub(said, hidden) == "*** *** *** /home/ana/key.p8 not-secret"


def test_a_secret_of_a_vendors_own_file_is_shown_by_no_error(serve: Callable[[object], Server], tmp_path: Path) -> None:
    server = serve(lambda got: {} if got.path.startswith("/.well-known") else echo(got))
    (tmp_path / ".databrickscfg").write_text(f"[work]\nhost = {server.url}\ntoken = {TOKEN}\n")
    given = {
        "HOME": str(tmp_path), "DATABRICKS_HOST": server.url, "DATABRICKS_WAREHOUSE_ID": WAREHOUSE,
        "DATABRICKS_CONFIG_PROFILE": "work",
    }  # fmt: skip
    found = manifest.find("databricks")
    planned = run.new_job(found, tmp_path / "out", {}, (), None, None, NOW, environment=given)
    with pytest.raises(TokenOpError) as raised:
        run.run(found, planned, given)
    assert any(got.headers.get("authorization") == f"Bearer {TOKEN}" for got in server.got), "it was really sent"
    assert TOKEN not in str(raised.value)


def test_secrets_of_the_connectors_files_are_known(tmp_path: Path) -> None:
    (tmp_path / "connections.toml").write_text(
        '[default]\naccount = "acme"\npassword = "pa\\u0041ss-w0rd"\ntoken_file_path = "' + str(tmp_path / "t") + '"\n'
    )
    (tmp_path / "t").write_text("handed-out-token\n")
    found = hiding.secrets({"SNOWFLAKE_HOME": str(tmp_path)}, "snowflake-metering")
    assert {"paAss-w0rd", "handed-out-token"} <= set(found)
    assert "acme" not in found
    assert hiding.secrets({"SNOWFLAKE_HOME": str(tmp_path)}, "databricks") == ()


SPELT = "sk-canary-A+b/c=d&é0"


@pytest.mark.parametrize(
    "said",
    [SPELT, f"{quote(SPELT)} {SPELT}", quote(SPELT), quote_plus(SPELT),
     json.dumps({"k": SPELT}), f"cut off: {SPELT[:12]}",
     *(base64.b64encode(f"{before}{SPELT} and more".encode()).decode() for before in ("", "a", "ab", "user:"))],
)  # fmt: skip
def test_no_spelling_of_a_secret_is_said(said: str) -> None:
    shown = hiding.scrub(f"answered 400: {said}", hiding.spellings([SPELT]))
    assert "***" in shown
    assert "anary" not in shown
    assert "c=d" not in shown
    # of base64 at most the characters that the neighbours share remain
    assert not any(base64.b64encode(f"{'x' * n}{SPELT}".encode()).decode()[6:14] in shown for n in range(3))


def test_a_message_of_a_server_cannot_steer_the_terminal(serve: Callable[[object], Server], tmp_path: Path) -> None:
    def steering(got: Got) -> Any:
        if got.path.startswith("/.well-known"):
            return {}
        raise RefusedError(400, {"error_code": "BAD_REQUEST", "message": "\x1b]0;owned\x07\x1b[2J\u202ebad"})

    environment = {**PLANTED, "DATABRICKS_HOST": serve(steering).url, "DATABRICKS_WAREHOUSE_ID": WAREHOUSE}
    with pytest.raises(TokenOpError, match="owned") as raised:
        extract("databricks", tmp_path, environment)
    assert str(raised.value).isprintable()


@pytest.mark.parametrize("said", ["Bearer a1b2c3d4e5", 'Snowflake Token="v1:a1b2c3d4e5"', "eyJhbGciOiJI.eyJzdWIi.sig"])
def test_a_login_that_was_handed_out_meanwhile_is_not_said(said: str) -> None:
    assert "a1b2" not in hiding.scrub(said, ())
    assert "sdWI" not in hiding.scrub(said, ())


@pytest.mark.parametrize(
    "said", ["the token expired", "Basic authentication is off", "check DATABRICKS_TOKEN", "1 token left"]
)
def test_words_are_no_login(said: str) -> None:
    assert hiding.scrub(said, ()) == said


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
