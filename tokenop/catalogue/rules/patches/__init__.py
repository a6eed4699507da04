"""Rules on patches."""

from tokenop.catalogue.rules.model import Rule

RULES: tuple[Rule, ...] = ()
