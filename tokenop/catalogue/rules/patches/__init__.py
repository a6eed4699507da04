"""Rules on patches."""

from tokenop.catalogue.rules.model import Rule
from tokenop.catalogue.rules.patches import pt001, pt002, pt003, pt004

RULES: tuple[Rule, ...] = (pt001.RULE, pt002.RULE, pt003.RULE, pt004.RULE)
