"""The gateway as its users run it: a process on a free port, its config and state in a folder of the test."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import ROOT
from tests.gateway.upstream import Upstream

KEY = "GATEWAY_TEST_API_KEY"
SECRET = "sk-provider-not-to-be-seen"
OPENAI, ANTHROPIC, GROQ, OLLAMA = "gpt-4o-mini", "claude-haiku-4-5", "llama-3.3-70b-versatile", "qwen2.5-coder:7b"
MODELS = (OPENAI, ANTHROPIC, GROQ, OLLAMA)

_META = """\
---
schema_version: 1
id: test
title: One upstream of this machine in four roles
status: draft
version: "1.0.0"
authors: [test]
created: "2026-11-22"
verified_on: "2026-11-22"
stale_after: "2099-01-01"
max_quality_drop: 0.01
golden_tiers: [T2]
---
"""


def config(upstream: Upstream, faults: Iterable[str] = (), **sections: Any) -> str:
    """Return a routing config of four tiers, each with one model of another wire; T2 (OpenAI's) is the default.

    A call with the intent `x` of `faults` goes to a model of that name, and then to T2; with the intent `x-alone` to
    that model and no other; `x-claude…` the same on Anthropic's wire. One called `refused` goes where nobody listens,
    one called `patient…` may take long. `sections` win over what stands here.
    """

    def tier(provider: str, model: str) -> dict[str, Any]:
        return {"provider_chain": [provider], "models": {provider: model}}

    return _META + json.dumps(
        {
            "mode": "route",
            "default_tier": "T2",
            "providers": providers(upstream),
            "tiers": {
                "T1": tier("ollama", OLLAMA),
                "T2": tier("openai", OPENAI),
                "T3": tier("groq", GROQ),
                "T4": tier("claude", ANTHROPIC),
            },
            "rules": {
                fault + kind: _rule(fault, kind)
                for fault in faults
                for kind in ("", "-alone", "-claude", "-claude-alone")
            },
            "asked": {"tiers": ["T1", "T2", "T3", "T4"], "models": "listed"},
            "timeouts": {"default": {"connect": 2, "first_token": 5, "total": 10}},
            "retry": {"attempts": 1, "budget": 3, "backoff_seconds": 0.01, "max_backoff_seconds": 0.05},
            "circuit_breaker": {"failures": 50, "window_seconds": 60, "open_seconds": 60},
            **sections,
        }
    )


def providers(upstream: Upstream) -> dict[str, Any]:
    """Return who is reached at `upstream`, by the names of the config."""
    reached = {
        "openai": ("openai-compatible", "openai/v1"),
        "claude": ("anthropic", "anthropic"),
        "groq": ("groq", "groq/openai/v1"),
        "ollama": ("ollama", "ollama"),
    }
    found: dict[str, Any] = {
        name: {"provider": provider, "base_url": f"{upstream.url}/{path}", "api_key_env": KEY}
        for name, (provider, path) in reached.items()
    }
    del found["ollama"]["api_key_env"]
    nobody = f"http://127.0.0.1:{free_port()}"
    found["openai-refused"] = {**found["openai"], "base_url": nobody}
    found["claude-refused"] = {**found["claude"], "base_url": nobody}
    return found


def _rule(fault: str, kind: str) -> dict[str, Any]:
    wire = ("claude" if "claude" in kind else "openai") + ("-refused" if fault == "refused" else "")
    rule: dict[str, Any] = {
        "when": f"intent = '{fault}{kind}'",
        "to": {"provider": wire, "model": fault},
        "fallback": "none" if "alone" in kind else "chain",
    }
    # All attempts together take no longer than the longest that one may: the first must leave time for the second.
    patient = {"first_token": 20, "total": 40}
    return {**rule, "timeouts": patient if fault.startswith("patient") else {"first_token": 0.2, "total": 0.3}}


@dataclass(slots=True)
class Gateway:
    """A running gateway. `state` is the folder of its log, keys and counts."""

    port: int
    home: Path
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def state(self) -> Path:
        return self.home / "gateway"

    def events(self) -> list[dict[str, Any]]:
        """Return all rows of the log that are on disk, in the order in which they were written."""
        segments = sorted((self.state / "log").rglob("*.jsonl"))
        return [
            json.loads(line) for path in segments for line in path.read_bytes().splitlines() if line.startswith(b"{")
        ]

    def rows(self, operation: str, attempts: int = 1) -> list[dict[str, Any]]:
        """Return the rows of an operation once there are so many; more than that are returned as well."""
        found: list[dict[str, Any]] = []

        def there() -> bool:
            found[:] = [event for event in self.events() if event["parent_id"] == operation]
            return len(found) >= attempts

        until(there)
        return sorted(found, key=lambda event: event["attempt"])

    def last(self, before: int, attempts: int = 1) -> list[dict[str, Any]]:
        """Return the rows that came after the first `before`, once there are so many."""
        until(lambda: len(self.events()) >= before + attempts)
        return self.events()[before:]


def until(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for what another process does. Raises AssertionError where it does not come."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.005)


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def answers(port: int) -> bool:
    """Return whether a gateway says that it is well."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        return b" 200 " in connection.recv(200)
    return False


@contextlib.contextmanager
def gateway(folder: Path, written: str, *words: str, env: Mapping[str, str] | None = None) -> Iterator[Gateway]:
    """Run `tokenop serve` in `folder` on the config `written`, until the block ends."""
    project = folder / "project"
    project.mkdir(parents=True, exist_ok=True)
    path = project / "test.yaml"
    path.write_text(written, encoding="utf-8")
    started = begin(folder, "--config", str(path), *words, env=env)
    try:
        yield started
    finally:
        end(started)


def begin(folder: Path, *words: str, port: int = 0, env: Mapping[str, str] | None = None) -> Gateway:
    """Start `tokenop serve` and wait until it answers. Raises AssertionError with what it said where it ends itself."""
    home, port = folder / "home", port or free_port()
    command = [sys.executable, "-m", "tokenop", "serve", "--port", str(port), *words]
    own = {"HOME": str(folder), "TOKENOP_HOME": str(home), "PYTHONPATH": str(ROOT), "NO_COLOR": "1", KEY: SECRET}
    with (folder / "said.txt").open("ab") as said:
        process = subprocess.Popen(
            command, cwd=folder / "project", env={"PATH": os.environ["PATH"], **own, **(env or {})}, stdout=said,
            stderr=said,
        )  # fmt: skip
    until(lambda: answers(port) or process.poll() is not None, 20.0)
    assert process.poll() is None, (folder / "said.txt").read_text(encoding="utf-8")
    return Gateway(port, home, process)


def end(started: Gateway) -> int:
    """End a gateway as an operator does, and return its exit code."""
    if started.process.poll() is None:
        started.process.send_signal(signal.SIGTERM)
    try:
        return started.process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        started.process.kill()
        started.process.wait()
        raise AssertionError("the gateway did not end within 15 s of SIGTERM") from None
