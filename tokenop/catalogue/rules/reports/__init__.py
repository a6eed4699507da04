"""Rules on evidence: reviews and implementations."""

from tokenop.catalogue.rules.model import Rule
from tokenop.catalogue.rules.reports import rp001, rp002, rp003, rp004, rp005, rp006, rp007

RULES: tuple[Rule, ...] = (rp001.RULE, rp002.RULE, rp003.RULE, rp004.RULE, rp005.RULE, rp006.RULE, rp007.RULE)
