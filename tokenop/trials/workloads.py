"""The reference workloads on which claims are stated and checked. All of them are made up (docs/workloads.md)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tokenop import sample


@dataclass(frozen=True, slots=True)
class Workload:
    """An event log, and the inventory beside it where there is one."""

    name: str
    log: Path
    inventory: Path | None = None


WORKLOADS: dict[str, Workload] = {
    one.name: one
    for one in (
        *(Workload(name, sample.log(name)) for name in sample.NAMES),
        Workload("sample-month", sample.month()),
        Workload("sample-month-with-inventory", sample.month(), sample.inventory()),
    )
}


def names() -> tuple[str, ...]:
    """Return the names of all reference workloads, those that a claim may name."""
    return tuple(WORKLOADS)


def log(name: str) -> Path:
    """Return the event log of a workload."""
    return WORKLOADS[name].log
