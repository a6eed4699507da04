"""The baseline: a run's results as they were agreed upon, in one file of the repository."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tokenop import files, settings
from tokenop.catalogue.linting.text import visible
from tokenop.errors import Finding, FindingsError, InputError, MisuseError, NoInputError
from tokenop.evals.model import Outcome
from tokenop.evals.results import RunFile, RunInfo, impossible, ordered, repeated


@dataclass(frozen=True, slots=True)
class _Document:
    """The file's content. `sample`: made-up answers, which say nothing about models."""

    schema_version: Literal[1]
    sample: bool
    run: RunInfo
    outcomes: tuple[Outcome, ...]


def shipped() -> Path:
    """Return where the baseline of this repository stands, or would."""
    return settings.content("validations") / "golden" / "baseline.json"


def write(run: RunFile, path: Path) -> None:
    """Write a run as the baseline; the same run gives the same bytes.

    Raises:
        MisuseError: nothing is known of a task: it would be unknown ever after.
        InputError: the file cannot be written.
    """
    import msgspec

    unknown = sorted({one.task for one in run.outcomes if one.result == "infrastructure" or one.stood_in})
    if unknown or not run.outcomes:
        shown = ", ".join(map(visible, unknown[:5])) or "all tasks"
        raise MisuseError(f"{run.path.name}: nothing is known of {shown}; a baseline needs every task answered")
    sample = any(outcome.source == "sample" for outcome in run.outcomes)
    document = msgspec.to_builtins(_Document(1, sample, run.info, tuple(ordered(run.outcomes))))
    files.write_text(path, json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True) + "\n")


def read(path: Path) -> RunFile:
    """Return the baseline in a file.

    Raises:
        NoInputError: there is none.
        FindingsError: it is not what it must be.
        InputError: it cannot be read.
    """
    import msgspec

    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise NoInputError(
            f"{path}: no baseline yet. Next: tokenop eval run, then tokenop eval baseline RUN"
        ) from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    try:
        document = msgspec.json.decode(raw, type=_Document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FindingsError([_finding(path, str(error))]) from error
    wrong = [_finding(path, f"{one.task}: {told}") for one in document.outcomes if (told := impossible(one))]
    if findings := wrong or repeated(path, document.outcomes):
        raise FindingsError(findings)
    return RunFile(document.run, document.outcomes, path)


def _finding(path: Path, message: str) -> Finding:
    fix = "write it with tokenop eval baseline RUN"
    return Finding(str(path), 0, "", "BASELINE", "error", visible(message), fix=fix)
