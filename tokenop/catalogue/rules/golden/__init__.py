"""Rules on what a template is tried on."""

from tokenop.catalogue.rules.golden import ge001, ge002
from tokenop.catalogue.rules.model import Rule

RULES: tuple[Rule, ...] = (ge001.RULE, ge002.RULE)
