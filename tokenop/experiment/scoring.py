"""How good two answers to one prompt are: a program first, then a right answer, then a judge; else nobody knows."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from tokenop.experiment.model import Pair, Prompt, Result
from tokenop.providers.model import Part, Text

SHORT = 6
"""Words up to which a reference is a fact: it stands in the answer or not. A longer one is compared word by word."""

MOST_WORDS = 1_000
CheckFn = Callable[[Mapping[str, Any], Prompt, tuple[Part, ...]], tuple[Literal["pass", "fail", "infrastructure"], str]]


class Judge(Protocol):
    """Compares two answers to one prompt: votes first, in any thread; then decides, pair by pair in their order."""

    def votes(self, prompt: Prompt, baseline: Result, candidate: Result) -> Any:
        """Return what the judges say."""
        ...

    def decide(self, votes: Any) -> tuple[float | None, bool, str]:
        """Return the difference in [-1, 1], None where nobody can say; whether it is doubtful; and a detail."""
        ...


@dataclass(frozen=True, slots=True)
class Scored:
    """A pair, or the votes from which it is still to be decided."""

    pair: Pair
    votes: Any = None

    def decided(self, judge: Judge | None) -> Pair:
        """Return the pair; must be called in the order of the sample."""
        if self.votes is None or judge is None:
            return self.pair
        difference, doubtful, detail = judge.decide(self.votes)
        by: Literal["judge"] | None = None if difference is None else "judge"
        return replace(self.pair, difference=difference, doubtful=doubtful, by=by, detail=detail)


def pair(prompt: Prompt, baseline: Result, candidate: Result, check: CheckFn, judge: Judge | None) -> Scored:
    """Return both results with what is known of their quality."""
    plain = Pair(prompt.id, baseline, candidate)
    if plain.infrastructure:
        return Scored(replace(plain, detail=f"not answered: {baseline.error_kind or candidate.error_kind}"))
    if prompt.check is not None or prompt.reference is not None:
        by: Literal["check", "reference"] = "check" if prompt.check is not None else "reference"
        before, first = _score(prompt, baseline, check)
        after, second = _score(prompt, candidate, check)
        told = replace(plain, detail=f"baseline: {first}; candidate: {second}")
        if before is None or after is None:
            return Scored(told)
        return Scored(replace(told, difference=after - before, before=before, after=after, by=by))
    if judge is None:
        return Scored(replace(plain, detail="no check, no reference, no judge"))
    if baseline.refused or candidate.refused:
        difference = float(baseline.refused) - float(candidate.refused)
        return Scored(replace(plain, difference=difference, by="judge", detail="a side refused or said nothing"))
    if baseline.parts == candidate.parts:
        return Scored(replace(plain, difference=0.0, by="judge", detail="the same answer"))
    return Scored(plain, judge.votes(prompt, baseline, candidate))


def _score(prompt: Prompt, result: Result, check: CheckFn) -> tuple[float | None, str]:
    if result.refused:
        return 0.0, "refused or empty"
    if prompt.check is not None:
        found, detail = check(prompt.check, prompt, result.parts)
        return (None if found == "infrastructure" else float(found == "pass")), detail
    value = agreement(prompt.reference or "", words(result.parts))
    return value, f"{value:.2f} agreement with the reference"


def words(parts: tuple[Part, ...]) -> str:
    """Return the text of an answer."""
    return "".join(part.text for part in parts if isinstance(part, Text))


def agreement(reference: str, answer: str) -> float:
    """Return how far an answer agrees with a right one, 0 to 1.

    A reference of up to six words must stand in the answer's last line, or be all of it: 1 or 0. Of a longer one, the
    words that both have in the same order count, against the length of both, so that saying everything wins nothing.
    """
    wanted, said = _tokens(reference), _tokens(answer)
    if not wanted or not said:
        return float(wanted == said)
    if len(wanted) > SHORT:
        common = _common(wanted[:MOST_WORDS], said[:MOST_WORDS])
        return 2 * common / (min(len(wanted), MOST_WORDS) + len(said))
    lines = [line for line in answer.splitlines() if _tokens(line)]
    last = _tokens(lines[-1])
    places = range(len(last) - len(wanted) + 1)
    return float(said == wanted or any(last[at : at + len(wanted)] == wanted for at in places))


def _tokens(text: str) -> list[str]:
    return re.findall(r"\w+(?:[.,]\d+)*", unicodedata.normalize("NFKC", text).casefold())


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """Return the length of the longest common subsequence."""
    row = [0] * (len(other) + 1)
    for word in one:
        before = 0
        for at, against in enumerate(other, start=1):
            kept = row[at]
            row[at] = before + 1 if word == against else max(kept, row[at - 1])
            before = kept
    return row[-1]
