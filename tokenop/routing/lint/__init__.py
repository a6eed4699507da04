"""What is checked in routing configs: one rule a file."""

from __future__ import annotations

from tokenop.routing.lint import (
    rt010,
    rt011,
    rt012,
    rt013,
    rt014,
    rt015,
    rt016,
    rt017,
    rt018,
    rt019,
    rt020,
    rt021,
    rt022,
    rt023,
)
from tokenop.routing.lint.model import LintRule

# Checked while the files are read: a config that fails one of these cannot be used at all.
READING = (
    LintRule(
        "RT001",
        "error",
        what="The files are strict YAML and fit the schema.",
        why="What is read in two ways is read wrongly by somebody.",
    ),
    LintRule(
        "RT002",
        "error",
        what="Conditions are expressions over the facts of a call, with what is allowed in them.",
        why="They are asked of every call: they must be quick, and mean to the router what they mean to DuckDB.",
    ),
    LintRule(
        "RT003",
        "error",
        what="Every provider, tier and model that is named is there.",
        why="A name that leads nowhere is found out at the first call.",
    ),
    LintRule(
        "RT004",
        "error",
        what="Nothing contradicts itself: one target a rule, no rule to a tier for explicit use, a limit in a budget.",
        why="Either half could be meant.",
    ),
    LintRule(
        "RT005",
        "error",
        what="Tiers that follow one another do not run in a circle.",
        why="A chain must end.",
    ),
)
CHECKS = (
    rt010.RULE,
    rt011.RULE,
    rt012.RULE,
    rt013.RULE,
    rt014.RULE,
    rt015.RULE,
    rt016.RULE,
    rt017.RULE,
    rt018.RULE,
    rt019.RULE,
    rt020.RULE,
    rt021.RULE,
    rt022.RULE,
    rt023.RULE,
)
SUPPRESSING = LintRule(
    "RT024",
    "warning",
    what="An entry of `suppress` hides a finding that there is, for a year at most.",
    why="What is hidden for ever is forgotten.",
)
RULES = {rule.id: rule for rule in (*READING, *CHECKS, SUPPRESSING)}
"""All rules by identifier."""
