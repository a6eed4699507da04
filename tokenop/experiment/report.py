"""`evaluation-report.yaml`: what was asked, what was found, what it cost, and where each number comes from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tokenop import __version__
from tokenop.experiment import figures, targets
from tokenop.experiment.model import Reply, Result
from tokenop.experiment.race import Standing
from tokenop.experiment.running import Ran
from tokenop.experiment.setup import Setup
from tokenop.experiment.sides import Candidate, Move

SCHEMA_VERSION = 1
ORIGIN = {
    "quality": "scores of the answers in answers.jsonl: checks, then references, then the judge; the interval is a "
    "confidence sequence (betting), valid at every look, its error shared among the candidates",
    "cost": "tokens that the providers reported, times the price of the day; the interval is a paired bootstrap over "
    "prompts",
    "latency": "wall-clock time of each call, calls of one answer added up",
    "evaluation": "every call in answers.jsonl, those of judges and fallbacks included",
}

_RECORDED = {
    "quality": "recorded outcomes of both models; the interval is a confidence sequence (betting), valid at every "
    "look, its error shared among the candidates",
    "latency": "not recorded",
    "evaluation": "nothing was asked",
}


@dataclass(frozen=True)
class Measured:
    """A run that ended. `judge` is what the judges measured of themselves, None without one.

    `outcomes` says where costs come from, where recorded outcomes were evaluated and nobody was asked.
    """

    setup: Setup
    ran: Ran
    replies: tuple[Reply, ...]
    prices_hash: str
    source: str
    judge: Mapping[str, Any] | None = None
    outcomes: str | None = None

    @property
    def best(self) -> Standing | None:
        """Return the candidate to take: it passed, and of those it costs least and less than today."""
        found = self.ran.race.best()
        share = None if found is None else found.share_of_cost
        return found if share is not None and share < 1 else None

    @property
    def shown(self) -> Standing:
        """Return the candidate whose answers become optimized.csv: the best one, else the one that came closest."""
        order = {"pass": 0, "inconclusive": 1, "fail": 2}
        race = self.ran.race
        ranked = sorted(
            race.standings.values(),
            key=lambda one: (
                one.name in race.yardsticks,
                order[one.verdict],
                one.share_of_cost is None,
                one.share_of_cost or 0.0,
                one.name,
            ),
        )
        return self.best or ranked[0]

    @property
    def origin(self) -> str:
        """Return the weakest origin of the answers: made up, recorded, or live."""
        kinds = {reply.origin for reply in self.replies}
        if self.setup.sample or "sample" in kinds:
            return "sample"
        replayed = "recorded" in kinds or self.source.startswith("recordings")  # where all are missing, none says so
        return "recorded" if replayed or self.outcomes is not None else "live"

    def results(self, side: str | None) -> Iterable[Result]:
        """Return what the baseline (None) or a candidate made of the prompts that both answered, by prompt."""
        standing = self.shown if side is None else self.ran.race.standings[side]
        pairs = sorted(standing.pairs, key=lambda pair: pair.prompt)
        return [pair.baseline if side is None else pair.candidate for pair in pairs if not pair.infrastructure]


def document(measured: Measured, run_id: str) -> dict[str, Any]:
    """Return the report: plain data, the same for the same answers."""
    setup, ran = measured.setup, measured.ran
    wanted = setup.wanted
    segments = {prompt.id: prompt.segment for prompt in setup.order}
    standings = ran.race.standings
    best = measured.best
    return {
        "schema_version": SCHEMA_VERSION,
        "run": run_id,
        "origin": measured.origin,
        "verdict": _verdict(measured),
        "recommended": None if best is None else best.name,
        "shown": measured.shown.name,
        "baseline": {"name": setup.baseline_name, "models": _models(setup)},
        "candidates": [
            {
                **_about(one, setup),
                "yardstick": one.name in ran.race.yardsticks,
                **figures.candidate(standings[one.name], segments, wanted.seed),
            }
            for one in sorted(setup.candidates, key=lambda one: one.name)
        ],
        "not_evaluated": [
            {"template": one.template, "lever": one.lever, "code": one.code, "why": one.why} for one in setup.skipped
        ],
        "prompts": {
            "given": len(setup.all_prompts),
            "sampled": len(setup.order),
            "asked": len(ran.baseline),
            "judged_by": _judged_by(measured),
            "segments": _segments(setup, ran),
        },
        "ended": {"early": ran.cut, "why": ran.cut_detail or None},
        "evaluation": spending(measured.replies),
        "judge": None if measured.judge is None else {**measured.judge, "also_answer": _both(setup)},
        "settings": {
            "sample_size": wanted.sample_size,
            "seed": wanted.seed,
            "confidence": wanted.confidence,
            "early_stopping": wanted.early,
            "max_output_tokens": wanted.max_output,
        },
        "inputs": {
            "prompts_sha256": setup.prompts_sha256,
            "plan_sha256": None if wanted.plan is None else wanted.plan.sha256,
            "events_hash": None if wanted.plan is None else wanted.plan.events_hash,
            "prices_hash": measured.prices_hash,
            "answers": measured.source,
            "tokenop_version": __version__,
        },
        "origins": {**ORIGIN, **({} if measured.outcomes is None else _RECORDED | {"cost": measured.outcomes})},
    }


def spending(replies: Iterable[Reply]) -> dict[str, Any]:
    """Return what the run itself cost, calls that failed included: a provider may charge for them.

    Recorded answers cost nothing now; what they once cost is not counted.
    """
    found: dict[str, Any] = {}
    all_of = list(replies)
    for role, name in (("answer", "answers"), ("judge", "judging")):
        calls = [one for one in all_of if one.role == role]
        live = [one for one in calls if one.origin == "live"]
        known = [one.cost_usd for one in live if one.cost_usd is not None]
        found[name] = {
            "calls": len(calls),
            "usd": float(round(sum(known, Decimal(0)), 9)),
            "unpriced_calls": len(live) - len(known),
            "errors": dict(sorted(Counter(one.error_kind for one in calls if one.error_kind).items())),
        }
    found["usd"] = round(found["answers"]["usd"] + found["judging"]["usd"], 9)
    return found


def _both(setup: Setup) -> list[str]:
    """Return the judges who also answer: a model may prefer what sounds like itself."""
    chains = [*map(setup.today, setup.order), *(one.targets for one in setup.candidates)]
    answering = {targets.full_name(target) for chain in chains for target in chain}
    return sorted({targets.full_name(target) for chain in setup.judges for target in chain} & answering)


def _verdict(measured: Measured) -> str:
    race = measured.ran.race
    verdicts = {one.verdict for name, one in race.standings.items() if name not in race.yardsticks}
    if "pass" in verdicts:
        return "pass"
    return "inconclusive" if "inconclusive" in verdicts else "fail"


def _about(one: Candidate, setup: Setup) -> dict[str, Any]:
    plan = setup.wanted.plan
    predicted = plan.predicted.get(one.template) if plan is not None and one.template else None
    return {
        "name": one.name,
        "title": one.title,
        "template": one.template,
        "version": one.version,
        "changes": [{"kind": move.kind, "to": _to(move), "fallback": move.fallback} for move in one.moves],
        "concerns": len(setup.order)
        if (ids := one.concerned) is None
        else sum(prompt.id in ids for prompt in setup.order),
        "predicted_percent": None if predicted is None else [float(value) for value in predicted],
    }


def _to(move: Move) -> list[str]:
    chains = [*([move.chain] if move.chain else []), *move.chains.values()]
    return sorted({targets.shown(chain) for chain in chains})


def _models(setup: Setup) -> list[dict[str, Any]]:
    first = [setup.today(prompt)[0] for prompt in setup.order]
    counted = Counter((targets.biller_of(one), one.model) for one in first)
    return [{"provider": provider, "model": model, "prompts": n} for (provider, model), n in sorted(counted.items())]


def _judged_by(measured: Measured) -> dict[str, int]:
    order = measured.setup.order
    if measured.outcomes is not None:
        return {"outcome": len(order)}
    found = Counter("check" if one.check else "reference" if one.reference else "neither" for one in order)
    return {name: found[name] for name in ("check", "reference", "neither")}


def _segments(setup: Setup, ran: Ran) -> list[dict[str, Any]]:
    given = Counter(prompt.segment for prompt in setup.all_prompts.values())
    sampled = Counter(prompt.segment for prompt in setup.order)
    asked = Counter(setup.all_prompts[name].segment for name in ran.baseline)
    return [
        {"intent": name[0], "tenant": name[1], "given": given[name], "sampled": sampled[name], "asked": asked[name]}
        for name in sorted(given)
    ]
