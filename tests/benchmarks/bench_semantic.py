"""What a look-up in the cache of answers costs, alone and among many entries.

Run it with `python -m tests.benchmarks.bench_semantic [--entries 100000] [--queries 2000]` from the repository. All
entries lie in one partition: the worst case. Questions are drawn from words and come back changed a little, as people
ask them again. `found` compares the nearest entry with what comparing all vectors finds (recall@1). Times are medians
and 99th percentiles of processor time of one thread, in microseconds; a whole look-up makes the keys and the vector,
searches, and reads the answer.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from tests.gateway.responses.world import BOTH, EXACT, World, answer, outcome
from tokenop.gateway.responses.embedding import Hashed, packed
from tokenop.gateway.responses.keys import key_of
from tokenop.gateway.responses.learning import Sample

MOST_MILLISECONDS = 0.5
LEAST_FOUND = 0.99


def questions(number: int, seed: int = 6) -> list[str]:
    """Return questions of 6 to 14 words each, some words far more frequent than others."""
    rng = random.Random(seed)
    letters = "abcdefghijklmnoprstuvw"
    words = ["".join(rng.choices(letters, k=rng.randint(3, 9))) for _ in range(20_000)]
    weights = [1 / (rank + 10) for rank in range(len(words))]
    return [" ".join(rng.choices(words, weights, k=rng.randint(6, 14))) for _ in range(number)]


def again(text: str, rng: random.Random) -> str:
    """Return a question as somebody else asks it: two words changed places, one more, another ending."""
    words = text.split()
    at = rng.randrange(len(words) - 1)
    words[at], words[at + 1] = words[at + 1], words[at]
    return f"please {' '.join(words)}s"


def timed(do: Callable[[Any], object], over: list[Any]) -> dict[str, float]:
    """Return median and 99th percentile of one `do`, in microseconds."""
    took = []
    for one in over:
        begin = time.thread_time_ns()
        do(one)
        took.append((time.thread_time_ns() - begin) / 1000)
    return {"p50": round(statistics.median(took), 1), "p99": round(float(np.percentile(took, 99)), 1)}


def resident() -> float:
    """Return the resident memory of this process in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return float("nan")


def single(folder: Path, calls: int = 3000) -> dict[str, dict[str, float]]:
    """Return what one call costs, nothing else being kept: asked for what the providers' time is added to."""
    off, exact, both = World(folder / "off"), World(folder / "exact", EXACT), World(folder / "both", BOTH)
    texts = questions(calls)
    found = {"off": timed(off.look_up, [off.call(text) for text in texts])}
    found["exact miss"] = timed(exact.look_up, [exact.call(text) for text in texts])
    waiting = [exact.call(text) for text in texts]
    for call in waiting:
        exact.look_up(call)
    ended = outcome(answer("The answer is a sentence or two of text, as people get them. " * 8))
    held: list[Any] = []
    exact.cache._room._writer.write = lambda *what: held.append(what)
    found["keep"] = timed(lambda call: exact.cache.keep(call, ended), waiting)
    found["exact hit"] = timed(exact.look_up, [exact.call(text) for text in texts])
    for text in texts[:10]:
        both.ask(text)
    found["semantic miss"] = timed(both.look_up, [both.call(text) for text in texts[10:]])
    return found


def many(folder: Path, entries: int, queries: int) -> dict[str, Any]:
    """Return what a look-up costs among `entries` of one partition, and how often it finds the nearest."""
    world = World(folder, {**BOTH, "threshold": 0.75})
    world.ask(" ".join(["begin"] * 8))
    before = resident()
    texts, ended = questions(entries), outcome(answer("The answer is a sentence or two of text. " * 8))
    vectors = np.empty((entries, Hashed.DIMENSIONS), np.int8)
    begin = time.perf_counter()
    for at, text in enumerate(texts):
        call = world.call(text)
        world.cache.counts.missed += 1
        note = _noted(world, call)
        vectors[at] = np.frombuffer(packed(note.vector), np.int8)
        world.cache.keep(call, ended)
    built = time.perf_counter() - begin
    memory = resident() - before - vectors.nbytes / 1e6
    for _ in range(2000):  # learned: what is alike enough is served
        world.cache._mind.learners.add(Sample(world.now, None, 0.99, False, world.cache._mind.learners.space))
    rng = random.Random(7)
    asked = [again(text, rng) for text in rng.sample(texts, queries)]
    calls = [world.call(text) for text in asked]
    look_up = timed(world.look_up, calls)
    index = world.cache._room.index
    partition = _partition(world)
    wanted = [Hashed().vector(text) for text in asked]
    search = timed(lambda vector: index.nearest(partition, vector), wanted)
    rows = vectors.astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    right = 0
    for vector in wanted:
        best = float((rows @ vector).max())
        right += bool(found := index.nearest(partition, vector)) and found[0][0] >= best - 0.01
    return {
        "entries": entries,
        "look_up_us": look_up,
        "search_us": search,
        "hits": round(sum(call.cached == "semantic" for call in calls) / queries, 4),
        "found": round(right / queries, 4),
        "build_s": round(built, 1),
        "memory_mb": round(memory, 1),
    }


def _noted(world: World, call: Any) -> Any:
    """Leave in a call what a look-up that missed leaves, without searching: filling is not what is measured."""
    from tokenop.gateway.responses.cache import NAME, Note

    policy, mind = world.cache._policy, world.cache._mind
    assert policy is not None
    assert mind is not None
    key = key_of(call, policy, semantic=True)
    assert key is not None
    assert key.question is not None
    vector = mind.embedder.vector(key.question)
    call.notes[NAME] = note = Note(key, policy, mind.embedder.space, vector)
    return note


def _partition(world: World) -> bytes:
    key = key_of(world.call("any other"), world.cache._policy, semantic=True)
    assert key is not None
    assert key.partition is not None
    return key.partition


def main() -> int:
    """State the figures; exit code 1 where one is not reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=2_000)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures: dict[str, Any] = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "call_us": single(Path(folder)),
            "many": many(Path(folder) / "many", given.entries, given.queries),
        }
    if given.json:
        sys.stdout.write(json.dumps(figures, indent=2) + "\n")
    else:
        _text(figures)
    reached = (
        figures["many"]["look_up_us"]["p50"] <= MOST_MILLISECONDS * 1000 and figures["many"]["found"] >= LEAST_FOUND
    )
    return 0 if reached else 1


def _text(figures: dict[str, Any]) -> None:
    say = sys.stdout.write
    for name, took in figures["call_us"].items():
        say(f"{name:14} {took['p50']:8.1f} µs   p99 {took['p99']:8.1f} µs\n")
    many = figures["many"]
    say(f"among {many['entries']:,} entries of one partition:\n")
    for name in ("look_up_us", "search_us"):
        say(f"  {name:12} {many[name]['p50']:8.1f} µs   p99 {many[name]['p99']:8.1f} µs\n")
    say(f"  found {many['found']:.2%} of the nearest (≥ {LEAST_FOUND:.0%} wanted), {many['hits']:.2%} were hits\n")
    say(f"  built in {many['build_s']} s with all files, {many['memory_mb']} MB of memory\n")


if __name__ == "__main__":
    raise SystemExit(main())
