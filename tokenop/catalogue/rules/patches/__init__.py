"""Rules on patches."""

from tokenop.catalogue.rules.model import Rule
from tokenop.catalogue.rules.patches import pt001, pt002

RULES: tuple[Rule, ...] = (pt001.RULE, pt002.RULE)
