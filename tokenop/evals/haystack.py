"""Long documents for tasks, written from a seed: the same on every machine, in every version of Python.

What counts in a document is inserted by the task; the generator makes up the rest, about other machines in the same
words. It never names a machine whose number ends in a number that a task may insert (`01` to `19`): its own are 20 on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

_START = datetime(2025, 1, 6, 6, 10, tzinfo=UTC)
_PEOPLE = ("R. Adeyemi", "S. Baumann", "L. Cortez", "P. Dvorak", "H. Eriksen", "T. Fujita", "A. Grech", "W. Haas")
_KINDS = ("P", "C", "RV", "HX", "L", "F", "T", "M")
_WORK = (
    "Weekly round at {machine}: no leaks, no unusual noise, {number} bar at the inlet.",
    "Cleaned the strainer of {machine}; {count} g of scale. Back in service after {minutes} minutes.",
    "{machine} ran hot for {minutes} minutes ({count} °C). Fan belt tightened, watched for an hour, normal again.",
    "Greased {machine}, {count} g, as planned. Next time in {weeks} weeks.",
    "Sensor of {machine} drifted by {number} %. Calibrated against the reference; certificate filed.",
    "Replaced the gasket at {machine}, part {part}. Pressure held for {minutes} minutes.",
    "Operator reports that {machine} vibrates. Measured {number} mm/s, below the limit of 7.1. No action.",
    "{machine}: oil sample sent to the laboratory, bottle {part}.",
    "Oil sample {part} of {machine} is back: {count} ppm of iron, {minutes} ppm of water. Keep watching.",
    "Painted the guard of {machine} and put the label back on.",
    "{machine} stopped by its level switch at night. Float was stuck; freed, tried {weeks} times, fine.",
    "Handed the spare seals for {machine} over to the store, {count} pieces, shelf {part}.",
    "Changed the filter of {machine}: {number} bar across the old one, 0.{weeks} bar across the new one.",
    "Contractor inspected {machine} for {minutes} minutes. Report {part} to follow by post.",
)


def document(declared: Mapping[str, Any]) -> str:
    """Return the document that a task's `generated` declares: one entry a line, in the order of time."""
    entries = declared["entries"]
    inserted = sorted(declared.get("inserted", ()), key=lambda one: float(one["at"]))
    drawn = _Draws(f"{declared['generator']}:{declared['seed']}")
    texts = list(_woven([_made_up(drawn) for _ in range(entries)], inserted))
    lines, at = [], _START
    for text in texts:
        at += timedelta(minutes=drawn.upto(60 * 28) + 25)
        lines.append(f"{at:%Y-%m-%d %H:%M} {text}")
    return "\n".join(lines)


def _woven(made_up: Sequence[str], inserted: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    waiting = list(inserted)
    for index, text in enumerate(made_up):
        while waiting and float(waiting[0]["at"]) * len(made_up) <= index:
            yield waiting.pop(0)["text"].strip()
        yield text
    for one in waiting:
        yield one["text"].strip()


def _made_up(drawn: _Draws) -> str:
    machine = f"{drawn.one_of(_KINDS)}-{20 + drawn.upto(70)}"
    work = drawn.one_of(_WORK).format(
        machine=machine,
        number=f"{1 + drawn.upto(6)}.{drawn.upto(10)}",
        count=10 + drawn.upto(80),
        minutes=5 + drawn.upto(90),
        weeks=2 + drawn.upto(7),
        part=f"{drawn.one_of('ABDEGK')}{1000 + drawn.upto(9000)}",
    )
    return f"{drawn.one_of(_PEOPLE)}: {work}"


class _Draws:
    """Draws from a seed by SHA-256: `random` does not promise the same sequence in every version of Python."""

    def __init__(self, seed: str) -> None:
        self._seed, self._count = seed, 0

    def upto(self, end: int) -> int:
        """Return a number from 0 to `end`, without `end`."""
        self._count += 1
        drawn = hashlib.sha256(f"{self._seed}:{self._count}".encode()).digest()
        return int.from_bytes(drawn[:8], "big") % end

    def one_of(self, choices: Sequence[str]) -> str:
        """Return one of `choices`."""
        return choices[self.upto(len(choices))]
