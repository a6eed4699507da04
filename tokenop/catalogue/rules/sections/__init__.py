"""Rules on sections."""

from tokenop.catalogue.rules.model import Rule

RULES: tuple[Rule, ...] = ()
