"""Processes that are killed at any moment lose no more than was promised, and leave a log that reads well."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
import warnings
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.gateway.log.events import ids, ids_one_by_one
from tokenop.gateway.log import reading
from tokenop.gateway.log.repairing import repair

PROMISED_SECONDS = 0.05
ENV = {**os.environ, "PYTHONPATH": str(ROOT)}


def start(folder: Path, how: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.gateway.log.writer", str(folder), how], stdout=subprocess.PIPE, cwd=ROOT, env=ENV
    )


def killed(process: subprocess.Popen[bytes], after: int) -> tuple[list[list[str]], float]:
    """Kill the process once it said `after` lines; return the words of all whole lines, and when it was killed."""
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(after)]
    process.send_signal(signal.SIGKILL)
    moment = time.monotonic()
    said += process.stdout.readlines()
    process.wait()
    return [line.decode().split() for line in said[1:] if line.endswith(b"\n")], moment


@pytest.mark.parametrize("processes", [1, 3])
def test_of_what_was_settled_nothing_is_lost(tmp_path: Path, processes: int) -> None:
    seed = random.randrange(2**32)
    draw = random.Random(seed)
    with ExitStack() as stack:
        running = [stack.enter_context(start(tmp_path, "durable")) for _ in range(processes)]
        settled = {words[0] for one in running for words in killed(one, draw.randrange(2, 400))[0]}
    assert all(not found.live for found in reading.segments_of(tmp_path))
    before = ids_one_by_one(tmp_path)
    repair(tmp_path)
    assert repair(tmp_path) == []
    found = ids_one_by_one(tmp_path)
    assert {f"op{number}:1" for number in settled} <= found.keys(), seed
    assert set(found.values()) == {1}
    assert before == found
    assert ids(tmp_path) == sorted(found)


def test_by_default_at_most_the_last_moment_is_lost(tmp_path: Path) -> None:
    with start(tmp_path, "default") as process:
        said, moment = killed(process, random.randrange(2000, 8000))
    found = ids_one_by_one(tmp_path)
    lost = [float(when) for number, when in said if f"op{number}:1" not in found]
    # A machine that lets nobody run for a while delays the writing too: it is asked for a tenth of a second.
    assert not lost or moment - lost[0] < 2 * PROMISED_SECONDS
    repair(tmp_path)
    assert ids(tmp_path) == sorted(found)


def test_a_live_segment_is_known_as_live_and_left_alone(tmp_path: Path) -> None:
    with start(tmp_path, "durable") as process:
        assert process.stdout is not None
        for _ in range(3):
            process.stdout.readline()
        process.send_signal(signal.SIGSTOP)
        (found,) = reading.segments_of(tmp_path)
        assert found.live
        with found.path.open("ab") as other:
            other.write(b'{"torn')
        assert repair(tmp_path) == []
        process.send_signal(signal.SIGKILL)
        process.stdout.read()
    assert [(one.cut, one.torn) for one in repair(tmp_path)] == [(6, found.path.with_name(found.path.name + ".torn"))]


def test_a_forked_child_writes_to_a_segment_of_its_own_and_repeats_nothing(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        ran = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "tests.gateway.log.writer", str(tmp_path), "forking"],
            cwd=ROOT, env=ENV, check=True, capture_output=True, timeout=60,
        )  # fmt: skip
    assert ran.stderr == b""
    expected = {f"op{n}:1": 1 for n in (*range(100), *range(1000, 1100), *range(2000, 2100))}
    assert ids_one_by_one(tmp_path) == expected
    assert len(reading.segments_of(tmp_path)) == 2
