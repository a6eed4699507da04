"""Rules on what templates say about one another."""

from tokenop.catalogue.rules.graph import gr001, gr002, gr003, gr004, gr005
from tokenop.catalogue.rules.model import Rule

RULES: tuple[Rule, ...] = (gr001.RULE, gr002.RULE, gr003.RULE, gr004.RULE, gr005.RULE)
