"""`implementation.yaml`: what a run measured, as `tokenop submit-implementation` takes it. Only what was measured."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from tokenop import documents
from tokenop.errors import InputError
from tokenop.experiment.report import Measured

FILE = "implementation.yaml"
# Fields of an implementation that a run can measure; who did it, where and how long it took only people know.
MEASURED = (
    "cost_before_usd", "cost_after_usd", "calls_before", "calls_after", "quality_before", "quality_after", "method",
)  # fmt: skip
_OPTIONS = {
    "cost_before_usd": "--baseline-cost",
    "cost_after_usd": "--optimized-cost",
    "calls_before": "--calls-before",
    "calls_after": "--calls-after",
    "quality_before": "--quality-before",
    "quality_after": "--quality-after",
    "method": "--method",
}


def document(measured: Measured, run_id: str, figures: dict[str, Any]) -> dict[str, Any]:
    """Return the entry of the candidate that is shown; `figures` is its part of the report."""
    refusal = _refusal(measured)
    cost, quality = figures["cost"], figures["quality"]
    fields = {
        "cost_before_usd": cost["before_usd"],
        "cost_after_usd": cost["after_usd"],
        "calls_before": cost["prompts"],
        "calls_after": cost["prompts"],
        "quality_before": quality["before"],
        "quality_after": quality["after"],
        "method": f"tokenop run {run_id}: {quality_text(figures)}; the same prompts answered by both",
    }
    template = figures["template"]
    return {
        "schema_version": 1,
        "run": run_id,
        "template": template,
        "version": figures["version"],
        "origin": measured.origin,
        "ready": refusal is None,
        "why_not": refusal,
        **fields,
        "command": None if refusal else _command(template, figures["version"], fields),
    }


def quality_text(figures: dict[str, Any]) -> str:
    """Return verdict and numbers in a sentence."""
    prompts, quality = figures["prompts"], figures["quality"]
    scored = f"{figures['verdict']} on {prompts['scored']} scored prompts"
    return f"{scored}, {quality['worse']} worse, {quality['better']} better"


def _refusal(measured: Measured) -> str | None:
    if measured.origin == "sample":
        return "prompts or answers are made up: that is no implementation"
    if measured.origin == "recorded":
        return "the answers are recordings: that is no implementation"
    best = measured.best
    if best is None:
        return "no candidate passed and cost less"
    if next(one for one in measured.setup.candidates if one.name == best.name).template is None:
        return "no template was evaluated: an entry is about a template"
    return None


def _command(template: str, version: str, fields: dict[str, Any]) -> str:
    words = ["tokenop", "submit-implementation", template, "--version", version]
    for name, option in _OPTIONS.items():
        if fields[name] is not None:
            words += [option, _plain(fields[name])]
    return shlex.join(words)


def _plain(value: object) -> str:
    return f"{value:.9f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def read(path: Path) -> dict[str, Any]:
    """Return the fields that a run measured, for `tokenop submit-implementation`.

    Raises:
        InputError: the run is of made-up or recorded answers, or nothing passed: that is no implementation.
        FindingsError: the file is none that a run writes.
    """
    found = documents.load_yaml(path).meta
    if found.get("ready") is not True or found.get("origin") != "live":
        raise InputError(f"{path}: {found.get('why_not') or 'not an entry that a run calls ready'}")
    return {name: found[name] for name in (*MEASURED, "version") if found.get(name) is not None}
