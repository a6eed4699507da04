"""Rules on safety."""

from tokenop.catalogue.rules.model import Rule

RULES: tuple[Rule, ...] = ()
