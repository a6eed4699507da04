"""What the owner of a platform asks: spend, endpoints, jobs, machines; each answer computed, or said to be unknown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenop import __version__
from tokenop.planning.platforms import databricks, snowflake
from tokenop.planning.platforms.effect import Effect
from tokenop.planning.platforms.model import Analysis, money
from tokenop.planning.platforms.world import World

SCHEMA_VERSION = 1
DEFAULT_BY = {"databricks": databricks.BY, "snowflake": snowflake.BY}

PLATFORMS: Mapping[str, Callable[[World, Path], tuple[tuple[Analysis, ...], Effect | None]]] = {
    "databricks": databricks.analyse,
    "snowflake": snowflake.analyse,
}


@dataclass(frozen=True)
class Found:
    """All analyses of a platform, and what re-routing does to the whole."""

    platform: str
    world: World
    analyses: tuple[Analysis, ...]
    effect: Effect | None

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready fields: the same inputs give the same ones."""
        world = self.world
        known = self.effect
        monthly = self.analyses[0].figures["monthly_usd"]
        sample = world.row(f"SELECT count(*) AS some FROM {world.calls} WHERE starts_with(id, 'sample-')")["some"] > 0
        return {
            "schema_version": SCHEMA_VERSION,
            "platform": self.platform,
            "sample": sample,
            "window": {**world.opened.window.as_dict(), "extrapolated": world.spread.extrapolated}
            if world.count
            else None,
            "scope": {"calls": world.count, "where": world.where},
            "baseline_monthly_usd": monthly,
            "reroute": [rule.as_dict() for rule in world.rules],
            "after_monthly_usd": None if known is None else money(world.a_month(known.after)),
            "savings_monthly_usd": None if known is None or known.before is None else known.saving,
            "analyses": [one.as_dict() for one in self.analyses],
            "inputs": {
                **world.inputs,
                "prices_hash": world.book.hash,
                "draws": world.draws,
                "seed": world.seed,
                "tokenop_version": __version__,
            },
            "next": "tokenop plan" if world.plan is None else "tokenop report",
        }


def analyse(platform: str, world: World, scratch: Path) -> Found:
    """Return all analyses of a platform; `scratch` is a folder for the length of the work."""
    analyses, whole = PLATFORMS[platform](world, scratch)
    return Found(platform, world, analyses, whole)
