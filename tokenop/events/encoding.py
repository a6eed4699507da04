"""An event as one line of JSON: the one way in which this program writes single events."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

# Numbers, not texts: as they stand, which is with an exponent where they are very small.
_ENCODER = msgspec.json.Encoder(decimal_format="number")


def line(event: Mapping[str, Any]) -> bytes:
    """Return an event as JSON without a line feed, its numbers with all their digits and without exponents.

    A number that is none (NaN, infinite) is null: JSON has no word for it.

    Raises:
        TypeError, UnicodeEncodeError: a value is none that JSON has.
    """
    for value in event.values():
        if value.__class__ is Decimal and (not value.is_finite() or "E" in str(value)):
            return _ENCODER.encode({name: _plain(value) for name, value in event.items()})
    return _ENCODER.encode(event)


def _plain(value: Any) -> Any:
    if value.__class__ is not Decimal:
        return value
    return msgspec.Raw(f"{value:f}".encode()) if value.is_finite() else None
