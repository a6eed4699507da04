"""Rules on models: that they are known, and that they will be there."""

from tokenop.catalogue.rules.model import Rule
from tokenop.catalogue.rules.models import md001, md002

RULES: tuple[Rule, ...] = (md001.RULE, md002.RULE)
