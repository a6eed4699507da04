"""What counts as success and how much a report weighs: all numbers in one place, each with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

SUCCESS_REDUCTION = Decimal("0.20")
"""Share of a call's cost. The product's acceptance criterion: at least 20 % against the baseline."""

QUALITY_LOSS = Decimal("0.01")
"""Points of quality (0 to 1) that may be lost in any case. The same criterion: at most 1 % absolute."""

APPROVING_REVIEWS = 3
"""Different people, not the author. The same criteria again."""

APPROVAL_RATINGS = 4
"""Of the seven areas. Nobody knows all of them, but who can judge fewer than half can comment, and not approve."""

APPROVING_CONFIDENCE = Decimal("0.85")
"""A template is approved above this, not at it."""

TARGET_SUCCESS = Decimal("0.90")
"""More than this share of implementations is to succeed: the product's definition of success."""

MEASURED_WEIGHT = Decimal(1)
"""A report with calls, windows and method of both sides can be checked: it is the unit."""

REPORTED_WEIGHT = Decimal("0.25")
"""A figure without them often compares a busy month with a quiet one. Four of them weigh as much as one that was
measured, so with the prior below no number of reports under twenty approves a template by itself."""

HALF_LIFE_DAYS = 365
"""Prices and models change: most models are retired within one to two years. After a year a report weighs half."""

PRIOR_STRENGTH = Decimal(2)
"""The prior weighs as much as two measured reports. Then five fresh successes in a row, and nothing else, approve a
template in a layer without history: (1 + 5) / (2 + 5) = 0.857. Four do not: 0.833."""

PRIOR_MEAN = Decimal("0.5")
"""Where a layer has no history, success is as likely as failure: nobody has shown anything yet."""

WINDOW_DAYS = 7
"""The least number of days before a saving counts as measured: a week, since weekends differ from weekdays."""

WINDOWS: Mapping[str, int] = MappingProxyType(
    {
        "prompt-caching": 7,
        "provider-fallback-groq": 7,
        "retrieval-before-planning": 30,
        "subagent-context-isolation": 84,
    }
)
"""Days by template, from the design: caching and a provider's promotion a week, retrieval 30 days (an index grows),
context isolation 12 weeks (sessions of agents are few and differ much)."""

CATEGORY_WINDOWS: Mapping[str, int] = MappingProxyType({"caching": 7, "routing": 7, "retrieval": 30})
"""The same by category, for templates that are not named."""


def window_days(template: str, category: str = "") -> int:
    """Return how many days each of the two windows of a measured implementation must have."""
    return WINDOWS.get(template, CATEGORY_WINDOWS.get(category, WINDOW_DAYS))
