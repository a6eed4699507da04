"""Rules on models."""

from tokenop.catalogue.rules.model import Rule

RULES: tuple[Rule, ...] = ()
