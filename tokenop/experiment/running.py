"""The run itself: rounds of calls, each paired, scored and looked at, until nobody needs to be asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Literal

from tokenop.experiment.asking import CutShortError
from tokenop.experiment.model import BASELINE, Pair, Prompt, Result
from tokenop.experiment.race import Race
from tokenop.experiment.scoring import CheckFn, Judge, pair
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
        pool = ThreadPoolExecutor(self.parallel, thread_name_prefix="run")
        try:
            while asked_now := race.next_round():
                jobs = [(by_id[prompt], by_name[name]) for prompt, names in asked_now for name in names]
                pairs, cut = self._round(pool, jobs, baseline)
                race.tell(pairs)
                asked += len(asked_now)
                self.told(f"{asked} of {len(self.order)} prompts, {len(race.open)} of {len(by_name)} candidates open")
                if cut is not None:
                    race.cut()
                    return Ran(race, baseline, cut.why, str(cut))
        finally:
            # Calls under way are paid: they end and are written; those that wait are not begun.
            pool.shutdown(wait=True, cancel_futures=True)
        return Ran(race, baseline)

    def _round(
        self, pool: ThreadPoolExecutor, jobs: Sequence[tuple[Prompt, Candidate]], baseline: dict[str, Result]
    ) -> tuple[dict[str, list[Pair]], CutShortError | None]:
        """Return the pairs of one round by candidate, up to the first prompt that was not asked of all.

        What comes after that prompt is left out even where it was answered: which prompts still fit under a ceiling
        depends on their length, and a sample of the short ones is no sample.
        """
        prompts = {prompt.id: prompt for prompt, _ in jobs}
        first = {name: pool.submit(self.answering.baseline, prompt) for name, prompt in prompts.items()}
        second = {(prompt.id, one.name): pool.submit(self.answering.candidate, one, prompt) for prompt, one in jobs}
        known, cut = _until_cut([((name, BASELINE), future) for name, future in first.items()])
        others, cut_too = _until_cut(list(second.items()))
        known |= others
        whole = []
        for prompt, one in jobs:
            if (prompt.id, BASELINE) not in known or (prompt.id, one.name) not in known:
                break
            whole.append((prompt, one))
        scored = [
            (
                one.name,
                pool.submit(
                    pair, prompt, known[prompt.id, BASELINE], known[prompt.id, one.name], self.check, self.judge
                ),
            )
            for prompt, one in whole
        ]
        pairs: dict[str, list[Pair]] = {}
        for name, future in scored:
            try:
                found = future.result().decided(self.judge)
            except CutShortError as error:
                cut = cut or error
                break
            pairs.setdefault(name, []).append(found)
            baseline[found.prompt] = found.baseline
        return pairs, cut or cut_too


def _until_cut(
    futures: Sequence[tuple[tuple[str, str], Future[Result]]],
) -> tuple[dict[tuple[str, str], Result], CutShortError | None]:
    found: dict[tuple[str, str], Result] = {}
    cut: CutShortError | None = None
    for name, future in futures:
        try:
            found[name] = future.result()
        except CutShortError as error:
            cut = cut or error
    return found, cut
