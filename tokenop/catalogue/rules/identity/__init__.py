"""Rules on what a template is called and where it stands."""

from tokenop.catalogue.rules.identity import id001, id002, id003, id004, id005, id006, id007
from tokenop.catalogue.rules.model import Rule

RULES: tuple[Rule, ...] = (id001.RULE, id002.RULE, id003.RULE, id004.RULE, id005.RULE, id006.RULE, id007.RULE)
