"""The door of the gateway: which callers are let in, and as whom."""

from __future__ import annotations

import hmac
import ipaddress
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenop.errors import InputError
from tokenop.gateway.identity import keys
from tokenop.gateway.model import Identity, RefusedCallError

NOBODY = Identity()
_NEAR = frozenset({"localhost", "127.0.0.1", "::1"})
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9._-]{1,253}))\.?(?::[0-9]{1,5})?\Z")
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]{0,40}://(.{1,300})\Z")
_REMEMBERED = 256
_MAKE = "make one with: tokenop keys create --user NAME"

Entry = tuple[bytes, float, bool, Identity]


def is_loopback(host: str) -> bool:
    """Return whether an address to listen at is of this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class _Rules:
    """What the project says of callers, swapped as one. `good` are headers that were found good before."""

    required: bool | None
    names: frozenset[str]
    any_name: bool
    pages: frozenset[str]
    good: set[str]

    def check_host(self, host: str) -> None:
        """Refuse a name under which nobody should know this gateway."""
        name = _name(host)
        if name is None or not (self.any_name or name in self.names):
            raise RefusedCallError(
                "this name is none of this gateway; name it in tokenop/gateway.yaml under keys.hosts",
                status=403,
                kind="unknown_host",
            )
        if len(self.good) < _REMEMBERED:
            self.good.add(host)

    def welcomes(self, origin: str) -> bool:
        """Return whether the script of a page may call."""
        match = _ORIGIN.match(origin)
        return match is not None and (origin in self.pages or _name(match[1]) in self.names)

    def check_page(self, origin: str | None) -> None:
        """Refuse what the script of another site's page sends."""
        if origin is not None and self.welcomes(origin):
            return
        raise RefusedCallError(
            "a page of another site may not call this gateway; name it in tokenop/gateway.yaml under keys.origins",
            status=403,
            kind="foreign_origin",
        )


class KeyedDoor:
    """Knows callers by their local keys.

    On the loopback address everybody is let in as long as there is no key at all; from the first on they are needed,
    unless `keys: {required: false}` says otherwise. Any other address always needs them.

    A page in a browser can send requests to this machine, too. It is refused, by the headers in which browsers say
    whose page asks, and under which name it found this machine (which a page can have led here).
    """

    def __init__(
        self,
        state: Path,
        host: str,
        own: Mapping[str, Any],
        *,
        tell: Callable[[str], None] = lambda line: None,  # noqa: ARG005
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Read the keys.

        Args:
            state: the state folder.
            host: the address that is listened at.
            own: `tokenop/gateway.yaml` as it stands.
            tell: gets what a person should know.
            clock: seconds since 1970.

        Raises:
            InputError: the keys cannot be read.
        """
        self._state = state
        self.near = is_loopback(host)
        self._host = host.strip("[]").lower()
        self._tell = tell
        self._clock = clock
        self._entries = _entries(keys.load(state))
        self.settings(own)

    @property
    def path(self) -> Path:
        """Return the file to look after: `reload` belongs to each change of it."""
        return keys.path(self._state)

    @property
    def count(self) -> int:
        """Return how many keys there are, good or not."""
        return len(self._entries)

    @property
    def needed(self) -> bool:
        """Return whether a caller without a key is refused."""
        required = self._rules.required
        return not self.near or required is True or (required is None and bool(self._entries))

    def settings(self, own: Mapping[str, Any]) -> None:
        """Take up `tokenop/gateway.yaml`."""
        section: Mapping[str, Any] = own.get("keys", {})
        hosts = section.get("hosts", ())
        self._rules = _Rules(
            required=section.get("required"),
            names=frozenset((*_NEAR, self._host, *hosts)),
            # Where keys are always needed, a page that was led here has none: any name is good until names are given.
            any_name=not self.near and not hosts,
            pages=frozenset(section.get("origins", ())),
            good=set(),
        )

    def reload(self) -> None:
        """Read the keys again. A file that vanished or was broken opens no door: the keys of before stay."""
        try:
            found = keys.load(self._state)
        except InputError as error:
            self._tell(f"the keys of before stay: {error}")
            return
        if not found and self._entries:
            self._tell(f"the keys of before stay: {self.path} holds none any more; restart to take them away")
            return
        self._entries = _entries(found)

    def welcomes(self, origin: str) -> bool:
        """Return whether the script of a page may call, and read what it is answered."""
        return self._rules.welcomes(origin)

    def identify(self, headers: Mapping[str, str]) -> Identity:
        """Return who asks; headers by small names.

        Raises:
            RefusedCallError: 403 for a page of another site; 401 where a key is needed, and is missing, unknown,
                expired or revoked. It says nothing of what was shown.
        """
        rules = self._rules
        host = headers.get("host")
        if host is not None and host not in rules.good:
            rules.check_host(host)
        origin = headers.get("origin")
        if origin is not None or headers.get("sec-fetch-site") == "cross-site":
            rules.check_page(origin)
        shown = headers.get("x-api-key", "")
        if shown[:4] != keys.PREFIX:
            shown = headers.get("authorization", "")
            if shown[:7].lower() == "bearer ":
                shown = shown[7:].strip()
        if shown[:4] == keys.PREFIX:
            entry = self._entries.get(shown[4:14])
            if entry is not None:
                return self._judged(entry, shown)
            if self._entries or self.needed:
                raise _refused("this key is not known here; see tokenop keys list", "unknown_key")
        if self.needed:
            raise _refused(f"a key of this gateway is needed, as the SDK's API key; {_MAKE}", "missing_key")
        return NOBODY

    def _judged(self, entry: Entry, shown: str) -> Identity:
        digest, ends, revoked, identity = entry
        if not hmac.compare_digest(digest, keys.hashed(shown).encode()):
            raise _refused("this key is not known here; see tokenop keys list", "unknown_key")
        if self._clock() >= ends:
            word = "revoked" if revoked else "expired"
            raise _refused(f"this key {'was ' if revoked else ''}{word}; {_MAKE}", f"{word}_key")
        return identity


def _name(host: str) -> str | None:
    match = _HOST.match(host)
    return (match[1] or match[2]).lower().rstrip(".") if match else None


def _entries(found: Mapping[str, keys.Key]) -> dict[str, Entry]:
    return {
        key.id: (
            key.sha256.encode(),
            key.ends,
            key.revoked is not None,
            Identity(key.id, key.user_id, key.department, key.tenant),
        )
        for key in found.values()
    }


def _refused(message: str, kind: str) -> RefusedCallError:
    return RefusedCallError(message, status=401, kind=kind)
