"""Outcomes made for tests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from tokenop.evals.model import Outcome, Result

LETTERS: dict[str, Result] = {"p": "pass", "f": "fail", "?": "infrastructure"}
BASE = Outcome("run", "t", "T1", 0, "groq", "groq", "llama-3.3-70b-versatile", "pass", "as expected",
               extra={"task_sha256": "0" * 64})  # fmt: skip


def outcome(task: str, result: Result, repeat: int = 0, **more: Any) -> Outcome:
    """Return the outcome of a task."""
    return replace(BASE, task=task, result=result, repeat=repeat, **more)


def outcomes(results: Iterable[str]) -> list[Outcome]:
    """Return outcomes of tasks t00, t01 …, one word of p (pass), f (fail) and ? (infrastructure) each: its repeats."""
    return [
        outcome(f"t{number:02}", LETTERS[letter], repeat)
        for number, word in enumerate(results)
        for repeat, letter in enumerate(word)
    ]
