"""Rules on cross-layer."""

from tokenop.catalogue.rules.model import Rule

RULES: tuple[Rule, ...] = ()
