"""What the candidate that passed needs in a project: a router's rule, a cache's settings. None for others."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from tokenop.catalogue.model import Template
from tokenop.errors import FindingsError, MisuseError
from tokenop.experiment import figures, targets
from tokenop.experiment.race import Standing
from tokenop.experiment.report import Measured

KINDS = ("router-config", "cache-config")
FIRST_SHARE = 0.05


def files(measured: Measured, run_id: str, templates: Sequence[Template]) -> dict[str, str]:
    """Return names and contents of the files under `patches/`; empty where no candidate is recommended."""
    best = measured.best
    if best is None:
        return {}
    candidate = next(one for one in measured.setup.candidates if one.name == best.name)
    head = f"# Measured by `tokenop run` {run_id}: {best.verdict}, on {len(best.pairs)} prompts ({measured.origin}).\n"
    if candidate.template is not None:
        template = next((one for one in templates if one.id == candidate.template), None)
        return {} if template is None else _of_template(template, head)
    chain = next((move.chain for move in candidate.moves if move.chain), ())
    if not chain:  # a routing config is its own patch
        return {}
    target = chain[0]
    intents = sorted({measured.setup.all_prompts[pair.prompt].intent or "" for pair in best.pairs} - {""})
    harmed = sorted(set(intents) & _harmed(best, measured))
    if intents and harmed:
        intents = [name for name in intents if name not in harmed]
        head += "# Left out, since they got worse by more than is allowed: " + ", ".join(map(ascii, harmed)) + "\n"
        if not intents:
            return {}
    rule: dict[str, Any] = {
        "when": _when(intents),
        "to": {"provider": targets.biller_of(target), "model": target.model},
        "fallback": "requested",
        "share": FIRST_SHARE,
        "sticky_by": "session_id",
    }
    return {"router.yaml": head + _yaml({"rules": {f"run-{run_id}": rule}})}


def _of_template(template: Template, head: str) -> dict[str, str]:
    """Return the template's own router and cache settings, its parameters at their defaults."""
    from tokenop.applying import filling

    found: dict[str, str] = {}
    for patch in template.patches:
        if patch.kind not in KINDS:
            continue
        try:
            text = filling.filled(template, patch, filling.values(template, {}))
        except (FindingsError, MisuseError):
            continue  # it wants a value that only its user knows: `template-apply` asks for it
        found[PurePosixPath(patch.target).name] = head + text
    return found


def _harmed(best: Standing, measured: Measured) -> set[str]:
    """Return the intents that got worse by more than the mean may: a verdict is of all of them together."""
    names = {name: prompt.segment for name, prompt in measured.setup.all_prompts.items()}
    parts = figures.segments(best.pairs, names, "intent")
    return {part["intent"] for part in parts if part["difference"] < -best.tolerance}


def _when(intents: Sequence[str]) -> str:
    """Return the condition that holds for what was evaluated, and for nothing else."""
    if not intents:
        return "true"
    return "intent IN (" + ", ".join("'" + name.replace("'", "''") + "'" for name in intents) + ")"


def _yaml(document: Mapping[str, Any]) -> str:
    from tokenop.profile.yaml_text import dump

    return dump(dict(document))


def safe_name(name: str) -> str:
    """Return a name fit to be one of a file."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name)[:80].strip("-.") or "candidate"
