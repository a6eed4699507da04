"""Rules on what could harm those who read or apply a file."""

from tokenop.catalogue.rules.model import Rule
from tokenop.catalogue.rules.safety import se001, se002, se003, se004, se005, se006

RULES: tuple[Rule, ...] = (se001.RULE, se002.RULE, se003.RULE, se004.RULE, se005.RULE, se006.RULE)
