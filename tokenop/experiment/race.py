"""Who is asked next, and when nobody needs to be asked any more. No I/O: told results, it decides.

All candidates answer the same prompts as the baseline, round by round. After each round the confidence sequence of each
candidate is looked at, which is legal at any time. A candidate stops when it is proven worse than it may be, when it is
proven good enough, or when a cheaper one is proven good enough: those that are still open get the remaining prompts.
Each candidate's sequence has its own share of the error, so that the chance that *any* verdict is wrong stays below it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tokenop.evals.paired import ConfidenceSequence, Interval, anytime
from tokenop.experiment.model import Pair, Verdict

ROUND = 10
"""Prompts a round, where one may stop early. What is decided must not depend on how many calls run at once."""

GROWTH = 0.05
"""Where many were asked already, a round is so large a part of them: a look costs time, and sooner tells little."""

MOST_MISSING = 0.1
"""Of the prompts asked, so many may stay unanswered for reasons that say nothing about a candidate; then it can no
longer pass: who knows what the missing ones would have said."""

MOST_NEEDED = 20_000
_FLOAT = 1e-9

Stop = Literal["worse", "good enough", "dearer", "all asked", "cut short"]


@dataclass(slots=True)
class Standing:
    """Where one candidate stands. `tolerance` is how far its quality may drop (0 to 1)."""

    name: str
    tolerance: float
    confidence: float
    pairs: list[Pair] = field(default_factory=list)
    verdict: Verdict = "inconclusive"
    stop: Stop | None = None
    _sequence: ConfidenceSequence = field(init=False)
    _hopeful: ConfidenceSequence = field(init=False)
    _looked: Interval = field(default=Interval(-1.0, 1.0, 0.0, 0))
    _doubtful: int = 0
    _before: float = 0.0
    _after: float = 0.0
    _unpriced: bool = False

    def __post_init__(self) -> None:
        self._sequence = ConfidenceSequence(self.confidence)
        self._hopeful = ConfidenceSequence(self.confidence)

    def tell(self, pair: Pair) -> None:
        """Take the next pair, in the order of the sample."""
        self.pairs.append(pair)
        if not pair.infrastructure:
            before, after = pair.baseline.cost_usd, pair.candidate.cost_usd
            self._unpriced = self._unpriced or before is None or after is None
            self._before += float(before or 0)
            self._after += float(after or 0)
        if pair.difference is not None:
            self._sequence.add(pair.difference)
            self._doubtful += pair.doubtful
            self._hopeful.add(1.0 if pair.doubtful else pair.difference)

    @property
    def interval(self) -> Interval:
        """Return what is known of the mean difference in quality, candidate less baseline.

        Doubtful pairs count as lost at its lower end and as won at its upper: doubt proves nothing either way.
        """
        if self._looked.n != len(self.differences):
            self._looked = self._sequence.interval()
            if self._doubtful:
                high = max(self._looked.high, self._hopeful.interval().high)
                self._looked = self._looked._replace(high=high)
        return self._looked

    @property
    def differences(self) -> tuple[float, ...]:
        """Return the differences that are known, in the order in which they came."""
        return tuple(pair.difference for pair in self.pairs if pair.difference is not None)

    @property
    def missing(self) -> int:
        """Return how many pairs a side did not answer, for reasons that say nothing about it."""
        return sum(pair.infrastructure for pair in self.pairs)

    @property
    def unscored(self) -> int:
        """Return how many pairs were answered and nothing could judge."""
        return sum(pair.difference is None and not pair.infrastructure for pair in self.pairs)

    @property
    def too_much_missing(self) -> bool:
        """Return whether so much is missing that the candidate cannot pass."""
        return self.missing > MOST_MISSING * len(self.pairs)

    def look(self) -> Verdict:
        """Return the verdict as of now."""
        found = self.interval
        if found.n and found.high < -self.tolerance - _FLOAT:
            self.verdict = "fail"
        elif found.n and found.low >= -self.tolerance - _FLOAT and not self.too_much_missing:
            self.verdict = "pass"
        else:
            self.verdict = "inconclusive"
        return self.verdict

    @property
    def share_of_cost(self) -> float | None:
        """Return the candidate's cost ÷ the baseline's on the prompts that both answered; None where unknown."""
        return None if self._unpriced or not self._before else self._after / self._before


class Race:
    """Candidates against one baseline, over prompts in the order of the sample.

    `asked_of` says which prompts concern a candidate (None: all); on the others it does what the baseline does, so they
    tell nothing. `early` False asks everybody everything, and only then looks. `yardsticks` are shown beside the
    others, and are never the best.
    """

    def __init__(
        self,
        order: Sequence[str],
        tolerances: Mapping[str, float],
        confidence: float,
        *,
        early: bool,
        asked_of: Mapping[str, frozenset[str] | None] | None = None,
        yardsticks: frozenset[str] = frozenset(),
    ) -> None:
        own = 1 - (1 - confidence) / max(1, len(tolerances))
        self.standings = {name: Standing(name, drop, own) for name, drop in sorted(tolerances.items())}
        self._order = tuple(order)
        self._asked_of = asked_of or {}
        self._early = early
        self.yardsticks = yardsticks
        self._at = 0

    @property
    def open(self) -> tuple[str, ...]:
        """Return the candidates that are still asked."""
        return tuple(name for name, standing in self.standings.items() if standing.stop is None)

    def next_round(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Return the prompts of the next round, each with the candidates to ask; empty where nothing is left.

        A prompt that concerns no open candidate is passed over: the baseline's answer alone would tell nothing.
        """
        found, self._at = self._from(self._at)
        if not found:
            for name in self.open:
                self.standings[name].stop = "all asked"
        return found

    def upcoming(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Return the round after this one as it is if nobody stops, for whoever has hands free to begin with it."""
        return self._from(self._at)[0]

    def _from(self, at: int) -> tuple[tuple[tuple[str, tuple[str, ...]], ...], int]:
        found: list[tuple[str, tuple[str, ...]]] = []
        size = max(ROUND, int(GROWTH * at)) if self._early else len(self._order)
        while at < len(self._order) and len(found) < size and self.open:
            prompt = self._order[at]
            at += 1
            asked = tuple(name for name in self.open if self._concerns(name, prompt))
            if asked:
                found.append((prompt, asked))
        return tuple(found), at

    def _concerns(self, name: str, prompt: str) -> bool:
        prompts = self._asked_of.get(name)
        return prompts is None or prompt in prompts

    def tell(self, pairs: Mapping[str, Sequence[Pair]]) -> None:
        """Take the pairs of a round, by candidate, each in the order of the sample; then look."""
        for name in sorted(pairs):
            for pair in pairs[name]:
                self.standings[name].tell(pair)
        for standing in self.standings.values():
            if standing.stop is None:
                standing.look()
        if self._early:
            self._stop()

    def cut(self) -> None:
        """Stop everybody: the money or the time is up."""
        for name in self.open:
            self.standings[name].look()
            self.standings[name].stop = "cut short"

    def _stop(self) -> None:
        for name in self.open:
            standing = self.standings[name]
            if standing.verdict == "fail":
                standing.stop = "worse"
            elif standing.verdict == "pass":
                standing.stop = "good enough"
        best = self.best()
        if best is None or best.share_of_cost is None:
            return
        for name in self.open:
            share = self.standings[name].share_of_cost
            if share is not None and share > best.share_of_cost and self.standings[name].pairs:
                self.standings[name].stop = "dearer"

    def best(self) -> Standing | None:
        """Return the candidate that passed and costs least; of equal ones the first by name."""
        passed = [one for one in self.standings.values() if one.verdict == "pass" and one.name not in self.yardsticks]
        passed.sort(key=lambda one: (one.share_of_cost is None, one.share_of_cost or 0.0, one.name))
        return passed[0] if passed else None


def needed(differences: Sequence[float], tolerance: float, confidence: float) -> int | None:
    """Return about how many prompts would have decided, were the others like those seen; None: more than 20,000.

    The differences seen are gone through again and again until the interval leaves the tolerance on either side.
    """
    if not differences:
        return None

    def decides(n: int) -> bool:
        found = anytime([differences[at % len(differences)] for at in range(n)], confidence)
        return found.low >= -tolerance - _FLOAT or found.high < -tolerance - _FLOAT

    high = max(len(differences), 1)
    while not decides(high):
        high *= 2
        if high > MOST_NEEDED:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if decides(middle) else (middle, high)
    return high
