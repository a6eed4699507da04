"""`implementation.yaml`: what a run measured, as `tokenop submit-implementation` takes it. Only what was measured."""

from __future__ import annotations

import shlex
from decimal import Decimal
from pathlib import Path
from typing import Any

from tokenop import documents
from tokenop.errors import Finding, FindingsError, InputError
from tokenop.experiment.report import Measured

FILE = "implementation.yaml"
# Fields of an implementation that a run can measure; who did it, where and how long it took only people know.
MEASURED = (
    "cost_before_usd", "cost_after_usd", "calls_before", "calls_after", "quality_before", "quality_after", "method",
)  # fmt: skip
_TEXTS = ("method", "template", "version")
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


def read(path: Path, template: str | None = None) -> dict[str, Any]:
    """Return the fields that a run measured, for `tokenop submit-implementation`: numbers and texts of an entry.

    `path` is the folder of a run, or its file. `template` is what the entry will be about, None: whatever was run.

    Raises:
        InputError: the run is of made-up or recorded answers, nothing passed, or it was of another template: that is
            no implementation of this one. Or the file cannot be read.
        FindingsError: the file is none that a run writes.
    """
    if path.is_dir():
        path = path / FILE
    found = documents.load_yaml(path)
    meta = found.meta
    wrong = [_finding(found, name) for name in (*MEASURED, "template", "version") if not _sound(name, meta.get(name))]
    if wrong:
        raise FindingsError(wrong)
    if meta.get("ready") is not True or meta.get("origin") != "live":
        why = meta.get("why_not")
        raise InputError(f"{path}: {why if isinstance(why, str) else 'not an entry that a run calls ready'}")
    if template is not None and meta.get("template") != template:
        raise InputError(f"{path}: the run was of {meta.get('template')}, not of {template}")
    return {name: _text(meta[name]) for name in (*MEASURED, "version") if meta.get(name) is not None}


def _sound(name: str, value: object) -> bool:
    if value is None or name in _TEXTS:
        return value is None or isinstance(value, str)
    return isinstance(value, int | Decimal) and not isinstance(value, bool) and value >= 0


def _finding(found: documents.Document, name: str) -> Finding:
    line, column = found.line(name)
    what = "is no text" if name in _TEXTS else "is no number from 0 on"
    fix = f"give the {FILE} that `tokenop run` writes"
    return Finding(str(found.path), line, name, "run-entry", "error", what, column=column, fix=fix)


def _text(value: object) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else str(value)
