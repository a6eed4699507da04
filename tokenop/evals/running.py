"""Asking many tasks at once, resumably: each outcome is on the disk before the next task begins in its thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenop.evals import results
from tokenop.evals.answering import Answering
from tokenop.evals.lanes import Ask
from tokenop.evals.model import Outcome
from tokenop.evals.results import Line, Part, RunInfo, Unfinished


@dataclass(frozen=True, slots=True)
class Ran:
    """A run as it is now. `path` is the file of results; None where `left` tasks were not asked, for want of money."""

    info: RunInfo
    outcomes: tuple[Outcome, ...]
    left: int
    path: Path | None
    resumed: int = 0


def run(
    part: Part,
    info: RunInfo,
    asks: Sequence[Ask],
    answering: Answering,
    *,
    before: Unfinished | None = None,
    jobs: int = 4,
    seen: Callable[[Outcome, int, int], None] | None = None,
) -> Ran:
    """Ask what is not answered yet, `jobs` tasks at once, and write the file of results when nothing is left.

    Args:
        part: the file of the run under way.
        info: the run.
        asks: all that it asks.
        answering: who asks.
        before: what an earlier start of this run left behind. Its infrastructure outcomes are asked again.
        jobs: how many tasks are asked at once.
        seen: told of each outcome, with how many are done and how many there are.
    """
    kept = {(one.task, one.repeat): one for one in (before.outcomes if before else ()) if _known(one)}
    waiting = [ask for ask in asks if (ask.task.id, ask.repeat) not in kept]
    done = dict(kept)
    finished = False
    try:
        for outcome in answered(waiting, answering, jobs):
            part.add(Line(outcome=outcome))
            done[outcome.task, outcome.repeat] = outcome
            if seen is not None:
                seen(outcome, len(done), len(asks))
        finished = len(done) == len(asks)
        path = results.write(part.path.parent, info, done.values()) if finished else None
    finally:
        part.close(finished=finished)
    return Ran(info, tuple(results.ordered(done.values())), len(asks) - len(done), path, len(kept))


def answered(asks: Iterable[Ask], answering: Answering, jobs: int) -> Iterator[Outcome]:
    """Yield outcomes as they come, from `jobs` threads; no further task is begun once one was not asked.

    Threads do not keep the program alive: who leaves does not wait for providers. Raises what `answering` raises.
    """
    todo: queue.SimpleQueue[Ask] = queue.SimpleQueue()
    for ask in asks:
        todo.put(ask)
    came: queue.SimpleQueue[Outcome | BaseException | None] = queue.SimpleQueue()
    stop = threading.Event()

    def work() -> None:
        try:
            while not stop.is_set():
                outcome = answering.outcome(todo.get_nowait())
                if outcome is None:
                    stop.set()
                else:
                    came.put(outcome)
        except queue.Empty:
            pass
        except BaseException as error:
            stop.set()
            came.put(error)
        came.put(None)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(max(1, min(jobs, todo.qsize())))]
    for thread in threads:
        thread.start()
    working = len(threads)
    try:
        while working:
            one = came.get()
            if isinstance(one, BaseException):
                raise one
            if one is None:
                working -= 1
            else:
                yield one
    finally:
        stop.set()


def resumable(folder: Path, info: RunInfo) -> Unfinished | None:
    """Return the newest run in `folder` that was cut short and asked the same as `info`."""
    return next((one for one in results.unfinished(folder) if one.info.question == info.question), None)


def _known(outcome: Outcome) -> bool:
    return outcome.result != "infrastructure"
