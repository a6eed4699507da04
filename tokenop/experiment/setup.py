"""From what somebody asks for to a run that can begin: prompts, today's model, candidates, and what is left out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tokenop.errors import FindingsError, InputError, MisuseError, NoInputError
from tokenop.experiment import candidates as made
from tokenop.experiment import checking, prompts, sampling, targets
from tokenop.experiment.model import Prompt, Skipped
from tokenop.experiment.planned import Planned
from tokenop.experiment.sides import Candidate
from tokenop.experiment.targets import Chain
from tokenop.planning.text import LONGEST, visible
from tokenop.providers.base import Target

if TYPE_CHECKING:
    import duckdb

    from tokenop.catalogue.model import Template
    from tokenop.prices.book import PriceBook
    from tokenop.routing.model import RoutingConfig

CONFIDENCE = 0.95
MAX_DROP = Decimal("0.01")
_KEYLESS = "recorded answers (--recordings DIR) and outcomes (--outcomes DIR) need no keys"


class Usable(Protocol):
    """What says whether a target can be asked."""

    def unusable(self, target: Target) -> str | None:
        """Return why not, None where it can."""
        ...


@dataclass(frozen=True)
class Wanted:
    """What somebody asks for; paths as they were given."""

    plan: Planned | None = None
    prompts: Path | None = None
    events: Path | None = None
    baseline: str | None = None
    candidates: tuple[str, ...] = ()
    judges: tuple[str, ...] = ()
    config: RoutingConfig | None = None
    sample_size: int = 100
    max_drop: Decimal | None = None
    max_output: int | None = None
    confidence: float = CONFIDENCE
    early: bool = False
    seed: int = 0


@dataclass(frozen=True)
class Setup:
    """A run that can begin. `order` are the sampled prompts in the order in which they are asked."""

    wanted: Wanted
    all_prompts: Mapping[str, Prompt]
    order: tuple[Prompt, ...]
    candidates: tuple[Candidate, ...]
    skipped: tuple[Skipped, ...]
    today: Callable[[Prompt], Chain]
    baseline_name: str
    judges: tuple[Chain, ...]
    prompts_sha256: str
    sample: bool
    run_id: str = field(default="")


def prepare(
    wanted: Wanted,
    connection: duckdb.DuckDBPyConnection,
    book: PriceBook,
    templates: Sequence[Template],
    usable: Usable,
    at: datetime,
    scratch: Path,
) -> Setup:
    """Return the run that `wanted` describes.

    Raises:
        FindingsError: prompts or plan have errors.
        InputError: today's model cannot be asked, or none of the candidates.
        MisuseError: nothing says which model answers today, or a name means none.
        NoInputError: there is no prompt, or nothing to evaluate.
    """
    found = _prompts(wanted, scratch)
    today = _today(wanted, found)
    chosen = _chosen(wanted, templates)
    candidates: list[Candidate] = []
    skipped: list[Skipped] = []
    if chosen:
        candidates, skipped = made.from_templates(connection, book, chosen, found, today, at, usable.unusable)
        if wanted.plan is None:  # nobody chose these: that they leave answers alone is no news
            skipped = [one for one in skipped if one.code not in ("leaves-answers-alone", "not-here")]
    drop = MAX_DROP if wanted.max_drop is None else wanted.max_drop
    for name in wanted.candidates:
        chain, policy = targets.named(name, wanted.config), targets.policy(name, wanted.config)
        candidates.append(made.from_chain(name, chain, drop, policy))
    if wanted.config is not None and not wanted.candidates and wanted.plan is None:
        candidates.append(made.from_routing(wanted.config, found, today, drop))
    if wanted.max_drop is not None:
        candidates = [_with_tolerance(one, wanted.max_drop) for one in candidates]
    _distinct(candidates)
    if not candidates:
        keyless = any(one.code == "not-usable" for one in skipped)
        message = "\n".join(["there is nothing to evaluate:", *map(_said, skipped), *([_KEYLESS] if keyless else [])])
        raise InputError(message) if keyless else NoInputError(message)
    judges = tuple(targets.named(name, wanted.config) for name in wanted.judges)
    concerned = [one.concerned for one in candidates]
    pool = [one for one in found if any(ids is None or one.id in ids for ids in concerned)]
    order = sampling.sample(pool, wanted.sample_size, wanted.seed)
    _askable(order, today, candidates, judges, usable)
    names = sorted({targets.shown(today(prompt)) for prompt in order})
    return Setup(
        wanted=wanted,
        all_prompts={prompt.id: prompt for prompt in found},
        order=order,
        candidates=tuple(candidates),
        skipped=tuple(skipped),
        today=today,
        baseline_name=names[0] if len(names) == 1 else f"today's {len(names)} models",
        judges=judges,
        prompts_sha256=_digest([_content(prompt, today(prompt)) for prompt in sorted(found, key=lambda one: one.id)]),
        sample=any(prompt.sample for prompt in order),
    )


def run_id(setup: Setup, source: str) -> str:
    """Return the name of a run: the same question has the same name, so that it goes on where it stopped.

    Money and time do not belong to the question: with more of them the same run goes on.
    """
    wanted = setup.wanted
    question = {
        "prompts": [_content(prompt, setup.today(prompt)) for prompt in setup.order],
        "candidates": [_candidate(one) for one in setup.candidates],
        "judges": [_chain(one) for one in setup.judges],
        "settings": [wanted.sample_size, str(wanted.confidence), wanted.early, wanted.seed, wanted.max_output],
        "source": source,
    }
    return _digest(question)[:12]


def _prompts(wanted: Wanted, scratch: Path) -> tuple[Prompt, ...]:
    if wanted.prompts is not None:
        return prompts.read(wanted.prompts, checking.complaint)
    if wanted.events is None:
        raise NoInputError("there are no prompts: give --input prompts.jsonl, or events that carry their prompts")
    return prompts.from_events(wanted.events, scratch)


def _today(wanted: Wanted, found: Sequence[Prompt]) -> Callable[[Prompt], Chain]:
    if wanted.baseline is not None:
        one = targets.named(wanted.baseline, wanted.config)
        return lambda _: one
    silent = [prompt for prompt in found if prompt.provider is None or prompt.model is None]
    if silent:
        raise MisuseError(
            f"{len(silent):,} of {len(found):,} prompts do not say which model answers them today: give --baseline "
            "provider/model, or `provider` and `model` in each line"
        )
    return lambda prompt: (targets.of(prompt.provider or "", prompt.model or ""),)


def _chosen(wanted: Wanted, templates: Sequence[Template]) -> list[Template]:
    """Return the templates of the plan; without plan and candidates, all that may be planned with."""
    if wanted.plan is not None:
        by_id = {template.id: template for template in templates}
        missing = sorted(set(wanted.plan.chosen) - set(by_id))
        if missing:
            raise InputError(f"{wanted.plan.path}: these templates are not here: {', '.join(missing)}")
        return [by_id[name] for name in wanted.plan.chosen]
    if wanted.candidates or wanted.config is not None:
        return []
    return [template for template in templates if template.status in ("proposed", "approved")]


def _with_tolerance(candidate: Candidate, drop: Decimal) -> Candidate:
    from dataclasses import replace

    return replace(candidate, tolerance=drop)


def _distinct(candidates: Sequence[Candidate]) -> None:
    names = [candidate.name for candidate in candidates]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise MisuseError(f"given twice: {', '.join(twice)}")


def _askable(
    order: Sequence[Prompt],
    today: Callable[[Prompt], Chain],
    candidates: Sequence[Candidate],
    judges: Sequence[Chain],
    usable: Usable,
) -> None:
    """Raise InputError where somebody who is needed cannot be asked; each is named once.

    Of a chain one has to be there: that is what a chain is for.
    """
    chains = {targets.shown(one): one for one in (*(today(prompt) for prompt in order), *judges)}
    for one in candidates:
        moved = [move.asked(prompt.id) for move in one.moves for prompt in order if move.concerns(prompt.id)]
        chains |= {targets.shown(chain): chain for chain in moved if chain}
    reasons = []
    for _, chain in sorted(chains.items()):
        why = [usable.unusable(target) for target in chain]
        if None not in why:
            reasons += [f"{targets.full_name(target)}: {reason}" for target, reason in zip(chain, why, strict=True)]
    if reasons:
        raise InputError("\n".join([*dict.fromkeys(reasons), _KEYLESS]))


def _said(skipped: Skipped) -> str:
    return f"  {skipped.template} ({skipped.lever}): {visible(skipped.why)[:LONGEST]}"


def _chain(chain: Chain) -> list[Any]:
    return [targets.described(target) for target in chain]


def _content(prompt: Prompt, today: Chain) -> list[Any]:
    turns = [[message.role, [getattr(part, "text", "") for part in message.parts]] for message in prompt.messages]
    judged = [prompt.reference, prompt.check, prompt.guard]
    return [prompt.id, prompt.system, turns, prompt.max_output_tokens, *judged, _chain(today)]


def _candidate(one: Candidate) -> list[Any]:
    moves = [
        [move.kind, _chain(move.chain), {name: _chain(one) for name, one in move.chains.items()}, move.fallback,
         dict(move.donors), None if move.prompts is None else sorted(move.prompts)]
        for move in one.moves
    ]  # fmt: skip
    return [one.name, str(one.tolerance), one.template, one.version, moves]


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()


__all__ = ["FindingsError", "Setup", "Wanted", "prepare", "run_id"]
