"""Rules on levers."""

from tokenop.catalogue.rules.model import Rule

RULES: tuple[Rule, ...] = ()
