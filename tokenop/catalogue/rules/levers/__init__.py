"""Rules on levers and their expressions."""

from tokenop.catalogue.rules.levers import ex001, lv001, lv002, lv003, lv004
from tokenop.catalogue.rules.model import Rule

RULES: tuple[Rule, ...] = (ex001.RULE, lv001.RULE, lv002.RULE, lv003.RULE, lv004.RULE)
