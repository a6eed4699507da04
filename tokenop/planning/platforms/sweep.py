"""Where to set the threshold of a response cache: what each answers and saves, as far as the log can tell."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from typing import Any

import numpy as np

from tokenop.catalogue.model import Lever, Range, Template
from tokenop.economics.levers import response_cache
from tokenop.planning.figures import interval
from tokenop.planning.platforms.model import Analysis, Column, Table, Unknown, dollars
from tokenop.planning.platforms.rules import template
from tokenop.planning.platforms.world import World
from tokenop.planning.study import prepare
from tokenop.profile import thresholds

EXACT = "exact"
PROMPTS = Unknown(
    "what a threshold below exact repeats answers",
    "no call carries its prompt: prompts are collected only where you ask for it",
    "collect with prompts (the setting of your collector that keeps them; docs/events.md), then run this again",
)
HASHES = Unknown(
    "how many calls repeat an earlier one",
    "no call carries a prompt_hash; the platform's usage tables have neither prompts nor their hashes",
    "log prompt_hash where the calls are made (docs/events.md), or collect from a gateway or tracer that has it",
)
QUALITY = Unknown(
    "how many answers at a threshold would be wrong",
    "alike wording is measured here, not whether the earlier answer still holds",
    "read a sample of the pairs just above the threshold, and take the lowest at which you would sign all of them",
)
_COLUMNS = (
    Column("threshold", "threshold"),
    Column("hit_share", "hits", "share"),
    Column("hits_monthly", "hits a month", "count"),
    Column("savings_monthly_usd", "saves, P10 to P90", "interval"),
    Column("quality", "quality"),
)


def analyse(world: World, title: str) -> Analysis:
    """Return hits and saving by threshold, for the calls that the shipped cache template would act on."""
    base = next((one for one in world.templates if one.id == "semantic-caching"), None)
    if base is None or not world.count:
        return Analysis("caching", title, "There is no call to answer from a cache.", unknown=(HASHES,))
    lever = base.levers[0]
    seen = world.row(
        f"SELECT coalesce(sum(n), 0)::HUGEINT AS calls, count(prompt_hash) AS hashed, "
        f"coalesce(sum(n) FILTER (prompt_hash IS NULL), 0)::HUGEINT AS bare "
        f"FROM {world.calls} WHERE (\n{lever.where}\n) IS TRUE"
    )
    if not seen["hashed"]:
        return Analysis(
            "caching", title,
            f"{int(seen['calls']):,} calls could be answered from a cache; how many repeat is unknown.",
            unknown=(HASHES, PROMPTS), figures={"eligible_calls": int(seen["calls"])},
        )  # fmt: skip
    measured = thresholds.uplift(world.connection, lever.where, world.calls)
    levels = [(EXACT, 0.0), *((f"{level:g}", part) for level, part in sorted((measured or {}).items(), reverse=True))]
    rows = [_point(world, base, lever, name, part) for name, part in levels]
    unknown = [QUALITY if measured else PROMPTS]
    hashed = int(seen["calls"]) - int(seen["bare"])
    if seen["bare"]:
        unknown.append(
            dataclasses.replace(HASHES, why=f"{seen['bare']:,} calls carry no prompt_hash; they are left out")
        )
    exact = rows[0]
    saved = exact["savings_monthly_usd"]["expected"]
    summary = (
        f"{exact['hit_share']:.1%} of {hashed:,} cacheable calls repeat an earlier one word for word "
        f"within 24 hours: a cache of those alone saves {dollars(saved)} a month."
    )
    figures = {
        "eligible_calls": int(seen["calls"]),
        "calls_without_hash": int(seen["bare"]),
        "prompts": measured is not None,
        "look_up_usd": float(lever.parameters["lookup_usd"].expected),
        "share": 1.0,
    }
    return Analysis(
        "caching", title, summary, (Table("sweep", "By threshold", _COLUMNS, rows),), tuple(unknown), figures
    )


def _point(world: World, base: Template, lever: Lever, name: str, part: float) -> dict[str, Any]:
    """Return one threshold: all cacheable calls are looked up, what is measured is no range."""
    one, none = Decimal(1), Range(*(Decimal(0),) * 3, "assumed", "not counted where it is not known")
    fixed = {
        "hit_rate": none,
        "share": Range(one, one, one, "assumed", "all calls that the template selects"),
        "semantic_uplift": Range(*(Decimal(repr(part)),) * 3, "measured", "prompts of this log"),
    }
    if name == EXACT:
        # The same prompt is looked up by its hash: no embedding is bought, and no other prompt is answered.
        fixed |= {"false_hit_rate": none, "lookup_usd": none}
    own = dataclasses.replace(lever, parameters={**lever.parameters, **fixed}, index=0)
    change = template(f"{base.id}-{name}", own)
    study = prepare(world.connection, [change], world.book, world.spread, world.draws, world.seed, world.calls)
    alone = frozenset({change.id})
    bound, cells = study.bounds[0], study.cells
    calls = cells.calls.sum(axis=0) * cells.match[bound.name]
    repeats = cells.repeat[response_cache.repeat_column(bound)]
    known = ~np.isnan(repeats)
    hits = float((calls * (repeats + (1 - repeats) * part))[known].sum())
    looked = float(calls[known].sum())
    return {
        "threshold": name,
        "hit_share": round(hits / looked, 6) if looked else 0.0,
        "hits_monthly": round(hits * study.monthly),
        "savings_monthly_usd": interval(study.savings(alone), study.saving(alone)),
        "quality": "the same words" if name == EXACT else "alike wording: not checked",
    }
