"""Make the shipped workloads: `python -m tokenop.sample.generate [FILE]` writes the sample month's very calls.

`python -m tokenop.sample.generate NAME [FILE]` does so for one of the smaller reference workloads. All of them are made
up (docs/sample-month.md and docs/workloads.md say of what); no number in them comes from a real company.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tokenop.sample import chat_assistant, coding, coding_agent, document_pipeline, files, log, month, teams
from tokenop.sample.calls import Month

SEED = 2026

Rows = list[dict[str, object]]


def events(seed: int = SEED) -> Rows:
    """Return the calls of the month in order of time, each a dict of event fields with `ts` as RFC 3339 text."""
    made = Month(seed)
    for team in (teams.support, teams.documents, coding.coding, teams.analytics):
        team(made)
    return files.finished(made)


MAKERS: dict[str, Callable[[int], Rows]] = {
    "sample-month": events,
    "chat-assistant": chat_assistant.events,
    "document-pipeline": document_pipeline.events,
    "coding-agent": coding_agent.events,
}


def write(path: Path, seed: int = SEED, name: str = "sample-month") -> str:
    """Write a workload to `path` (.parquet or .jsonl) and return the content hash of the log.

    Raises:
        InputError: `path` cannot be written.
    """
    return files.write(path, MAKERS[name](seed))


def main(arguments: Sequence[str]) -> None:
    """Write the workload that the arguments name, by default the month, by default over the shipped file."""
    name, *rest = arguments if arguments and arguments[0] in MAKERS else ("sample-month", *arguments)
    shipped = month() if name == "sample-month" else log(name)
    target = Path(rest[0]) if rest else shipped
    sys.stdout.write(f"{target}: {write(target, name=name)}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
