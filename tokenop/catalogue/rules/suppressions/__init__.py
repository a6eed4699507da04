"""Rules on suppressions: each names a rule, a reason and a day on which it ends, and hides something."""

from tokenop.catalogue.rules.model import Rule
from tokenop.catalogue.rules.suppressions import su001, su002, su003, su004, su005, su006

RULES: tuple[Rule, ...] = (su001.RULE, su002.RULE, su003.RULE, su004.RULE, su005.RULE, su006.RULE)
