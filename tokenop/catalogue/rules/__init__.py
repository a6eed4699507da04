"""What is checked in templates and in the evidence about them: one rule a file, by group."""

from tokenop.catalogue.rules import (
    cross_layer,
    economics,
    frontmatter,
    golden,
    graph,
    identity,
    levers,
    links,
    models,
    patches,
    reports,
    safety,
    sections,
    suppressions,
)
from tokenop.catalogue.rules.model import Rule

GROUPS: dict[str, tuple[Rule, ...]] = {
    "Frontmatter": frontmatter.RULES,
    "Identity": identity.RULES,
    "Levers and expressions": levers.RULES,
    "Patches": patches.RULES,
    "Economics": economics.RULES,
    "Models": models.RULES,
    "Sections": sections.RULES,
    "Links": links.RULES,
    "Graph": graph.RULES,
    "Cross-layer templates": cross_layer.RULES,
    "Reports": reports.RULES,
    "Safety": safety.RULES,
    "Golden tasks": golden.RULES,
    "Suppressions": suppressions.RULES,
}
"""All rules, by what they are about."""

RULES: dict[str, Rule] = {rule.id: rule for rules in GROUPS.values() for rule in rules}
"""All rules by identifier."""
