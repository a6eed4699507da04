"""What is checked in templates and in the evidence about them: one rule a file, by group."""

from tokenop.catalogue.rules.legacy import RULES, Rule, finding

__all__ = ["RULES", "Rule", "finding"]
