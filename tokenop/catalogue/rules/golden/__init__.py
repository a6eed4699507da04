"""Rules on golden."""

from tokenop.catalogue.rules.model import Rule

RULES: tuple[Rule, ...] = ()
