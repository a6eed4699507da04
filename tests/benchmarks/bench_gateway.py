"""What the gateway costs beside nothing, beside the least that a gateway can be, and beside LiteLLM's proxy.

Run it with `python -m tests.benchmarks.bench_gateway [--rounds 3] [--seconds 6] [--caches FOLDER] [--without NAME]`
from the repository. All servers stand before the same upstream on this machine, which answers at once; ours has
routing, budgets and the log on. Each round asks all of them in turn, so that a busy machine slows all alike; figures
are medians of the rounds, and processor time a call is what a busy machine disturbs least. LiteLLM is installed from
PyPI into an environment of its own, once, below the folder of caches. Where there are two cores and `taskset`, servers
run on one and load with the upstream on the other.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.benchmarks import gateway_servers as servers
from tests.benchmarks.gateway_load import ANTHROPIC, Load, first_words, load
from tests.benchmarks.gateway_servers import Server

MOST_ADDED_MS = 0.5
LEAST_OF_LITELLM, LEAST_OF_PASSTHROUGH = 40.0, 0.7
MOST_MB, MOST_SECONDS = 100.0, 1.0
STREAMED_CALLS = 200
# What LiteLLM takes to answer these few is enough to know it.
FEW_STREAMED_CALLS = 40

Figures = dict[str, dict[str, list[float]]]


def measured(server: Server, seconds: float) -> dict[str, float]:
    """Return one round's figures of a server."""
    one = load(server, 1, seconds)
    before = servers.processor_seconds(server.pid)
    many = load(server, 16, seconds)
    busy = servers.processor_seconds(server.pid) - before
    streams = load(server, 16, seconds / 2, stream=True)
    claude = load(server, 1, seconds / 2, ANTHROPIC)
    calls = FEW_STREAMED_CALLS if server.name == "litellm" else STREAMED_CALLS
    first, whole = first_words(server, calls)
    for asked in (one, many, streams, claude):
        _all_good(server, asked)
    return {
        "c1_p50_ms": one.p50_ms,
        "c1_p99_ms": one.p99_ms,
        "c1_anthropic_p50_ms": claude.p50_ms,
        "c16_rps": many.rps,
        "c16_p99_ms": many.p99_ms,
        "c16_processor_us_a_call": busy / many.calls * 1e6,
        "c16_streams_rps": streams.rps,
        "stream_first_event_ms": first,
        "stream_whole_ms": whole,
        "resident_mb": servers.resident(server.pid),
    }


def _all_good(server: Server, asked: Load) -> None:
    if asked.bad:
        sys.exit(f"{server.name}: {asked.bad} calls went wrong, so that its figures say nothing")


@contextlib.contextmanager
def all_of(names: Sequence[str], folder: Path, caches: Path) -> Iterator[list[Server]]:
    """Start all servers and end them."""
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(servers.stub(servers.free_port()))
        started = [upstream]
        if "passthrough" in names:
            started.append(stack.enter_context(servers.passthrough(upstream.port)))
        if "litellm" in names:
            started.append(stack.enter_context(servers.litellm(upstream.port, folder, caches)))
        if "tokenop" in names:
            started.append(stack.enter_context(servers.gateway(upstream.port, folder)))
        for server in started:
            load(server, 4, 1.0)  # warm
        yield started


def ready(names: Sequence[str], rounds: int, folder: Path, caches: Path) -> dict[str, list[float]]:
    """Return the seconds from start to first answer, each server started anew each round."""
    found: dict[str, list[float]] = {name: [] for name in names}
    with servers.stub(servers.free_port()) as upstream:
        for number in range(rounds):
            for name in names:
                own = folder / f"ready-{number}"
                starting = {
                    "passthrough": lambda: servers.passthrough(upstream.port),
                    "litellm": lambda own=own: servers.litellm(upstream.port, own, caches),
                    "tokenop": lambda own=own: servers.gateway(upstream.port, own),
                }[name]
                with starting() as server:
                    found[name].append(server.seconds)
    return found


def verdicts(median: dict[str, dict[str, float]]) -> dict[str, dict[str, object]]:
    """Return the figures that were promised, and whether they are met."""
    ours = median["tokenop"]
    promised: dict[str, tuple[float, float, bool]] = {
        "added_p50_ms_c1": (ours["c1_p50_ms"] - median["direct"]["c1_p50_ms"], MOST_ADDED_MS, True),
        "resident_mb": (ours["resident_mb"], MOST_MB, True),
        "ready_seconds": (ours["ready_seconds"], MOST_SECONDS, True),
    }
    for name, least in (("litellm", LEAST_OF_LITELLM), ("passthrough", LEAST_OF_PASSTHROUGH)):
        if name in median:
            promised[f"c16_rps_times_{name}"] = (ours["c16_rps"] / median[name]["c16_rps"], least, False)
    return {
        name: {"is": round(value, 3), "at_most" if most else "at_least": limit, "met": (value <= limit) == most}
        for name, (value, limit, most) in promised.items()
    }


def in_processor_time(median: dict[str, dict[str, float]]) -> dict[str, float]:
    """Return how many of our calls one call of each other server is worth in processor time at 16 connections."""
    ours = median["tokenop"]["c16_processor_us_a_call"]
    others = {name: each["c16_processor_us_a_call"] for name, each in median.items() if name != "tokenop"}
    return {name: round(used / ours, 3) for name, used in others.items()}


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--caches", type=Path, default=servers.caches(), help="where LiteLLM's environment is kept")
    parser.add_argument("--without", action="append", default=[], choices=["litellm", "passthrough"])
    asked = parser.parse_args()
    names = [name for name in ("passthrough", "litellm", "tokenop") if name not in asked.without]
    rounds: Figures = {name: {} for name in ("direct", *names)}
    with tempfile.TemporaryDirectory(prefix="tokenop-bench-") as made:
        folder = Path(made)
        for name, seconds in ready(names, asked.rounds, folder, asked.caches).items():
            rounds[name]["ready_seconds"] = seconds
        with all_of(names, folder, asked.caches) as started:
            for _ in range(asked.rounds):
                for server in started:
                    for figure, value in measured(server, asked.seconds).items():
                        rounds[server.name].setdefault(figure, []).append(value)
    median = {name: {key: statistics.median(of) for key, of in each.items()} for name, each in rounds.items()}
    pins = {servers.LOAD_CORE, servers.SERVER_CORE} <= os.sched_getaffinity(0) and bool(shutil.which("taskset"))
    how = {"rounds": asked.rounds, "seconds": asked.seconds, "load": "wrk" if shutil.which("wrk") else "asyncio"}
    shown = {name: {key: round(value, 3) for key, value in each.items()} for name, each in median.items()}
    report = {**how, "pinned": pins, "litellm": servers.LITELLM, "servers": shown, "promised": verdicts(median)}
    report["times_in_processor_time"] = in_processor_time(median)
    sys.stdout.write(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
