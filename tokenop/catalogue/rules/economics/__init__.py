"""Rules on what a template claims to save, and on what that rests."""

from tokenop.catalogue.rules.economics import (
    ec001,
    ec002,
    ec003,
    ec004,
    ec005,
    ec006,
    ec007,
    ec008,
    ec009,
    ec010,
    ec011,
)
from tokenop.catalogue.rules.model import Rule

RULES: tuple[Rule, ...] = (
    ec001.RULE,
    ec002.RULE,
    ec003.RULE,
    ec004.RULE,
    ec005.RULE,
    ec006.RULE,
    ec007.RULE,
    ec008.RULE,
    ec009.RULE,
    ec010.RULE,
    ec011.RULE,
)
