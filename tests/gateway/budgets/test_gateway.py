"""A gateway as users run it refuses what does not fit, also after it was killed."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from tests.conftest import Ran
from tests.gateway import running
from tests.gateway.running import Gateway
from tests.gateway.upstream import Upstream


def ask(gateway: Gateway, most: int) -> tuple[int, dict[str, str], dict[str, object]]:
    """Ask for so many tokens at most; return status, headers and body."""
    body = {"model": "auto", "max_tokens": most, "messages": [{"role": "user", "content": "hello"}]}
    headers = {"content-type": "application/json", "x-tokenop-user": "ana"}
    request = urllib.request.Request(f"{gateway.url}/v1/chat/completions", json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, {k.lower(): v for k, v in answer.headers.items()}, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, {k.lower(): v for k, v in error.headers.items()}, json.loads(error.read())


def test_a_limit_holds_over_a_kill_and_is_that_of_the_log(
    tmp_path: Path, up: Upstream, run_cli: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    budgets = {"a-person": {"per": "user", "period": "month", "tokens": 300}}
    with running.gateway(tmp_path, running.config(up, budgets=budgets), "--durable") as first:
        status, _, _ = ask(first, 200)
        assert status == 200
        status, headers, said = ask(first, 295)
        assert status == 429
        assert "budget a-person" in str(said["error"])
        assert int(headers["retry-after"]) > 0
        spent = sum(row["input_tokens"] + row["output_tokens"] for row in first.events())
        cost = sum(Decimal(str(row["cost_usd"])) for row in first.events())
        assert spent > 0
        first.process.kill()
        first.process.wait()
        again = running.begin(tmp_path, "--config", str(tmp_path / "project" / "test.yaml"))
        try:
            assert ask(again, 295)[0] == 429
            monkeypatch.setenv("TOKENOP_HOME", str(tmp_path / "home"))
            monkeypatch.setenv(running.KEY, "x")
            config = str(tmp_path / "project" / "test.yaml")
            ran = run_cli("budgets", "--json", "--config", config, cwd=tmp_path / "project")
        finally:
            assert running.end(again) == 0
    found = json.loads(ran.stdout)
    (person,) = found["limits"]
    assert (person["subject"], person["spent_tokens"], person["reserved_tokens"]) == ("ana", spent, 0)
    assert Decimal(str(person["spent_usd"])) == cost
    assert found["processes"] == 1
