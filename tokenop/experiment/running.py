"""The run itself: rounds of calls, each paired, scored and looked at, until nobody needs to be asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Literal

from tokenop.experiment.asking import CutShortError
from tokenop.experiment.model import Pair, Prompt, Result
from tokenop.experiment.race import Race
from tokenop.experiment.scoring import CheckFn, Judge, Scored, pair
from tokenop.experiment.sides import Answering, Candidate


@dataclass(frozen=True)
class Ran:
    """What a run found: where each candidate stands, today's answers, and why it ended early, if it did."""

    race: Race
    baseline: Mapping[str, Result]
    cut: Literal["ceiling", "deadline"] | None = None
    cut_detail: str = ""


@dataclass
class Runner:
    """Runs candidates against today's model over the prompts of `order`."""

    order: Sequence[Prompt]
    candidates: Sequence[Candidate]
    answering: Answering
    check: CheckFn
    judge: Judge | None
    confidence: float
    early: bool
    parallel: int
    told: Callable[[str], None] = field(default=lambda _: None)

    def run(self) -> Ran:
        """Ask, score and look, round by round. Calls that were made before are taken from the file."""
        by_id = {prompt.id: prompt for prompt in self.order}
        by_name = {candidate.name: candidate for candidate in self.candidates}
        race = Race(
            [prompt.id for prompt in self.order],
            {one.name: float(one.tolerance) for one in self.candidates},
            self.confidence,
            early=self.early,
            asked_of={one.name: one.concerned for one in self.candidates},
        )
        baseline: dict[str, Result] = {}
        asked = 0
        with ThreadPoolExecutor(self.parallel, thread_name_prefix="run") as pool:
            flow = _Flow(self, pool)
            try:
                while now := race.next_round():
                    jobs = [(by_id[prompt], by_name[name]) for prompt, names in now for name in names]
                    ahead = [(by_id[prompt], by_name[name]) for prompt, names in race.upcoming() for name in names]
                    pairs, cut = self._round(flow, jobs, ahead, baseline)
                    race.tell(pairs)
                    asked += len(now)
                    self.told(
                        f"{asked} of {len(self.order)} prompts, {len(race.open)} of {len(by_name)} candidates open"
                    )
                    if cut is not None:
                        race.cut()
                        flow.drop()
                        return Ran(race, baseline, cut.why, str(cut))
            except BaseException:
                # Calls under way are paid: they end and are written; those that wait are not begun.
                flow.drop()
                raise
        return Ran(race, baseline)

    def _round(
        self,
        flow: _Flow,
        jobs: Sequence[tuple[Prompt, Candidate]],
        ahead: Sequence[tuple[Prompt, Candidate]],
        baseline: dict[str, Result],
    ) -> tuple[dict[str, list[Pair]], CutShortError | None]:
        """Return the pairs of one round by candidate, up to the first prompt that was not asked of all.

        What comes after that prompt is left out even where it was answered: which prompts still fit under a ceiling
        depends on their length, and a sample of the short ones is no sample.
        """
        flow.begin(jobs)
        flow.begin(ahead)  # while the slowest answers of this round are waited for
        pairs: dict[str, list[Pair]] = {}
        cut: CutShortError | None = None
        for prompt, one in jobs:
            try:
                scored = flow.scored(prompt, one)
            except CutShortError as error:
                cut = cut or error
            if cut is None:
                found = scored.decided(self.judge)
                pairs.setdefault(one.name, []).append(found)
                baseline[prompt.id] = found.baseline
        return pairs, cut


class _Flow:
    """Answers and scores under way. Each is begun once; the pool takes them in the order in which they were begun."""

    def __init__(self, runner: Runner, pool: ThreadPoolExecutor) -> None:
        self._runner = runner
        self._pool = pool
        self._baseline: dict[str, Future[Result]] = {}
        self._scored: dict[tuple[str, str], Future[Scored]] = {}

    def begin(self, jobs: Sequence[tuple[Prompt, Candidate]]) -> None:
        """Begin what is not begun yet: today's answers first, since the others wait for them."""
        for prompt, _ in jobs:
            if prompt.id not in self._baseline:
                self._baseline[prompt.id] = self._pool.submit(self._runner.answering.baseline, prompt)
        for prompt, one in jobs:
            if (prompt.id, one.name) not in self._scored:
                self._scored[prompt.id, one.name] = self._pool.submit(self._score, prompt, one)

    def _score(self, prompt: Prompt, one: Candidate) -> Scored:
        after = self._runner.answering.candidate(one, prompt)
        # It was begun before this one, so some thread has it in hand: waiting for it cannot stand still.
        before = self._baseline[prompt.id].result()
        return pair(prompt, before, after, self._runner.check, self._runner.judge)

    def scored(self, prompt: Prompt, one: Candidate) -> Scored:
        """Return a pair, when it is scored. Raises CutShortError."""
        return self._scored[prompt.id, one.name].result()

    def drop(self) -> None:
        """Begin nothing more."""
        self._pool.shutdown(wait=True, cancel_futures=True)
