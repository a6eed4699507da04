"""What a kind of check is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tokenop.evals.checks.answer import Answer
from tokenop.evals.model import Checked

Spec = Mapping[str, Any]
# Field below the check, what is wrong with it, what to do.
Complaint = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a check is told beside the answer.

    `seconds` is how long it may take, `tools` the schema of the arguments of each tool that the task offers, `again`
    asks another check about the same answer.
    """

    seconds: float
    tools: Mapping[str, Mapping[str, Any]]
    again: Callable[[Spec, Answer], Checked]


def nothing_to_say(spec: Spec) -> Iterator[Complaint]:  # noqa: ARG001 the shape of any such function
    """Yield nothing: the schema of task files says all there is to say."""
    yield from ()


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of check. Its fields stand in `tasks.schema.json`; `lint` yields what a schema cannot say of them.

    `check` may raise UnreadableError: the answer then fails. `runs` says whether it starts a program.
    """

    name: str
    check: Callable[[Spec, Answer, Asked], Checked]
    lint: Callable[[Spec], Iterator[Complaint]] = nothing_to_say
    runs: bool = False
