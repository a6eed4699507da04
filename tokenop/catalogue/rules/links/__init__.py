"""Rules on links."""

from tokenop.catalogue.rules.links import lk001, lk002, lk003
from tokenop.catalogue.rules.links.external import external
from tokenop.catalogue.rules.model import Rule

RULES: tuple[Rule, ...] = (lk001.RULE, lk002.RULE, lk003.RULE)
"""All rules on links."""

__all__ = ["RULES", "external"]
