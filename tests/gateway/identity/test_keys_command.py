"""`tokenop keys`, and that a running gateway follows it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.gateway import running
from tests.gateway.running import OPENAI, Gateway, until
from tests.gateway.upstream import Upstream
from tokenop.gateway.identity import keys

CALL = {"model": OPENAI, "messages": [{"role": "user", "content": "hello"}]}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TOKENOP_HOME", str(tmp_path))
    return tmp_path


def test_a_key_is_printed_once_alone_on_stdout(home: Path, run_cli: Callable[..., Any]) -> None:
    ran = run_cli("keys", "create", "--user", "ann", "--tenant", "acme", "--expires", "2999-12-31")
    assert ran.exit_code == 0
    text = ran.stdout.strip()
    (key,) = keys.load(home / "gateway").values()
    assert key.sha256 == keys.hashed(text)
    assert text not in ran.stderr
    listed = run_cli("keys", "list")
    assert text[15:] not in listed.stdout
    assert key.sha256 not in listed.stdout
    row = listed.stdout.splitlines()[1]
    assert all(word in row for word in (key.id, "ann", "acme", "2999-12-31", "active"))


def test_programs_get_json(home: Path, run_cli: Callable[..., Any]) -> None:
    made = json.loads(run_cli("keys", "create", "--user", "ann", "--department", "r", "--json").stdout)
    assert made["key"].startswith(f"tok_{made['id']}_")
    gone = json.loads(run_cli("keys", "revoke", made["id"], "--json").stdout)
    assert (gone["changed"], gone["revoked"] is not None) == (True, True)
    listed = json.loads(run_cli("keys", "list", "--json").stdout)
    (one,) = listed["keys"]
    assert (one["id"], one["state"], one["department"]) == (made["id"], "revoked", "r")
    assert "key" not in one
    assert "sha256" not in one


def test_no_keys_and_no_such_key_are_told(home: Path, run_cli: Callable[..., Any]) -> None:
    assert "There is no key" in run_cli("keys", "list").stdout
    ran = run_cli("keys", "revoke", "40665e1092")
    assert (ran.exit_code, "tokenop keys list" in ran.stderr) == (2, True)


@pytest.fixture(scope="module")
def served(up: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running.gateway(tmp_path_factory.mktemp("keys"), running.config(up)) as started:
        yield started


def test_a_running_gateway_follows_keys_and_no_provider_sees_one(served: Gateway, up: Upstream) -> None:
    with httpx.Client(base_url=served.url) as client:

        def ask(**headers: str) -> httpx.Response:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return client.post("/v1/chat/completions", json=CALL, headers=named)

        assert ask(authorization="Bearer sk-foreign").status_code == 200
        assert ask(origin="https://evil.example").status_code == 403
        key, text = keys.create(served.state, datetime.now(UTC), user="ann", tenant="acme")
        until(lambda: ask().status_code == 401)
        answer = ask(authorization=f"Bearer {text}", x_tokenop_user="root", x_tokenop_department="r")
        assert answer.status_code == 200
        (row,) = served.rows(answer.headers["x-tokenop-operation"])
        assert (row["user_id"], row["department"], row["tenant"]) == ("ann", "r", "acme")
        keys.revoke(served.state, key.id, datetime.now(UTC))
        until(lambda: ask(x_api_key=text).status_code == 401)
    for asked in up.asked:
        assert text not in str(asked)
        assert "sk-foreign" not in str(asked)
    said = (served.home.parent / "said.txt").read_text(encoding="utf-8")
    assert text not in said
    assert "sk-foreign" not in said
