"""One error base and one shape of finding for everything that people are told.

Exit codes (design: the command line): 0 done · 1 findings or an expected error · 2 misuse · 3 zero inputs · 4 a bug.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing that is wrong (or doubtful) in one place of one file.

    `line` and `column` count from 1; 0 means that the file as a whole is meant. `rule` is a stable identifier,
    `fix` says what to do about it in one clause.
    """

    file: str
    line: int
    field: str
    rule: str
    severity: Severity
    message: str
    column: int = 0
    fix: str = ""

    def __str__(self) -> str:
        """Return `file:line: field: rule: message`, the form editors jump to."""
        where = f"{self.file}:{self.line}" if self.line else self.file
        text = f"{where}: {self.field}: {self.rule}: {self.message}"
        return f"{text} ({self.fix})" if self.fix else text

    def as_dict(self) -> dict[str, object]:
        """Return the finding as JSON-ready fields."""
        return asdict(self)


class TokenOpError(Exception):
    """Base of every expected error. The command line prints it without a traceback and exits with `exit_code`."""

    exit_code = 1


class FindingsError(TokenOpError):
    """An input that has errors: all of them at once, each with file, line, field and fix."""

    def __init__(self, findings: Iterable[Finding], summary: str = "") -> None:
        self.findings = tuple(findings)
        self.summary = summary
        lines = [str(f) for f in self.findings]
        super().__init__("\n".join([*lines, summary] if summary else lines))


class InputError(TokenOpError):
    """A file or folder that cannot be read at all; the message names it and the fix."""


class MisuseError(TokenOpError):
    """A command called in a way that cannot work (wrong combination of options)."""

    exit_code = 2


class NoInputError(TokenOpError):
    """Nothing to work on: an empty log, a folder without matching files."""

    exit_code = 3
