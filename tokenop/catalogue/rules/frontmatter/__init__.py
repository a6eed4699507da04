"""Rules on frontmatter."""

from tokenop.catalogue.rules.model import Rule

RULES: tuple[Rule, ...] = ()
