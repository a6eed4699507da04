"""When two values are the same, and which differences of form a check may be told to overlook."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tokenop.evals.checks.answer import shown, unfenced

_QUOTES = "\"'`“”‘’«»"
# name → what it does to a text. They are applied in this order, whatever the order in which a check names them.
NORMALISATIONS: Mapping[str, Callable[[str], str]] = {
    "fence": unfenced,
    "case": str.casefold,
    "blank-lines": lambda text: "\n".join(line for line in text.splitlines() if line.strip()),
    "spaces": lambda text: "\n".join(re.sub(r"[ \t\u00a0]+", " ", line).strip() for line in text.splitlines()),
    "bullets": lambda text: "\n".join(re.sub(r"^\s*(?:[-*•]|\d{1,3}[.)])\s+", "", line) for line in text.splitlines()),
    "quotes": lambda text: text.strip().strip(_QUOTES),
    "final-stop": lambda text: text.rstrip().removesuffix("."),
}
_NEAR = 1e-9


def normalised(text: str, names: Iterable[str] = ()) -> str:
    """Return a text without the differences that `names` overlook; composed characters and the ends always are."""
    text = unicodedata.normalize("NFC", text).replace("\r\n", "\n").strip()
    chosen = set(names)
    for name, change in NORMALISATIONS.items():
        if name in chosen:
            text = change(text).strip()
    return text


def difference(wanted: Any, given: Any, names: Iterable[str] = (), at: str = "", absolute: float = 0.0) -> str | None:
    """Return where and how two values of JSON differ, in one clause; None where they are the same.

    1 and 1.0 are the same number; true is not 1, nor is "1". The order of keys does not count, that of lists does.

    Args:
        wanted: what it must be.
        given: what it is.
        names: normalisations for texts.
        at: how to call the place where it stands.
        absolute: how far numbers may be off; whole numbers may not, unless this is given.
    """
    where = at or "the answer"
    if isinstance(wanted, Mapping) and isinstance(given, Mapping):
        missing, more = sorted(set(wanted) - set(given)), sorted(str(key) for key in set(given) - set(wanted))
        if missing or more:
            return (
                f"{where} lacks {missing[0]}" if missing else f"{where} has {shown(more[0])}, which was not asked for"
            )
        pairs = [(f"{at}.{key}" if at else str(key), wanted[key], given[key]) for key in wanted]
    elif isinstance(wanted, list | tuple) and isinstance(given, list | tuple):
        if len(wanted) != len(given):
            return f"{where} has {len(given)} items, not {len(wanted)}"
        pairs = [(f"{at}[{i}]", one, given[i]) for i, one in enumerate(wanted)]
    elif _same(wanted, given, names, absolute):
        return None
    else:
        return f"{where} is {shown(given)}, not {shown(wanted)}"
    return next((found for where, one, two in pairs if (found := difference(one, two, names, where, absolute))), None)


def _same(wanted: Any, given: Any, names: Iterable[str], absolute: float) -> bool:
    if isinstance(wanted, bool) or isinstance(given, bool) or wanted is None or given is None:
        return wanted is given
    if isinstance(wanted, int) and isinstance(given, int) and not absolute:
        return wanted == given
    if isinstance(wanted, int | float) and isinstance(given, int | float):
        return near(float_of(wanted), float_of(given), absolute)
    if isinstance(wanted, str) and isinstance(given, str):
        return normalised(wanted, names) == normalised(given, names)
    return False


def near(wanted: float, given: float, absolute: float = 0.0, relative: float = _NEAR) -> bool:
    """Return whether two numbers are as near as allowed; numbers that are not finite never are."""
    return abs(given - wanted) <= max(absolute, relative * abs(wanted))


def float_of(number: float) -> float:
    """Return a number as a float, whole numbers beyond its range as infinite."""
    try:
        return float(number)
    except OverflowError:
        return float("inf")
