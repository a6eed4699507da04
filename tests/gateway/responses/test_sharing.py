"""What processes share on disk: through kill −9, torn lines, deleted files and full disks."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.gateway.responses.world import BOTH, EXACT, World, question
from tokenop.gateway.model import Settings
from tokenop.gateway.responses import reporting
from tokenop.gateway.responses.cache import Responses
from tokenop.gateway.responses.room import EVERY

ASKED = "What does it cost?"
KEEPS = """
import sys
from pathlib import Path
from tests.gateway.responses.world import EXACT, World
world = World(Path(sys.argv[1]), EXACT)
number = 0
while True:
    world.ask(f"question {number}", "answer " + "x" * 3000)
    number += 1
    if number == 30:
        sys.stdout.write("ready\\n")
        sys.stdout.flush()
"""
FULL = """
import resource, signal, sys
from pathlib import Path
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from tests.gateway.responses.world import EXACT, World
world = World(Path(sys.argv[1]), EXACT)
world.ask("first", "kept")
resource.setrlimit(resource.RLIMIT_FSIZE, (1500, resource.RLIM_INFINITY))
for number in range(5):
    assert world.ask(f"more {number}", "y" * 2000).cached == "miss"
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
world.ask("last", "kept")
assert world.said_of("first") == world.said_of("last") == "exact"
assert world.said_of("more 3") == "miss"
assert len(list(Path(sys.argv[1]).glob("cache/answers-*"))) == 1
sys.stdout.write(f"{len(world.told)} {world.told[0]}")
"""


def child(code: str, folder: Path) -> subprocess.Popen[str]:
    """Start a Python process that works in `folder`."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True, cwd=ROOT, env=env
    )


def test_answers_outlive_a_process_that_is_killed(tmp_path: Path) -> None:
    with child(KEEPS, tmp_path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGKILL)
    world = World(tmp_path, EXACT)
    for number in range(30):
        hit = world.look_up(world.call(f"question {number}"))
        assert hit is not None
        assert len(hit.response.text) == 3007


def test_a_torn_line_is_passed_over_and_nothing_else(tmp_path: Path) -> None:
    first = World(tmp_path, EXACT)
    first.ask("one")
    first.ask("two")
    (path,) = (tmp_path / "cache").glob("answers-*")
    whole = path.read_bytes()
    for cut in range(1, len(whole) - 1, 97):
        path.write_bytes(whole[:cut])
        again = World(tmp_path, EXACT)
        kept = [again.said_of(text) == "exact" for text in ("one", "two")]
        assert kept == [whole[:cut].count(b"\n") > at for at in (0, 1)]


@pytest.mark.parametrize(
    "line",
    [b"", b"\x00" * 50, b"{}", b'{"key": "zz", "at": 1}', b"[1]", b'{"key": 5}', b"\xff\xfe", b"[" * 5000,
     b'{"key": "00112233445566778899aabbccddeeff", "at": 1e12}'],
    ids=range(9),
)  # fmt: skip
def test_lines_of_nonsense_are_passed_over(tmp_path: Path, line: bytes) -> None:
    World(tmp_path, EXACT).ask(ASKED)
    (path,) = (tmp_path / "cache").glob("answers-*")
    path.write_bytes(line + b"\n" + path.read_bytes())
    (tmp_path / "cache" / "shadow-1-1.jsonl").write_bytes(line + b"\n")
    world = World(tmp_path, BOTH)
    assert world.said_of(ASKED) == "exact"
    assert world.said_of("Something else?") == "miss"


def test_a_process_finds_what_another_keeps(tmp_path: Path) -> None:
    world = World(tmp_path, BOTH)
    other = world.process()
    assert world.look_up(world.call(ASKED), other) is None
    world.ask(ASKED)
    assert world.look_up(world.call(ASKED), other) is None  # it has not looked again yet
    world.now += EVERY
    assert world.look_up(world.call(ASKED), other) is not None


def test_what_is_deleted_is_gone_from_all_processes_at_once(tmp_path: Path) -> None:
    world = World(tmp_path, EXACT)
    other = world.process()
    world.ask(ASKED, tenant="acme")
    world.ask(ASKED)
    assert world.look_up(world.call(ASKED), other) is not None
    assert reporting.clear(tmp_path / "cache") == 2
    assert world.look_up(world.call(ASKED), other) is None
    assert world.said_of(ASKED) == "miss"
    world.ask(ASKED)
    assert world.said_of(ASKED) == "exact"


def test_one_tenant_can_be_forgotten_alone(tmp_path: Path) -> None:
    world = World(tmp_path, EXACT)
    world.ask(ASKED, tenant="acme")
    world.ask(ASKED, tenant="other")
    world.ask("More?", tenant="acme")
    before = sum(path.stat().st_size for path in (tmp_path / "cache").iterdir())
    assert reporting.clear(tmp_path / "cache", "acme") == 2
    assert sum(path.stat().st_size for path in (tmp_path / "cache").iterdir()) < before / 2
    assert world.said_of(ASKED, tenant="acme") == "miss"
    world.now += EVERY
    assert world.said_of(ASKED, tenant="other") == "exact"  # its line stands in another file now
    assert world.look_up(world.call(ASKED, tenant="other"), world.process()) is not None


def test_old_files_and_more_than_fits_are_deleted(tmp_path: Path) -> None:
    world = World(tmp_path, {**EXACT, "ttl_seconds": 3600}, own={"cache": {"max_bytes": 4 * 1024 * 1024}})
    world.now = time.time()
    for number in range(60):
        world.ask(f"question {number}", "x" * 100_000)
        world.now += EVERY
    world.look_up(world.call("look"))
    files = sorted((tmp_path / "cache").glob("answers-*"))
    assert len(files) > 5
    assert sum(path.stat().st_size for path in files) <= 4 * 1024 * 1024
    assert world.said_of("question 59") == "exact"
    assert world.said_of("question 1") == "miss"
    world.now += 7200
    world.look_up(world.call("look"))
    assert not list((tmp_path / "cache").glob("answers-*"))


def test_a_full_disk_costs_answers_and_nothing_else(tmp_path: Path) -> None:
    with child(FULL, tmp_path) as process:
        out, _ = process.communicate()
    assert process.returncode == 0
    assert out.startswith("1 ")
    assert "answers cannot be kept: File too large" in out


def test_links_are_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    folder.mkdir()
    World(tmp_path / "elsewhere", EXACT).ask(ASKED)
    (path,) = (tmp_path / "elsewhere" / "cache").glob("answers-*")
    (folder / "answers-1-1.jsonl").symlink_to(path)
    assert World(tmp_path, EXACT).said_of(ASKED) == "miss"


def test_with_threads_of_its_own_it_keeps_finds_and_ends_in_order(tmp_path: Path) -> None:
    world = World(tmp_path, BOTH)

    async def through() -> list[str]:
        cache = Responses(Settings(tmp_path, tmp_path, {}), tell=world.told.append, wall=lambda: world.now)
        cache.begin(world.serving)
        said = []
        from tests.gateway.responses.world import answer, outcome

        for text in (ASKED, ASKED, "How do I pay?"):
            call = world.call(question(text))
            hit = await cache.look_up(call)
            said.append(call.cached)
            if hit is None:
                cache.keep(call, outcome(answer()))
            await asyncio.sleep(0)
        await cache.close()
        return said

    assert asyncio.run(through()) == ["miss", "exact", "miss"]
    assert world.said_of("How do I pay?") == "exact"
    assert list((tmp_path / "cache").glob("counts-*"))
    assert world.told == []


def test_a_gateway_that_begins_has_read_all_before_long(tmp_path: Path) -> None:
    world = World(tmp_path, EXACT)
    for number in range(450):
        world.ask(f"question {number}")

    async def begun() -> int:
        cache = Responses(Settings(tmp_path, tmp_path, {}), tell=world.told.append, wall=lambda: world.now)
        cache.begin(world.serving)
        async with asyncio.timeout(10):
            while cache.gauges()["cache_entries"] < 450:
                await asyncio.sleep(0.001)
        await cache.close()
        return 450

    assert asyncio.run(begun()) == 450
