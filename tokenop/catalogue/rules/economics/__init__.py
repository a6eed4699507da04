"""Rules on economics."""

from tokenop.catalogue.rules.model import Rule

RULES: tuple[Rule, ...] = ()
