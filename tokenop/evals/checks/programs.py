"""What the checks that run programs share: finding the code in an answer, and how a run that ended badly counts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tokenop.evals.checks.answer import Answer, UnreadableError, failed, fenced, unknown
from tokenop.evals.checks.kind import Asked, Spec
from tokenop.evals.model import Checked
from tokenop.evals.sandbox import running
from tokenop.evals.sandbox.running import Ended

MOST_CODE = 60_000
_PYTHON, _SQL = ("", "python", "py", "python3"), ("", "sql", "sqlite", "sqlite3")


def python(answer: Answer, names: tuple[str, ...]) -> str:
    """Return the Python in an answer: the fenced blocks, or all of it where there are none.

    Of several blocks those count that are Python; where one alone defines all `names`, it alone.
    """
    blocks = [code for language, code in fenced(answer.text) if language in _PYTHON]
    whole = [code for code in blocks if all(_defines(code, name) for name in names)]
    return _bounded(whole[-1] if whole else "\n\n".join(blocks) if blocks else answer.text, "code")


def _defines(code: str, name: str) -> bool:
    return re.search(rf"^(?:async )?(?:def|class) {name}\b|^{name}\s*[:=]", code, re.MULTILINE) is not None


def sql(answer: Answer) -> str:
    """Return the one statement of SQL in an answer: its one fenced block, or all of it."""
    blocks = [code for language, code in fenced(answer.text) if language in _SQL]
    return _bounded(blocks[-1] if blocks else answer.text, "query").rstrip().rstrip(";")


def _bounded(code: str, what: str) -> str:
    if not code.strip():
        raise UnreadableError(f"there is no {what} in the answer")
    if len(code) > MOST_CODE:
        raise UnreadableError(f"the {what} has {len(code)} characters, more than {MOST_CODE}")
    if "\0" in code:
        raise UnreadableError(f"the {what} holds a character NUL")
    return code


def unsound(ended: Ended) -> Checked | None:
    """Return the verdict on a run that gave nothing, or tried what it must not; None where it gave something."""
    if ended.unusable:
        return unknown(f"programs cannot be run: {ended.unusable}")
    tried = f"tried to {', '.join(ended.tried[:3])}" if ended.tried else ""
    if ended.stopped:
        return failed(f"the program {ended.stopped}" + (f"; it {tried}" if tried else ""))
    return failed(f"the program {tried}") if tried else None


def results(ended: Ended, count: int) -> list[Mapping[str, Any]] | str:
    """Return what each of `count` calls or queries gave; in words why none of them did.

    A program can write the line that holds them itself: whatever it says there, only what fits is read.
    """
    gave = ended.gave if isinstance(ended.gave, Mapping) else {}
    if "failed" in gave:
        return f"does not run: {gave['failed']}"
    found = gave.get("results")
    if not isinstance(found, list) or len(found) != count or not all(isinstance(one, Mapping) for one in found):
        return "gave no results"
    return found


def blocked() -> Checked | None:
    """Return that no program can be run on this system, and why; None where one can."""
    trouble = running.trouble()
    return unknown(f"programs cannot be run: {trouble}") if trouble else None


def limits(spec: Spec, asked: Asked) -> dict[str, Any]:
    """Return the limits of a run, as `running.run` takes them."""
    seconds = int(min(running.MOST_SECONDS, asked.seconds))
    return {"seconds": max(seconds, 1), "memory_mb": int(spec.get("memory_mb", running.MEMORY_MB))}
