"""A trial as data for programs and as a curve for spreadsheets."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from typing import Any

import numpy as np

from tokenop.research.routers.costs import Costs
from tokenop.research.routers.curve import Curve
from tokenop.research.routers.outcomes import Outcomes
from tokenop.research.routers.policy import Trained
from tokenop.research.routers.trial import Judged, Point, Trial

STEPS = 101
"""Points of a curve that are written down, by share of strong calls."""


def as_dict(trial: Trial, costs: Costs) -> dict[str, Any]:
    """Return the trial as JSON-ready fields, in a fixed order, rounded so that machines agree."""
    return {
        "models": {"weak": trial.held_out.weak, "strong": trial.held_out.strong},
        "prompts": {"learned_from": len(trial.learned), "held_out": len(trial.held_out)},
        "seed": trial.seed,
        "draws": trial.draws,
        "alpha": trial.alpha,
        "max_drop": trial.max_drop,
        "costs": {"source": costs.source, "words": costs.words},
        "overhead": {
            "milliseconds": trial.overhead.milliseconds,
            "usd_per_core_hour": trial.overhead.usd_per_core_hour,
            "usd_per_call": round(trial.overhead.usd_per_call, 12) if trial.costs_known else None,
        },
        "held_out": alone(trial.held_out, trial.costs_known),
        "policies": [_judged(one, trial.costs_known) for one in trial.judged],
        "recommended": trial.best.name if trial.best else None,
        "skipped": list(trial.skipped),
    }


def alone(outcomes: Outcomes, costs_known: bool) -> dict[str, Any]:
    """Return quality and cost a call of each model alone."""

    def mean(values: Any) -> float:
        return round(float(np.average(values, weights=outcomes.counts)), 9)

    sides = (
        ("weak", outcomes.weak_quality, outcomes.weak_cost),
        ("strong", outcomes.strong_quality, outcomes.strong_cost),
    )
    return {
        side: {"quality": mean(quality), "usd_per_call": mean(cost) if costs_known else None}
        for side, quality, cost in sides
    }


def file_of(trial: Trial, costs: Costs) -> Trained | None:
    """Return the recommended policy with what was measured of it, to be saved; None where none is recommended."""
    if trial.best is None or trial.best.policy is None:
        return None
    figures = {
        **_judged(trial.best, trial.costs_known),
        "held_out_prompts": len(trial.held_out),
        "held_out_sha256": trial.held_out.sha256,
        "costs": costs.words,
    }
    return replace(trial.best.policy, figures=figures)


def curves(trial: Trial) -> str:
    """Return all curves as CSV: policy, threshold, share of strong calls, quality, US dollars a call."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("policy", "threshold", "strong_share", "quality", "usd_per_call"))
    for one in trial.judged:
        for row in thinned(one.curve):
            cells = [round(value, 9) for value in row]
            writer.writerow((one.name, *cells[:3], cells[3] if trial.costs_known else ""))
    return text.getvalue()


def thinned(curve: Curve) -> list[tuple[float, float, float, float]]:
    """Return (threshold, share, quality, cost) of at most `STEPS` points, the ends with them."""
    wanted = np.searchsorted(curve.shares, np.linspace(0, 1, STEPS) - 1e-12)
    kept = np.unique(np.clip(np.concatenate([[0], wanted, [len(curve.shares) - 1]]), 0, len(curve.shares) - 1))
    cost = curve.shares if curve.cost is None else curve.cost
    return [
        (float(curve.thresholds[at]), float(curve.shares[at]), float(curve.quality[at]), float(cost[at])) for at in kept
    ]


def _judged(one: Judged, costs_known: bool) -> dict[str, Any]:
    return {
        "policy": one.name,
        "apgr": one.apgr.as_dict(),
        "cpt50": one.cpt50.as_dict(),
        "cpt80": one.cpt80.as_dict(),
        "options": dict(one.policy.options) if one.policy else None,
        "fold_scores": list(one.policy.folds) if one.policy else None,
        "does": one.policy.model.words() if one.policy else one.title,
        "at_threshold": _point(one.point, costs_known) if one.point else None,
        "recommended": one.recommended,
        "why": one.why,
    }


def _point(point: Point, costs_known: bool) -> dict[str, Any]:
    return {
        "threshold": round(point.threshold, 9),
        "strong_share": round(point.strong_share, 6),
        "quality": round(point.quality, 6),
        "usd_per_call": round(point.cost, 12) if costs_known else None,
        "quality_over_random_mix": point.vs_mix.as_dict(),
        "quality_over_best_single_model": point.vs_single.as_dict(),
        "chance_does_as_well": round(point.chance, 6),
        "quality_over_better_model": point.vs_best.as_dict(),
        "saving_over_better_model": point.saving.as_dict() if costs_known else None,
    }
