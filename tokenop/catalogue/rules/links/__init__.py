"""Rules on links."""

from tokenop.catalogue.rules.model import Rule

RULES: tuple[Rule, ...] = ()
