"""Programs that try to get out: each is contained for real, and told of.

Each attack runs twice: as it is, where the watch names it; and with the watch off, as if it had been tricked, where the
walls alone must hold.
"""

from __future__ import annotations

import json
import os
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from tests.evals.walls import needs_walls
from tokenop.evals.sandbox import running
from tokenop.evals.sandbox.running import Ended

pytestmark = needs_walls


def attack(code: str, watched: bool = True, **limits: Any) -> Ended:
    """Run the body of a function `go` in the sandbox."""
    source = "def go():\n" + textwrap.indent(textwrap.dedent(code), "    ")
    cases = [{"call": "go", "arguments": "[]"}]
    given = {"code": source, "harness": "", "defines": ["go"], "cases": cases}
    return running.run("calls", given, watched=watched, **limits)


def result(ended: Ended) -> Any:
    assert ended.gave is not None, ended
    return ended.gave["results"][0]


def raised(ended: Ended) -> list[str]:
    return list(result(ended).get("raised", ()))


def test_this_system_can_run_programs() -> None:
    assert running.trouble() is None


LIBC = "import ctypes; libc = ctypes.CDLL(None, use_errno=True)\n"


@pytest.mark.parametrize(
    ("code", "tried"),
    [
        ("import os\nreturn os.fork()", "start a process"),
        ("import subprocess\nreturn subprocess.run(['/bin/true']).returncode", "start a program"),
        ("import os\nos.execv('/bin/true', ['true'])", "start a program"),
        ("import os\nreturn os.system('true')", "start a program"),
        ("import os\nos.posix_spawn('/bin/true', ['true'], {})", "start a program"),
        ("import threading\nthreading.Thread(target=print).start()", "start a thread"),
        ("import socket\nsocket.socket()", "open the network"),
        ("import socket\nsocket.create_connection(('127.0.0.1', 9))", "open the network"),
        ("import os\nos.kill(os.getppid(), 9)", "send a signal"),
        ("import os\nos.killpg(os.getppid(), 9)", "send a signal"),
        ("import ctypes\nctypes.CDLL(None)", "reach behind Python"),
    ],
)  # fmt: skip
def test_processes_networks_and_signals_are_out_of_reach(code: str, tried: str) -> None:
    told = attack(code)
    if "threading" not in code or sys.version_info >= (3, 13):  # earlier ones do not tell of threads
        assert any(tried in one for one in told.tried), told
    if "ctypes" in code:
        return
    held = attack(code, watched=False)
    # Some do not come as far as the call that kills: what they need before it is refused.
    assert "system call that is not allowed" in (held.stopped or "") or "PermissionError" in raised(held), held


@pytest.mark.parametrize(
    "code",
    [
        "return libc.ptrace(16, 1, 0, 0)",
        "return libc.unshare(0x10000000)",
        "return libc.memfd_create(b'x', 0)",
        "return libc.syscall(425, 8, 0)",  # io_uring_setup: would open files behind the filter's back
        "return libc.kill(1, 0)",
        "return libc.vfork()",
    ],
)  # fmt: skip
def test_system_calls_that_no_answer_makes_kill_the_program(code: str) -> None:
    ended = attack(LIBC + code, watched=False)
    assert ended.stopped is not None, ended
    assert "system call that is not allowed" in ended.stopped


REFUSED = (
        "return libc.prctl(22, 0, 0, 0, 0)",  # no second filter
        "return libc.syscall(446, 3, 0)",  # no Landlock of its own
        "import array\nreturn libc.setrlimit(0, array.array('Q', [99, 99]).tobytes())",
        "return libc.chmod(b'/tmp', 0o777)",
        "return libc.unlink(b'/tmp/whatever')",
        "return libc.socket(2, 1, 0)",
        "return libc.socket(16, 3, 0)",
        "return libc.syscall(0x40000000 + 57)",  # fork in another numbering of the same machine
)  # fmt: skip


def test_other_system_calls_are_refused() -> None:
    bodies = [textwrap.indent(code, "    ") for code in REFUSED]
    functions = "".join(f"def one():\n{body}\ngave.append(one())\n" for body in bodies)
    ended = attack(f"{LIBC}gave = []\n{functions}return gave", watched=False)
    assert result(ended) == {"value": [-1] * len(REFUSED)}, ended


SECRETS = ["/etc/passwd", "/etc/shadow", "/proc/self/environ", "/proc/1/environ", "/proc/self/mem", "/dev/mem", "/"]


@pytest.mark.parametrize("path", [*SECRETS, "~", "/proc/{parent}/environ", "/proc/{parent}/mem", "/proc/{parent}/fd/0"])
def test_no_file_of_the_system_or_the_parent_can_be_read(path: str) -> None:
    path = path.replace("{parent}", str(os.getpid())).replace("~", str(Path.home()))
    opened = (
        f"import os\nreturn os.listdir({path!r}) if os.path.isdir({path!r}) else open({path!r}, 'rb').read(10).hex()"
    )
    told = attack(opened)
    assert told.tried == (f"{'list' if Path(path).is_dir() else 'open'} {path}",)
    held = attack(opened, watched=False)
    assert {"PermissionError", "FileNotFoundError"} & set(raised(held)), held


def test_no_file_beside_pythons_own_can_be_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("canary-8c1f")
    code = f"return open({str(secret)!r}).read()"
    assert attack(code).tried == (f"open {secret}",)
    assert "PermissionError" in raised(attack(code, watched=False))
    beside = [Path(pytest.__file__)]
    library = Path(json.__file__).parents[1]
    beside += [
        path for name in ("site-packages", "dist-packages") for path in (library / name).glob("*.*") if path.is_file()
    ][:2]
    for installed in beside:
        code = f"return open({str(installed)!r}).read()"
        assert attack(code).tried == (f"open {installed}",)
        assert "PermissionError" in raised(attack(code, watched=False))
    up = "/..".join([""] * 20)
    around = f"import json, os\nreturn open(os.path.dirname(json.__file__) + {up + str(secret)!r}).read()"
    assert attack(around).tried
    assert "PermissionError" in raised(attack(around, watched=False))


def test_neither_the_environment_nor_the_arguments_tell_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROQ_API_KEY", "canary-4d2a")
    ended = attack("import os, sys\nreturn [dict(os.environ), sys.argv, os.getcwd()]")
    environment, arguments, folder = result(ended)["value"]
    assert environment == {}
    assert arguments == ["-c"]
    assert "canary" not in folder
    held = attack(
        LIBC + "libc.getenv.restype = ctypes.c_char_p\nreturn str(libc.getenv(b'GROQ_API_KEY'))", watched=False
    )
    assert result(held) == {"value": "None"}


@pytest.mark.parametrize("place", ["own", "temporary", "shared memory", "library"])
def test_the_disk_cannot_be_filled_not_even_the_own_folder(place: str, tmp_path: Path) -> None:
    name = f"tokenop-attack-{tmp_path.name}"
    folders = {"temporary": str(tmp_path), "shared memory": "/dev/shm", "library": str(Path(json.__file__).parent)}
    path = Path(folders.get(place, ""), name)
    code = f"with open({str(path)!r}, 'wb') as file:\n    file.write(b'x' * 1000)"
    try:
        assert attack(code).tried == (f"write {str(path)[:100]}",)
        assert "PermissionError" in raised(attack(code, watched=False))
        assert not path.exists()
    finally:
        if place != "own":
            path.unlink(missing_ok=True)


def test_a_loop_is_stopped_that_catches_everything_and_will_not_hear() -> None:
    code = """
        import signal
        for one in (signal.SIGXCPU, signal.SIGTERM): signal.signal(one, signal.SIG_IGN)
        while True:
            try:
                while True: pass
            except BaseException: pass
    """
    assert attack(code, seconds=1).stopped == "used more than 1 s of processor time"


def test_a_program_that_sleeps_is_stopped_by_the_clock() -> None:
    assert attack("import time\ntime.sleep(1000)", wall_seconds=0.3).stopped == "did not end in 0.3 s"


def test_a_program_that_eats_memory_gets_an_error_and_no_memory() -> None:
    ended = attack("return len(b'x' * (1 << 32))")
    assert "MemoryError" in raised(ended)
    grown = attack("rows = []\nwhile True: rows.append(bytearray(1 << 20))", memory_mb=200)
    assert "MemoryError" in raised(grown)


@pytest.mark.parametrize("code", ["os.write(3, b'x' * 65536)", "os.write(3, b'{}\\n' * 20000)"])
def test_output_without_end_is_cut(code: str) -> None:
    ended = attack(f"import os\nwhile True: {code}")
    assert ended.stopped == "gave more than 2 MB or 100 lines"


def test_many_short_lines_cost_the_parent_no_time() -> None:
    code = "import os\nrest = b'{}\\n' * 600_000\nwhile rest: rest = rest[os.write(3, rest):]\nos._exit(0)"
    before = time.process_time()
    assert attack(code).stopped == "gave more than 2 MB or 100 lines"
    assert time.process_time() - before < 0.3


def test_what_it_prints_goes_nowhere() -> None:
    ended = attack("import sys\nprint('x' * 10_000_000)\nsys.stderr.write('y' * 1000)\nreturn 1")
    assert result(ended) == {"value": 1}


def test_a_crash_and_an_early_end_are_told() -> None:
    assert attack("import os\nos._exit(0)").stopped == "ended without a result"
    assert attack(LIBC + "ctypes.string_at(1)", watched=False).stopped == "crashed (SIGSEGV)"
    assert raised(attack("import sys\nsys.exit(0)"))[0] == "SystemExit"
    assert raised(attack("return go()"))[0] == "RecursionError"


def test_a_program_may_use_pythons_own_libraries() -> None:
    code = """
        import asyncio, bisect, collections, csv, dataclasses, datetime, decimal, enum, fractions, functools, graphlib
        import gzip, hashlib, heapq, html, itertools, json, math, operator, random, re, statistics, string
        import textwrap, typing, unicodedata, uuid, zoneinfo
        moment = datetime.datetime(2026, 7, 1, 12, tzinfo=zoneinfo.ZoneInfo("UTC"))
        digest = hashlib.sha256(b"x").hexdigest()[:4]
        return [str(decimal.Decimal("0.1") + 1), digest, moment.year, uuid.uuid4().version]
    """
    ended = attack(code)
    assert result(ended) == {"value": ["1.1", "2d71", 2026, 4]}, ended
    assert ended.tried == ()


def test_a_program_may_print_its_stack_and_warn_of_its_callers() -> None:
    code = """
        import traceback, warnings
        traceback.print_stack()
        for level in range(1, 9): warnings.warn("old", DeprecationWarning, stacklevel=level)
        return len(traceback.format_stack()) > 1
    """
    ended = attack(code)
    assert result(ended) == {"value": True}
    assert ended.tried == ()


@pytest.mark.parametrize(
    ("code", "odd"),
    [
        ("return {1, 2}", "a set"),
        ("return float('nan')", "the number nan"),
        ("return 1 << 100_000", "a number with too many digits to compare"),
        ("return 'x' * 1_000_000", "a text too long to compare"),
        ("x = []\nx.append(x)\nreturn x", "a value too large or too deep to compare"),
        ("return [0] * 10_000_000", "a value too large or too deep to compare"),
        ("return (one for one in [1])", "a generator"),
    ],
)
def test_odd_results_are_named_and_never_compared(code: str, odd: str) -> None:
    assert result(attack(code)) == {"odd": odd}


def test_a_program_cannot_pretend_to_be_something_else_by_its_own_words() -> None:
    lines = json.dumps({"refused": "no sandbox here"}) + "\n" + json.dumps({"ready": True}) + "\n"
    ended = attack(f"import os\nos.write(3, {lines.encode()!r})\nreturn 1")
    assert ended.unusable is None
    assert result(ended) == {"value": 1}
