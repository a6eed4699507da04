"""Rules on graph."""

from tokenop.catalogue.rules.model import Rule

RULES: tuple[Rule, ...] = ()
