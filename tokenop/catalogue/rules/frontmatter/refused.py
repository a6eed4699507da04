"""What the strict reader of YAML refuses, told apart: a plain date is a matter of its own, and can be quoted."""

from __future__ import annotations

import re

from tokenop.catalogue.rules.source import Source
from tokenop.errors import Finding

PLAIN_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?=[ \t]*(?:[,\]}#\n]|\Z))")


def is_plain_date(source: Source, refused: Finding) -> bool:
    """Return whether the YAML was refused for a date without quotes."""
    at = source.offset((refused.line, refused.column))
    return refused.fix == "quote it" and PLAIN_DATE.match(source.text, at) is not None
