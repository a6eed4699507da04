"""Rules on the sections of the body."""

from tokenop.catalogue.rules.model import Rule
from tokenop.catalogue.rules.sections import sc001, sc002, sc003, sc004, sc005, sc006

RULES: tuple[Rule, ...] = (sc001.RULE, sc002.RULE, sc003.RULE, sc004.RULE, sc005.RULE, sc006.RULE)
