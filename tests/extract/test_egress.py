"""The pin: real child processes, real servers on loopback. Nothing here asks a network."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import ROOT
from tokenop.errors import InputError, MisuseError
from tokenop.extract.egress import EgressError, Hosts, ProcessError, proxies

SNOWFLAKE = "*.snowflakecomputing.com"
# Names that the child's resolver knows, beside localhost, so that no test needs DNS. All of them are this machine.
NAMES = ("acme.snowflakecomputing.com", "evil.example.net", "api.example.com", "xn--bcher-kva.example.com")
PRELUDE = f"""
import _socket, json, socket, sys
real = _socket.getaddrinfo
def resolver(host, *rest, **named):
    if isinstance(host, str):
        sys.audit("socket.getaddrinfo", host, *rest[:1], 0, 0, 0)
        name = host.encode("idna").decode().lower().removesuffix(".")
        host = "127.0.0.1" if name in {NAMES!r} else host
        if host == "127.0.0.1":
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, int(rest[0])))]
    return real(host, *rest, **named)
_socket.getaddrinfo = resolver
from tokenop.extract.egress import EgressError, ProcessError, confine
job = json.loads(sys.argv[1])
port = job["port"]
def outcome(work):
    try:
        return work()
    except (EgressError, ProcessError) as error:
        return [type(error).__name__, getattr(error, "host", ""), str(error)]
    except OSError as error:
        return ["OSError", type(error).__name__, str(error)]
def get(host, scheme="http"):
    import http.client
    connection = http.client.HTTPConnection(host, port, timeout=20)
    connection.request("GET", "/")
    return connection.getresponse().read().decode()
confine(job["hosts"])
"""


class _Hello(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hello)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield int(server.server_address[1])
    server.shutdown()
    thread.join()
    server.server_close()


def run(port: int, hosts: list[str], code: str, environment: dict[str, str] | None = None) -> Any:
    """Run `code` in a child that is pinned to `hosts`; it assigns `found`, which is returned."""
    program = PRELUDE + textwrap.dedent(code) + "\nsys.stdout.write(json.dumps(found))\n"
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps({"port": port, "hosts": hosts})],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **(environment or {})},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_declared_host_is_reached_and_any_other_is_refused_with_its_name(port: int) -> None:
    found = run(
        port, ["localhost"], 'found = [outcome(lambda: get("localhost")), outcome(lambda: get("api.example.com"))]'
    )
    assert found[0] == "hello"
    kind, host, message = found[1]
    assert (kind, host) == ("EgressError", "api.example.com")
    assert "localhost" in message
    assert "`egress` in the collector's manifest" in message


def test_loopback_is_refused_unless_it_is_declared(port: int) -> None:
    code = 'found = [outcome(lambda h=h: get(h)) for h in ("127.0.0.1", "localhost", "::1", "0.0.0.0", "127.1")]'
    assert [entry[0] for entry in run(port, ["api.example.com"], code)] == ["EgressError"] * 5
    assert run(port, ["127.0.0.1"], 'found = get("127.0.0.1")') == "hello"


def test_an_address_is_reached_only_after_a_declared_name_resolved_to_it(port: int) -> None:
    code = """
        def connect(address):
            with socket.socket() as s:
                s.connect((address, port))
            return "connected"
        found = [outcome(lambda: connect("127.0.0.1")), outcome(lambda: get("api.example.com")),
                 outcome(lambda: connect("127.0.0.1")), outcome(lambda: connect("127.0.0.2"))]
    """
    before, named, after, other = run(port, ["api.example.com"], code)
    assert before[:2] == ["EgressError", "127.0.0.1"]
    assert (named, after) == ("hello", "connected")
    assert other[:2] == ["EgressError", "127.0.0.2"]


def test_a_suffix_opens_its_hosts_and_no_lookalike(port: int) -> None:
    code = """
        names = ["acme.snowflakecomputing.com", "ACME.SnowflakeComputing.COM.", "snowflakecomputing.com",
                 "evil-snowflakecomputing.com", "snowflakecomputing.com.evil.net", "evil.example.net"]
        found = [outcome(lambda h=h: get(h)) for h in names]
    """
    found = run(port, [SNOWFLAKE], code)
    assert found[:2] == ["hello", "hello"]
    assert [entry[0] for entry in found[2:]] == ["EgressError"] * 4


def test_a_name_of_other_letters_is_its_ascii_form(port: int) -> None:
    assert run(port, ["bücher.example.com"], 'found = get("xn--bcher-kva.example.com")') == "hello"
    assert run(port, ["xn--bcher-kva.example.com"], 'found = get("BÜCHER。example.com")') == "hello"


@pytest.mark.parametrize(
    "work",
    [
        'socket.create_connection(("evil.example.net", port))',
        'socket.socket().connect(("evil.example.net", port))',
        'socket.socket().connect_ex(("127.0.0.1", port))',
        'socket.socket(type=socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", port))',
        'socket.socket(type=socket.SOCK_DGRAM).sendmsg([b"x"], [], 0, ("127.0.0.1", port))',
        'socket.socket(socket.AF_INET6).connect(("::1", port))',
        'socket.socket(socket.AF_INET6).connect(("::ffff:127.0.0.1", port))',
        'socket.socket(socket.AF_UNIX).connect("/var/run/docker.sock")',
        'socket.socket(socket.AF_UNIX).bind("/nowhere/at/all")',
        'socket.socket().bind(("0.0.0.0", 0))',
        'socket.socket().bind(("", 0))',
        'socket.gethostbyname("secret.evil.example.net")',
        'socket.gethostbyname_ex("secret.evil.example.net")',
        'socket.gethostbyaddr("127.0.0.2")',
        'socket.getnameinfo(("127.0.0.2", port), 0)',
        'socket.getaddrinfo("evil.net\\0.declared.example.com", 443)',
        'socket.getaddrinfo(b"evil.example.net", 443)',
        'socket.getaddrinfo("", 443)',
        '__import__("urllib.request").request.urlopen(f"http://evil.example.net:{port}/")',
        '__import__("asyncio").run(__import__("asyncio").open_connection("evil.example.net", port))',
        '__import__("httpx").get(f"http://evil.example.net:{port}/")',
    ],
)
def test_no_way_around_the_pin_that_python_has(port: int, work: str) -> None:
    assert run(port, ["*.declared.example.com"], f"found = outcome(lambda: {work})")[0] == "EgressError"


@pytest.mark.parametrize(
    "work",
    [
        'subprocess.run(["/bin/true"])',
        'subprocess.Popen("true", shell=True)',
        'os.system("true")',
        'os.execv("/bin/true", ["true"])',
        'os.posix_spawn("/bin/true", ["true"], {})',
        'pty.spawn(["/bin/true"])',
        'multiprocessing.get_context("spawn").Process(target=len).start()',
    ],
)
def test_no_other_process_is_started(port: int, work: str) -> None:
    code = f"import multiprocessing, os, pty, subprocess\nfound = outcome(lambda: {work})"
    assert run(port, [], code)[0] == "ProcessError"


def test_a_program_that_a_fork_would_become_is_not_started(port: int) -> None:
    code = 'import os\nfound = os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", ""])'
    assert run(port, [], code) == 127  # what the fork leaves with when it may not become the program


def test_a_fork_is_pinned_too(port: int) -> None:
    code = """
        import os
        read, write = os.pipe()
        if not os.fork():
            os.write(write, outcome(lambda: get("evil.example.net"))[0].encode())
            os._exit(0)
        os.wait()
        found = os.read(read, 99).decode()
    """
    assert run(port, ["api.example.com"], code) == "EgressError"


def test_threads_are_pinned_and_may_use_declared_hosts(port: int) -> None:
    code = """
        from concurrent.futures import ThreadPoolExecutor
        names = ["api.example.com", "evil.example.net"] * 8
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda h: outcome(lambda: get(h)), names))
    """
    found = run(port, ["api.example.com"], code)
    assert found[::2] == ["hello"] * 8
    assert {entry[0] for entry in found[1::2]} == {"EgressError"}


def test_the_pin_cannot_be_widened(port: int) -> None:
    code = """
        confine(["evil.example.net", "127.0.0.1"])
        import socket as again
        again.getaddrinfo = real
        _socket.getaddrinfo = real
        found = [outcome(lambda h=h: get(h)) for h in ("evil.example.net", "127.0.0.1")]
    """
    assert [entry[0] for entry in run(port, ["api.example.com"], code)] == ["EgressError"] * 2


def test_the_standard_library_does_without_its_helper_programs(port: int) -> None:
    # platform.platform() asks `uname -p`, and SDKs put its answer in a header.
    assert (
        run(port, [], "import platform, uuid\nfound = [bool(platform.platform()), bool(uuid.getnode())]") == [True] * 2
    )


def test_a_proxy_that_the_environment_names_is_reached(port: int) -> None:
    proxy = {"HTTPS_PROXY": f"http://name:word@localhost:{port}", "NO_PROXY": ""}
    assert run(port, ["api.example.com"], 'found = get("localhost")', proxy) == "hello"
    assert run(port, ["api.example.com"], 'found = outcome(lambda: get("localhost"))')[0] == "EgressError"


def test_a_proxy_is_asked_for_declared_hosts_only(port: int) -> None:
    # Through a proxy the hook sees one address; a redirect that an SDK follows would take a login anywhere.
    code = """
    import requests, urllib.request
    proxies = {"http": f"http://localhost:{port}", "https": f"http://localhost:{port}"}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler(proxies))
    urls = ["http://api.example.com/x", "http://evil.example.net/x", "https://evil.example.net/x",
            "http://169.254.169.254/latest/meta-data", "http://api.example.com@evil.example.net/x"]
    def asked(get, url):
        found = outcome(lambda: str(get(url)))
        return found if isinstance(found, str) else found[0]
    found = [asked(lambda url: requests.get(url, proxies=proxies, timeout=20).text, url) for url in urls]
    found += [asked(lambda url: opener.open(url, timeout=20).read().decode(), url) for url in urls]
    """
    proxy = {"HTTPS_PROXY": f"http://localhost:{port}", "NO_PROXY": ""}
    assert run(port, ["api.example.com"], code, proxy) == ["hello", *["EgressError"] * 4] * 2


def test_proxies_are_read_as_clients_write_them() -> None:
    found = proxies(
        {"https_proxy": "proxy.example.com:3128", "ALL_PROXY": "socks5h://u:p@[::1]:1080", "HTTP_PROXY": "//"}
    )
    assert found == ("::1", "proxy.example.com")


@pytest.mark.parametrize(
    "pattern",
    ["", "*", "*.com", "*.0.0.1", "https://a.example.com", "a.example.com:443", "a b.com", "*.*.com", "a..b", "a/b"],
)
def test_a_pattern_that_is_no_host_is_misuse(pattern: str) -> None:
    with pytest.raises(MisuseError, match="egress"):
        Hosts([pattern])


@pytest.mark.parametrize(
    "host",
    [
        "a.example.com.evil.net",
        "evil-example.com",
        "example.com",
        "a.example.com\0",
        "a.example.com@evil.net",
        "a .example.com",
        "evil.net/.example.com",
        "a..example.com",
        ".example.com",
        "a.example.com..",
        None,
        7,
        b"\xff.example.com",
    ],
)
def test_a_suffix_does_not_match(host: object) -> None:
    assert not Hosts(["*.example.com"]).allows(host)


def test_addresses_are_compared_as_addresses() -> None:
    hosts = Hosts(["2001:db8::1", "10.0.0.7"])
    assert all(hosts.allows(host) for host in ("2001:DB8:0::1", "10.0.0.7", "::ffff:10.0.0.7", b"10.0.0.7"))
    assert not any(hosts.allows(host) for host in ("2001:db8::2", "10.0.0.70", "10.7", "010.0.0.7", "10.0.0.7%x"))


@given(st.text(max_size=40))
def test_whatever_a_suffix_allows_ends_in_it(host: str) -> None:
    hosts = Hosts([SNOWFLAKE])
    for name in (host, f"{host}.snowflakecomputing.com", f"{host}snowflakecomputing.com"):
        if hosts.allows(name):
            ascii_name = name.encode("idna").decode().lower().removesuffix(".")
            assert ascii_name.endswith(".snowflakecomputing.com")
            assert all(character.isalnum() or character in "-_." for character in ascii_name)


def test_errors_are_expected_ones_and_name_what_to_do() -> None:
    error = EgressError("evil.net", ["b.example.com", "a.example.com"])
    assert isinstance(error, InputError)
    assert (error.host, error.declared) == ("evil.net", ("a.example.com", "b.example.com"))
    refused = ProcessError("az")
    assert isinstance(refused, InputError)
    assert isinstance(refused, OSError)
    assert str(refused).startswith("az: is not started")
