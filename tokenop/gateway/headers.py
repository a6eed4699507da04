"""What the gateway's own headers say: labels of a call on the way in, who answered on the way out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from tokenop.gateway.model import Call, Wire

Raw = list[tuple[bytes, bytes]]

LONGEST = 512  # as in the event schema
_LONGEST_SHOWN = 200
# Header → the event's field.
LABELS: Mapping[str, str] = MappingProxyType(
    {
        "x-tokenop-intent": "intent",
        "x-tokenop-session": "session_id",
        "x-tokenop-task": "task_id",
        "x-tokenop-agent": "agent_id",
        "x-tokenop-domain": "domain",
        "x-tokenop-region": "region",
        "x-tokenop-user": "user_id",
        "x-tokenop-department": "department",
        "x-tokenop-tenant": "tenant",
    }
)
FIELDS = frozenset(LABELS.values())
TIER = "x-tokenop-tier"


def labels_of(headers: Mapping[str, str], body: dict[str, Any], wire: Wire) -> dict[str, str]:
    """Return what the caller says of the call, by the event's field; headers win over `metadata`.

    Labels are taken out of `body["metadata"]`: they are for this gateway, and providers refuse what they do not know.
    What no event can hold is left out.
    """
    labels: dict[str, str] = {}
    metadata = body.get("metadata")
    if isinstance(metadata, dict) and not FIELDS.isdisjoint(metadata):
        labels = {name: said for name in FIELDS if (said := cleaned(metadata.get(name))) is not None}
        theirs = {"user_id"} if wire == "anthropic-messages" else frozenset[str]()
        kept = {name: value for name, value in metadata.items() if name not in FIELDS or name in theirs}
        if kept:
            body["metadata"] = kept
        else:
            del body["metadata"]
    for header in LABELS.keys() & headers.keys():
        said = cleaned(headers[header])
        if said is not None:
            labels[LABELS[header]] = said
    return labels


def cleaned(value: object) -> str | None:
    """Return `value` as an event may hold it: one line that can be printed, not empty, not too long; else None."""
    if not isinstance(value, str) or not value:
        return None
    value = value[:LONGEST].strip()
    return value if value and value.isprintable() else None


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
def encoded(text: str) -> bytes:
    """Return `text` as a header may hold it: printable ASCII, the rest as question marks, not long."""
    printable = "".join(letter if " " <= letter <= "~" else "?" for letter in text[:_LONGEST_SHOWN])
    return printable.strip().encode("ascii")
