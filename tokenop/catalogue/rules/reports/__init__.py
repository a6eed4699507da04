"""Rules on reports."""

from tokenop.catalogue.rules.model import Rule

RULES: tuple[Rule, ...] = ()
