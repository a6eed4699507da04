"""Asking for pages: over real HTTP on this machine, and never a machine inside."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.conftest import ROOT


class Site:
    """A server with one answer a path, and the requests that came."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                site.asked.append((self.command, self.path))
                status, target = site.answer(self.command, self.path)
                self.send_response(status)
                if target:
                    self.send_header("Location", target)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_HEAD = _serve  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Stay silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.host = f"127.0.0.1:{self.server.server_port}"

    def answer(self, method: str, path: str) -> tuple[int, str]:
        match path:
            case "/here":
                return 200, ""
            case "/no-head":
                return (405, "") if method == "HEAD" else (200, "")
            case "/moved":
                return 301, "/here"
            case "/inside":
                return 302, "http://169.254.169.254/latest/meta-data"
            case "/file":
                return 301, "file:///etc/passwd"
            case "/round":
                return 302, "/round"
            case _:
                return 404, ""


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return importlib.import_module("check_links")


@pytest.fixture
def asker(script: ModuleType, site: Site) -> Any:
    return script.Asker(frozenset({site.host}), seconds=5, pause=0, sleep=lambda _: None)


def test_answers_are_those_of_the_server(asker: Any, site: Site) -> None:
    base = f"http://{site.host}"
    assert asker.ask(f"{base}/here").status == 200
    assert asker.ask(f"{base}/gone").status == 404
    moved = asker.ask(f"{base}/moved")
    assert (moved.status, moved.hops) == (200, ((301, f"{base}/here"),))
    assert asker.ask(f"{base}/round").error == "more than 5 redirects"


def test_a_server_that_refuses_head_is_asked_again_by_get(asker: Any, site: Site) -> None:
    assert asker.ask(f"http://{site.host}/no-head").status == 200
    assert site.asked == [("HEAD", "/no-head"), ("GET", "/no-head")]


@pytest.mark.parametrize(
    ("path", "why"), [("inside", "169.254.169.254, which is not public"), ("file", "http address")]
)
def test_a_redirect_to_the_inside_is_not_followed(asker: Any, site: Site, path: str, why: str) -> None:
    answer = asker.ask(f"http://{site.host}/{path}")
    assert answer.refused
    assert why in answer.error
    assert len(site.asked) == 1


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1/", "http://[::1]/", "http://10.1.2.3/", "http://192.168.0.1/", "http://169.254.169.254/",
     "http://[::ffff:10.0.0.1]/", "http://0.0.0.0/", "http://2130706433/", "http://127.0.0.1:8080/", "ftp://docs.vllm.ai/",
     "http://user:word@docs.vllm.ai/", "http:///path", "http://[64:ff9b::a00:1]/", "http://100.64.0.1/"],
)  # fmt: skip
def test_private_addresses_odd_ports_and_credentials_are_refused(script: ModuleType, url: str) -> None:
    def connect(*_: object) -> None:
        raise AssertionError("a connection was made")

    asker = script.Asker(pause=0, sleep=lambda _: None)
    asker._request = connect
    assert asker.ask(url).refused


def test_one_private_address_among_public_ones_refuses_the_host(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = [(2, 1, 6, "", (address, 443)) for address in ("93.184.216.34", "10.0.0.7")]
    monkeypatch.setattr(script.socket, "getaddrinfo", lambda *_, **__: entries)
    assert "10.0.0.7" in script.Asker(pause=0).ask("https://docs.vllm.ai/").error


def test_the_address_that_was_judged_is_the_one_that_is_connected_to(
    script: ModuleType, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [site.host.split(":")[0]]
    port = int(site.host.split(":")[1])
    # A name server that would say something else the second time.
    monkeypatch.setattr(script.socket, "getaddrinfo", lambda *_, **__: [(2, 1, 6, "", (answers.pop(), port))])
    monkeypatch.setattr(script.socket, "create_connection", connection_to_numbers_only(script.socket.create_connection))
    asker = script.Asker(frozenset({f"docs.vllm.ai:{port}"}), pause=0, sleep=lambda _: None)
    assert asker.ask(f"http://docs.vllm.ai:{port}/here").status == 200


def connection_to_numbers_only(real: Any) -> Any:
    import socket

    def connect(address: tuple[str, int], *rest: object) -> Any:
        assert address[0] == "127.0.0.1"
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        made.connect(address)
        return made

    return connect


def test_one_host_is_given_time_between_requests(script: ModuleType, site: Site) -> None:
    waits: list[float] = []
    asker = script.Asker(frozenset({site.host}), pause=7, sleep=waits.append, clock=lambda: 100.0)
    for _ in range(3):
        asker.ask(f"http://{site.host}/here")
    assert waits == [7.0, 14.0]


def test_nobody_there_is_no_page_gone(script: ModuleType, site: Site) -> None:
    site.server.server_close()
    asker = script.Asker(frozenset({site.host}), seconds=0.2, pause=0)
    answer = asker.ask(f"http://{site.host}/here")
    assert (answer.status, answer.refused) == (None, False)
    assert answer.error


def test_the_script_lists_places_writes_its_result_and_fails_on_a_page_gone(
    script: ModuleType, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "README.md").write_text(
        "[a](https://docs.vllm.ai/gone) [b](https://docs.vllm.ai/here)\n", encoding="utf-8"
    )
    assert script.main(["--list", "--root", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "README.md:1: https://docs.vllm.ai/gone"
    monkeypatch.setattr(script.Asker, "_once", lambda _, url: (404 if url.endswith("gone") else 200, None))
    assert script.main(["--out", str(tmp_path / "links.json"), "--root", str(tmp_path)]) == 1
    told = capsys.readouterr()
    assert told.out == "dead: https://docs.vllm.ai/gone (status 404): README.md:1\n"
    assert "1 dead, 1 alive" in told.err
    assert script.main(["--root", str(tmp_path / "nothing")]) == 3
