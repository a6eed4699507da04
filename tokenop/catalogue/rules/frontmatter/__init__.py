"""Rules on the frontmatter as such: that it parses, fits the schema and is written as usual."""

from tokenop.catalogue.rules.frontmatter import fm001, fm002, fm003, fm004, fm005, fm006, fm007, fm008, fm099
from tokenop.catalogue.rules.model import Rule

RULES: tuple[Rule, ...] = (
    fm001.RULE,
    fm002.RULE,
    fm003.RULE,
    fm004.RULE,
    fm005.RULE,
    fm006.RULE,
    fm007.RULE,
    fm008.RULE,
    fm099.RULE,
)
