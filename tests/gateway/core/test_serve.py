"""`tokenop serve` where it cannot serve, and how it leaves."""

from __future__ import annotations

import json
import signal
import socket
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran
from tests.gateway import running
from tests.gateway.upstream import STALL, Asked, Step, Upstream, hello

Run = Callable[..., Ran]


@pytest.mark.parametrize("option", ["--root", "--recordings"])
def test_a_folder_that_is_not_there_is_misuse(run_cli: Run, tmp_path: Path, option: str) -> None:
    ran = run_cli("serve", option, tmp_path / "none", cwd=tmp_path)
    assert ran.exit_code == 2
    assert option in ran.stderr


def test_a_port_that_is_taken_is_told_with_what_to_do(run_cli: Run, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ran = run_cli("serve", "--port", taken.getsockname()[1], cwd=tmp_path)
    assert ran.exit_code == 1
    assert "--port" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_an_address_that_others_reach_needs_a_key(run_cli: Run, tmp_path: Path) -> None:
    ran = run_cli("serve", "--host", "0.0.0.0", "--port", "0", cwd=tmp_path)
    assert ran.exit_code == 2
    assert "tokenop keys create" in ran.stderr


def test_on_sigterm_the_calls_under_way_are_answered_and_no_others(up: Upstream, tmp_path: Path) -> None:
    let_go = threading.Event()

    def held(asked: Asked) -> list[Step]:
        assert let_go.wait(10)
        return hello(asked)

    up.scripts["patient-held"] = held
    answers: list[tuple[int, bytes]] = []
    with running.gateway(tmp_path, running.config(up, ["patient-held"])) as gateway:
        body = json.dumps({"model": "auto", "messages": [{"role": "user", "content": "Hi"}]}).encode()
        headers = {"x-tokenop-intent": "patient-held-alone"}
        request = urllib.request.Request(f"{gateway.url}/v1/chat/completions", body, headers)

        def ask() -> None:
            with urllib.request.urlopen(request, timeout=20) as answer:
                answers.append((answer.status, answer.read()))

        caller = threading.Thread(target=ask)
        before = len(up.asked)
        caller.start()
        up.until(lambda: len(up.asked) > before)
        gateway.process.send_signal(signal.SIGTERM)
        running.until(lambda: not running.answers(gateway.port))
        assert gateway.process.poll() is None
        let_go.set()
        caller.join()
        assert gateway.process.wait(10) == 0
    assert [status for status, _ in answers] == [200]
    assert [row["status"] for row in gateway.events()] == ["ok"]


def test_what_does_not_end_in_time_is_broken_off_and_leaves_its_row(up: Upstream, tmp_path: Path) -> None:
    up.scripts["patient-stalled"] = lambda asked: [STALL]
    body = b'{"messages": [{"role": "user", "content": "Hi"}]}'
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n"
    with (
        running.gateway(tmp_path, running.config(up, ["patient-stalled"]), "--drain-seconds", "0") as gateway,
        socket.create_connection(("127.0.0.1", gateway.port)) as caller,
    ):
        before = len(up.asked)
        caller.sendall(f"{head}x-tokenop-intent: patient-stalled-alone\r\n\r\n".encode() + body)
        up.until(lambda: len(up.asked) > before)
        gateway.process.send_signal(signal.SIGTERM)
        assert gateway.process.wait(10) == 0
    assert [row["status"] for row in gateway.events()] == ["cancelled"]
