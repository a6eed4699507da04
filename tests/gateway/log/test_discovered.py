"""Calls made through a gateway are found and planned for as those of any other source."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran
from tests.gateway.running import OPENAI, Gateway
from tokenop.gateway.log.reading import segments_of

Run = Callable[..., Ran]


def ask(gateway: Gateway, words: str, stream: bool) -> str:
    """Make one call; return the id of its operation."""
    body = {"model": OPENAI, "messages": [{"role": "user", "content": words}], "stream": stream}
    request = urllib.request.Request(
        f"{gateway.url}/v1/chat/completions", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        answer.read()
        return str(answer.headers["x-tokenop-operation"])


def test_calls_of_a_gateway_are_a_source_like_any_other(
    gateway: Gateway, tmp_path: Path, run_cli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {ask(gateway, f"secret words {n}", stream) for n in range(3) for stream in (False, True)}
    rows = {row["parent_id"]: row for operation in asked for row in gateway.rows(operation)}
    assert all({"prompt_hash", "prefix_hashes"} <= row.keys() and "prompt" not in row for row in rows.values())
    assert len({row["prompt_hash"] for row in rows.values()}) == 3
    assert b"secret words" not in b"".join(path.read_bytes() for path in gateway.state.rglob("*") if path.is_file())
    assert [found.live for found in segments_of(gateway.state / "log")] == [True]
    monkeypatch.setenv("TOKENOP_HOME", str(gateway.home))
    for command in (
        ("discover", "--out", "found"),
        ("plan", "--events", "found/events.jsonl"),
    ):
        ran = run_cli(*command, cwd=tmp_path)
        assert ran.exit_code == 0, ran.stderr
    found = [json.loads(line) for line in (tmp_path / "found" / "events.jsonl").read_text().splitlines()]
    assert asked <= {row["parent_id"] for row in found}
    assert {row["id"] for row in found} == {row["id"] for row in gateway.events()}
