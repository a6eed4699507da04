"""What the gateway's own headers say: labels of a call on the way in, who answered on the way out."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache

from tokenop.gateway.model import Call

Raw = list[tuple[bytes, bytes]]

_LONGEST_SHOWN = 200
TIER = "x-tokenop-tier"


def shown(call: Call, answerer: tuple[str, str] | None, attempt: int | None, cost: Decimal | None) -> Raw:
    """Return the headers of an answer.

    Args:
        call: the call.
        answerer: provider and model that answered; None where nobody did.
        attempt: the number of the attempt that answered.
        cost: what all attempts cost, where that is known by now.
    """
    raw: Raw = [(b"x-tokenop-operation", call.operation_id.encode()), (b"x-tokenop-cache", call.cached.encode())]
    if call.tier is not None:
        raw.append((b"x-tokenop-tier", encoded(call.tier)))
    if answerer is not None:
        raw.append((b"x-tokenop-provider", encoded(answerer[0])))
        raw.append((b"x-tokenop-model", encoded(answerer[1])))
    if attempt is not None:
        raw.append((b"x-tokenop-attempt", b"%d" % attempt))
    if cost is not None:
        raw.append((b"x-tokenop-cost-usd", f"{cost:f}".encode()))
    if call.warnings:
        raw.append((b"x-tokenop-warning", _joined(call.warnings)))
    return raw


def _joined(warnings: Sequence[str]) -> bytes:
    return encoded("; ".join(warnings))


@lru_cache(maxsize=1024)
def encoded(text: str, longest: int = _LONGEST_SHOWN) -> bytes:
    """Return `text` as a header may hold it: printable ASCII, the rest as question marks, not long."""
    printable = "".join(letter if " " <= letter <= "~" else "?" for letter in text[:longest])
    return printable.strip().encode("ascii")
