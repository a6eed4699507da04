"""What a caller says of a call: in headers, or in the metadata that SDKs can send along."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tokenop.gateway.model import Identity, Wire

LONGEST = 512  # as in the event schema
# Beyond it nothing is even looked at: cleaning is for what somebody meant.
_READ = 4 * LONGEST

_HEADERS = (
    ("x-tokenop-intent", "intent"),
    ("x-tokenop-session", "session_id"),
    ("x-tokenop-task", "task_id"),
    ("x-tokenop-agent", "agent_id"),
    ("x-tokenop-domain", "domain"),
    ("x-tokenop-region", "region"),
    ("x-tokenop-user", "user_id"),
    ("x-tokenop-department", "department"),
    ("x-tokenop-tenant", "tenant"),
)
_FIELDS = frozenset(field for _, field in _HEADERS)
_KEPT: Mapping[str, frozenset[str]] = {"anthropic-messages": frozenset({"user_id"})}
_NONE: frozenset[str] = frozenset()


def labels(
    headers: Mapping[str, str], body: dict[str, Any], identity: Identity, wire: Wire
) -> tuple[dict[str, str], Identity]:
    """Return what the caller says of the call, and who asks with what the caller adds to it.

    A header wins over metadata, and what the key says over both. The labels are of `intent`, `session_id`, `task_id`,
    `agent_id`, `domain` and `region`: those alone that are said, each 1 to 512 printable characters. They are taken out
    of `body["metadata"]`: providers refuse what they do not know.

    Args:
        headers: by small names.
        body: as it came; nothing of it is trusted.
        identity: what the key says.
        wire: how `body` speaks.
    """
    said: dict[str, str] = {}
    metadata = body.get("metadata")
    if metadata.__class__ is dict and not _FIELDS.isdisjoint(metadata):
        _take(body, metadata, _KEPT.get(wire, _NONE), said)
    user = body.get("user")
    if user is not None and "user_id" not in said and (text := cleaned(user)):
        said["user_id"] = text
    for name, field in _HEADERS:
        value = headers.get(name)
        if value is not None and (text := cleaned(value if value.isascii() else _decoded(value))):
            said[field] = text
    user, department, tenant = said.pop("user_id", None), said.pop("department", None), said.pop("tenant", None)
    if user is department is tenant is None:
        return said, identity
    own = identity.user_id or user, identity.department or department, identity.tenant or tenant
    return said, Identity(identity.key_id, *own)


def _take(body: dict[str, Any], metadata: Mapping[str, Any], theirs: frozenset[str], said: dict[str, str]) -> None:
    """Move labels from the metadata of `body` to `said`; `theirs` belong to the wire, and stay there too."""
    kept = {}
    for name, value in metadata.items():
        if name in _FIELDS and (text := cleaned(value)):
            said[name] = text
        if name not in _FIELDS or name in theirs:
            kept[name] = value
    if kept:
        body["metadata"] = kept
    else:
        del body["metadata"]


def _decoded(value: str) -> str:
    """Return what a header says in UTF-8, in which all but a few clients write what is not ASCII."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value


def cleaned(value: object) -> str:
    """Return `value` as a row may hold it, empty for nothing: of texts what can be printed, of whole numbers digits."""
    if value.__class__ is int and -(10**18) < value < 10**18:
        return str(value)
    if not isinstance(value, str):
        return ""
    if len(value) <= LONGEST and value.isprintable():
        return value.strip()
    return "".join(one for one in value[:_READ] if one.isprintable()).strip()[:LONGEST].rstrip()
