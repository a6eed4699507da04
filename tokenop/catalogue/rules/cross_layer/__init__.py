"""Rules on templates that change several layers at once."""

from tokenop.catalogue.rules.cross_layer import xl001, xl002, xl003, xl004, xl005, xl006
from tokenop.catalogue.rules.model import Rule

RULES: tuple[Rule, ...] = (xl001.RULE, xl002.RULE, xl003.RULE, xl004.RULE, xl005.RULE, xl006.RULE)
