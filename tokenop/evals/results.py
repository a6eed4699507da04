"""Files of results: the truth about what golden tasks came to. All else (the database, tables) is derived from them.

A run writes `<run_id>.part` line by line while it lasts: what is about to be asked, then what came of it. When all is
done it becomes `<run_id>.jsonl`, sorted: a first line about the run, then a line an outcome. So a file of results is
always whole, and the same results give the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import IO, Any, Literal

from tokenop import files
from tokenop.catalogue.linting.text import visible
from tokenop.errors import Finding, FindingsError, InputError, NoInputError
from tokenop.evals.model import Outcome

DONE, PART = ".jsonl", ".part"
FOLDER = Path("runs") / "eval"
RULE = "EVALRUN"
_RUN_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{10}\Z")
_MOST_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What a run asked, of whom, and when it began (UTC).

    `config` is the routing config's name as it was given; the hashes are of its bytes and of the tasks. `provider` is
    set where only that one was asked. `mode` `recorded` read answers from files and asked nobody.
    """

    run_id: str
    started: datetime
    config: str
    config_sha256: str
    tasks_sha256: str
    tiers: tuple[str, ...]
    repeats: int
    mode: Literal["live", "recorded"]
    provider: str | None = None

    @property
    def question(self) -> tuple[object, ...]:
        """Return what two runs have in common that ask the same, whenever they began."""
        return (self.config_sha256, self.tasks_sha256, self.tiers, self.repeats, self.mode, self.provider)


@dataclass(frozen=True, slots=True)
class RunFile:
    """A file of results, read."""

    info: RunInfo
    outcomes: tuple[Outcome, ...]
    path: Path


@dataclass(frozen=True, slots=True)
class Asking:
    """A call that is about to be made, with the most that it can cost in US dollars (None: unknown)."""

    task: str
    repeat: int
    worst_case: Decimal | None


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file; exactly one of its fields is set."""

    run: RunInfo | None = None
    outcome: Outcome | None = None
    asking: Asking | None = None


@dataclass(slots=True)
class Unfinished:
    """A run that was cut short: its outcomes, and the calls that nobody knows the end or the cost of.

    `busy`: another program is still writing it.
    """

    info: RunInfo
    path: Path
    outcomes: list[Outcome] = field(default_factory=list)
    asking: list[Asking] = field(default_factory=list)
    busy: bool = False

    @property
    def spent(self) -> Decimal:
        """Return what was spent, in US dollars: what is known, and the worst case of calls nobody knows the end of."""
        known = sum((outcome.cost_usd for outcome in self.outcomes if outcome.cost_usd is not None), Decimal(0))
        return known + sum((one.worst_case for one in self.asking if one.worst_case is not None), Decimal(0))


def run_id_of(started: datetime, question: Sequence[object]) -> str:
    """Return the name of a run that began at `started` (with a zone): the same question at the same time, the same."""
    digest = hashlib.sha256(json.dumps([str(part) for part in question]).encode()).hexdigest()
    return f"{started.astimezone(UTC):%Y%m%dT%H%M%SZ}-{digest[:10]}"


def is_run_id(text: str) -> bool:
    """Return whether `text` has the form of a run's name."""
    return bool(_RUN_ID.match(text))


def ordered(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Return outcomes in the order in which files hold them."""
    return sorted(outcomes, key=lambda outcome: (outcome.tier, outcome.task, outcome.repeat))


def write(folder: Path, info: RunInfo, outcomes: Iterable[Outcome]) -> Path:
    """Write a finished run and return its file.

    Raises:
        InputError: it cannot be written.
    """
    path = folder / f"{info.run_id}{DONE}"
    lines = [Line(run=info), *(Line(outcome=outcome) for outcome in ordered(outcomes))]
    files.write_text(path, "".join(map(_text, lines)))
    return path


def read(path: Path) -> RunFile:
    """Return a file of results.

    Raises:
        FindingsError: lines in it are not what they must be; all are named.
        InputError: it cannot be read.
    """
    lines, findings = _read(path)
    infos = [line.run for line in lines if line.run]
    if not findings and (len(infos) != 1 or not lines[0].run):
        findings = [_finding(path, 1, "the first line, and no other, says what was run", "write it with tokenop")]
    outcomes = tuple(ordered(line.outcome for line in lines if line.outcome))
    findings = findings or repeated(path, outcomes)
    if findings:
        raise FindingsError(findings)
    return RunFile(infos[0], outcomes, path)


def repeated(path: Path, outcomes: Iterable[Outcome]) -> list[Finding]:
    """Return a finding where a task has two outcomes of the same repeat."""
    seen = Counter((outcome.task, outcome.repeat) for outcome in outcomes)
    twice = ", ".join(f"{task} ({repeat})" for (task, repeat), count in sorted(seen.items()) if count > 1)
    return [_finding(path, 0, f"has two outcomes of {visible(twice)}", "keep one")] if twice else []


def impossible(outcome: Outcome) -> str | None:
    """Return what cannot be of an outcome that was read from a file; None where all can."""
    if outcome.repeat < 0 or outcome.attempts < 0:
        return "repeat and attempts count from 0"
    if outcome.cost_usd is not None and not _amount(outcome.cost_usd):
        return f"cost_usd {outcome.cost_usd} is no amount"
    if outcome.latency_ms is not None and outcome.latency_ms < 0:
        return f"latency_ms {outcome.latency_ms} is no time"
    return None


def unfinished(folder: Path) -> list[Unfinished]:
    """Return the runs in `folder` that were cut short, newest first. A last line that was cut is left out."""
    found = []
    for path in sorted((path for path in folder.glob(f"*{PART}") if path.is_file()), reverse=True):
        lines, _ = _read(path)
        if lines and lines[0].run:
            outcomes = [line.outcome for line in lines if line.outcome]
            found.append(Unfinished(lines[0].run, path, outcomes, _open_ended(lines), _busy(path)))
    return found


def _open_ended(lines: Iterable[Line]) -> list[Asking]:
    """Return the calls after which no outcome says what they cost."""
    left: dict[tuple[str, int], list[Asking]] = {}
    for line in lines:
        if line.asking:
            left.setdefault((line.asking.task, line.asking.repeat), []).append(line.asking)
        elif line.outcome and line.outcome.cost_usd is not None:
            left.pop((line.outcome.task, line.outcome.repeat), None)
    return [one for each in left.values() for one in each]


def _busy(path: Path) -> bool:
    try:
        with path.open("ab") as file:
            return not _locked(file)
    except OSError:
        return False


def _locked(file: IO[bytes]) -> bool:
    """Return whether the file is this program's alone until it is closed. The lock ends with the program, too."""
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def files_in(folder: Path) -> list[Path]:
    """Return the files of results in a folder, oldest first."""
    return sorted(path for path in folder.glob(f"*{DONE}") if is_run_id(path.stem) and path.is_file())


def find(folder: Path, name: str | None) -> Path:
    """Return the file of the run `name` (its id, or the beginning of it, or a path); of the newest without a name.

    Raises:
        NoInputError: there is none.
        InputError: several begin so, or a path leads nowhere.
    """
    if name and (name.endswith(DONE) or "/" in name):
        if not Path(name).is_file():
            raise InputError(f"{visible(name)}: no such file of results")
        return Path(name)
    every = files_in(folder)
    if not every:
        raise NoInputError(f"{folder}: holds no results. Next: tokenop eval run")
    if not name:
        return every[-1]
    fitting = [path for path in every if path.stem.startswith(name)]
    if len(fitting) != 1:
        told = "several begin" if fitting else "none begins"
        raise InputError(f"{folder}: of {len(every)} runs {told} with {visible(name)!r}; the newest: {every[-1].stem}")
    return fitting[0]


class Part:
    """The file of a run under way. Each line is on the disk before the next thing happens. Safe for several threads."""

    def __init__(self, folder: Path, info: RunInfo, before: Unfinished | None = None) -> None:
        """Begin the file, or go on with that of a run that was cut short.

        Raises:
            InputError: it cannot be written, or another program writes it.
        """
        self.path = before.path if before else folder / f"{info.run_id}{PART}"
        self._lock = threading.Lock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file: IO[bytes] = self.path.open("ab")
        except OSError as error:
            raise InputError(f"{self.path}: cannot be written: {error.strerror or error}") from error
        if not _locked(self._file):
            self._file.close()
            raise InputError(f"{self.path}: another program is at this run; wait until it is done")
        if before and not self._file.tell():
            self.close(finished=True)
            raise InputError(f"{self.path}: another program has just finished this run; see tokenop eval show")
        if before:
            self._file.write(b"\n")  # ends a line that was cut; empty lines mean nothing
        else:
            self._file.truncate(0)
            self.add(Line(run=info))

    def add(self, line: Line) -> None:
        """Write a line.

        Raises:
            InputError: the disk is full, or gone.
        """
        try:
            with self._lock:
                self._file.write(_text(line).encode())
                self._file.flush()
                os.fsync(self._file.fileno())
        except OSError as error:
            raise InputError(f"{self.path}: cannot be written: {error.strerror or error}") from error

    def close(self, *, finished: bool) -> None:
        """Close the file; remove it where the run is `finished`, whose results then stand in their own file."""
        if finished:
            self.path.unlink(missing_ok=True)
        self._file.close()


def _text(line: Line) -> str:
    import msgspec

    plain = {key: value for key, value in msgspec.to_builtins(line).items() if value is not None}
    return json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n"


def _read(path: Path) -> tuple[list[Line], list[Finding]]:
    import msgspec

    try:
        if path.stat().st_size > _MOST_BYTES:
            raise InputError(f"{path}: is larger than any file of results")
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    lines: list[Line] = []
    findings: list[Finding] = []
    for number, text in enumerate(raw.split(b"\n"), 1):
        if not text.strip():
            continue
        try:
            line = _decoder().decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            findings.append(_finding(path, number, visible(str(error)), "restore the line, or run again"))
            continue
        if sum(part is not None for part in (line.run, line.outcome, line.asking)) != 1:
            findings.append(_finding(path, number, "is neither a run nor an outcome", "restore the line, or run again"))
            continue
        if wrong := _wrong(line):
            findings.append(_finding(path, number, visible(wrong), "restore the line, or run again"))
            continue
        if line.run and not is_run_id(line.run.run_id):
            findings.append(_finding(path, number, "run_id does not have the form of one", "restore the line"))
        lines.append(line)
    return lines, findings


def _wrong(line: Line) -> str | None:
    if line.asking and line.asking.worst_case is not None and not _amount(line.asking.worst_case):
        return f"worst_case {line.asking.worst_case} is no amount"
    return impossible(line.outcome) if line.outcome else None


def _amount(usd: Decimal) -> bool:
    return usd.is_finite() and usd >= 0


@cache
def _decoder() -> Any:
    import msgspec

    return msgspec.json.Decoder(Line)


def _finding(path: Path, line: int, message: str, fix: str) -> Finding:
    return Finding(str(path), line, "", RULE, "error", message, fix=fix)
