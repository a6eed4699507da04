"""Rules on identity."""

from tokenop.catalogue.rules.model import Rule

RULES: tuple[Rule, ...] = ()
