"""What a routing file may say although this version does not do it: carried, and told by `tokenop route test`.

When a part is built, its line goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

# Setting of a rule → what follows from it today, and whether the rule then decides nothing at all: a rule whose
# answers were to be checked must not send calls to a small model unchecked.
OF_RULES: Mapping[str, tuple[str, bool]] = MappingProxyType(
    {
        "cascade": ("no call follows the rule", True),
        "verify": ("no answer could be checked, so no call follows the rule", True),
        "shadow": ("no second model is asked", False),
        "stop_when": ("the rule does not stop by itself: watch the rate, and set share to 0", False),
        "spill_when": ("calls go to the fallback when the target fails or is too slow, not before", False),
    }
)
# Setting → what follows from it today.
TOP: Mapping[str, str] = MappingProxyType(
    {
        "limits": "no request is changed",
        "autonomy": "no change takes effect by itself",
        "regions": "calls are answered where they arrive",
    }
)


def of_rule(rule: Mapping[str, Any]) -> tuple[tuple[str, ...], str | None]:
    """Return which settings of a rule nothing does yet, and why the rule decides nothing (None: it decides)."""
    said = tuple(name for name in OF_RULES if name in rule)
    off = next((f"`{name}` is declared, not executed by this version" for name in said if OF_RULES[name][1]), None)
    return said, off


def top(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings beside the rules that nothing does yet, by their place."""
    found: dict[str, Any] = {}
    for name in [name for name in TOP if name != "autonomy"]:
        value: Any = settings
        for part in name.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        if value and not (isinstance(value, Mapping) and value.get("enabled") is False):
            found[name] = value
    if settings.get("autonomy") == "auto":
        found["autonomy"] = "auto"
    return found
