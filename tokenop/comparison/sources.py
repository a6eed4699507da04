"""Which logs a change is replayed on: one's own events, a shared workload, or the reference workloads."""

from __future__ import annotations

from pathlib import Path

from tokenop.comparison.cost import Log
from tokenop.errors import InputError, MisuseError

# What `tokenop profile --shareable` is told to write in docs/sharing.md: a team commits it beside its configs.
SHARED = "workload.yaml"
# The same calls as the sample month, with machines that no routing config moves.
_TWICE = "sample-month-with-inventory"


def choose(events: Path | None, workload: Path | None, here: Path) -> tuple[Log, ...]:
    """Return the logs to compare on.

    What is named comes first; then a log of events in the folder `here`; then a shared workload that is committed
    there; else the reference workloads, which are made up.

    Raises:
        InputError: what is named is not there.
        MisuseError: both are named.
    """
    if events and workload:
        raise MisuseError("give either --events or --workload, not both")
    for path in (events, workload):
        if path is not None and not path.is_file():
            raise InputError(f"{path}: there is no such file")
    if events:
        return (Log("events", events.name, events),)
    if workload:
        return (Log("workload", workload.name, workload),)
    from tokenop.planning.inputs import DEFAULT_LOGS

    for name in DEFAULT_LOGS:
        if (here / name).is_file():
            return (Log("events", name, here / name),)
    if (here / SHARED).is_file():
        return (Log("workload", SHARED, here / SHARED),)
    return references()


def references() -> tuple[Log, ...]:
    """Return the reference workloads (docs/workloads.md)."""
    from tokenop import sample

    logs = {**{name: sample.log(name) for name in sample.NAMES}, "sample-month": sample.month()}
    return tuple(Log("reference", name, path, sample=True) for name, path in sorted(logs.items()) if name != _TWICE)
