"""Local keys: made, listed and revoked in one file of the state folder, which holds their hashes alone.

A key is `tok_<id>_<secret>`. The secret is 256 random bits: nobody finds it by trying, with however quick a hash, so a
plain SHA-256 keeps it. A slow hash is for what people think of themselves, and would be paid at every call.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from tokenop.errors import InputError, MisuseError

FILE = "keys.json"
PREFIX = "tok_"
MOST = 10_000
LARGEST = 8 << 20
LONGEST_NAME = 512

_ID = re.compile(r"[0-9a-f]{10}\Z")
_HASH = re.compile(r"[0-9a-f]{64}\Z")
_NAMES = ("user_id", "department", "tenant")


@dataclass(frozen=True, slots=True)
class Key:
    """One key without its secret. `expires` is the last day, in UTC, on which it is good; `revoked` the moment."""

    id: str
    sha256: str
    user_id: str | None
    department: str | None
    tenant: str | None
    created: datetime
    expires: date | None = None
    revoked: datetime | None = None

    @property
    def ends(self) -> float:
        """Return from when on it is not good any more, in seconds since 1970; infinity for never."""
        if self.revoked is not None:
            return self.revoked.timestamp()
        if self.expires is None or self.expires == date.max:  # there is no day after the last that a date can say
            return float("inf")
        return datetime.combine(self.expires + timedelta(days=1), time(), UTC).timestamp()

    def state(self, now: datetime) -> str:
        """Return `active`, `expired` or `revoked`."""
        return "revoked" if self.revoked else "expired" if now.timestamp() >= self.ends else "active"

    def as_dict(self) -> dict[str, object]:
        """Return it as JSON-ready fields, without the hash."""
        return {
            "id": self.id,
            "user_id": self.user_id,
            "department": self.department,
            "tenant": self.tenant,
            "created": self.created.isoformat(),
            "expires": None if self.expires is None else self.expires.isoformat(),
            "revoked": None if self.revoked is None else self.revoked.isoformat(),
        }


def path(state: Path) -> Path:
    """Return where the keys of a state folder lie."""
    return state / FILE


def load(state: Path) -> dict[str, Key]:
    """Return all keys by their id; none where there is no file.

    Raises:
        InputError: the file cannot be read, or is none of ours.
    """
    where = path(state)
    try:
        # Without waiting: what somebody put there may be no file, and a gateway that looks must not stand still.
        handle = os.open(where, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(handle, "rb") as file:
            raw = file.read(LARGEST + 1)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise InputError(f"{where}: cannot be read: {error.strerror or error}") from error
    try:
        if len(raw) > LARGEST:
            raise ValueError("too large")
        entries = [_key(entry) for entry in json.loads(raw)["keys"]]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        fix = "bring it back from a backup; removing it takes all keys away"
        raise InputError(f"{where}: is no file of keys; {fix}") from error
    return {key.id: key for key in entries}


def create(
    state: Path,
    now: datetime,
    *,
    user: str,
    department: str | None = None,
    tenant: str | None = None,
    expires: date | None = None,
) -> tuple[Key, str]:
    """Make a key and return it with the text that its owner keeps, which nobody can say again.

    Raises:
        MisuseError: a name cannot be one, `expires` has passed, or there are too many keys.
        InputError: the file of keys cannot be read or written.
    """
    for option, name in (("--user", user), ("--department", department), ("--tenant", tenant)):
        if name is not None and (not name.strip() or len(name) > LONGEST_NAME or not name.isprintable()):
            raise MisuseError(f"{option}: give 1 to {LONGEST_NAME} printable characters")
    if expires is not None and expires < now.astimezone(UTC).date():
        raise MisuseError(f"--expires {expires}: that day has passed")
    with _alone(state):
        keys = load(state)
        if len(keys) >= MOST:
            raise MisuseError(f"there are {MOST:,} keys already, revoked ones counted")
        name = next(one for one in iter(lambda: secrets.token_hex(5), None) if one not in keys)
        text = f"{PREFIX}{name}_{secrets.token_urlsafe(32)}"
        key = Key(name, hashed(text), user, department, tenant, now, expires)
        _write(state, {**keys, name: key})
    return key, text


def revoke(state: Path, name: str, now: datetime) -> tuple[Key, bool]:
    """Take a key's rights away, and return it with whether it had any. It stays in the list.

    Raises:
        MisuseError: there is no such key.
        InputError: the file of keys cannot be read or written.
    """
    with _alone(state):
        keys = load(state)
        key = keys.get(name)
        if key is None:
            raise MisuseError(f"there is no key {name[:40]!r}; see tokenop keys list")
        if key.revoked is not None:
            return key, False
        key = replace(key, revoked=now)
        _write(state, {**keys, name: key})
    return key, True


def hashed(text: str) -> str:
    """Return what is kept of a key."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _key(entry: Mapping[str, Any]) -> Key:
    user, department, tenant = names = [entry[name] for name in _NAMES]
    if not _ID.match(entry["id"]) or not _HASH.match(entry["sha256"]):
        raise ValueError("no id or no hash")
    if any(not (name is None or isinstance(name, str)) for name in names):
        raise ValueError("a name is no text")
    expires, revoked = entry["expires"], entry["revoked"]
    return Key(
        entry["id"],
        entry["sha256"],
        user,
        department,
        tenant,
        created=_moment(entry["created"]),
        expires=None if expires is None else date.fromisoformat(expires),
        revoked=None if revoked is None else _moment(revoked),
    )


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("a time without a zone")
    return found


@contextlib.contextmanager
def _alone(state: Path) -> Iterator[None]:
    """Hold the file of keys against other commands; wait for them."""
    import fcntl

    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(state / f"{FILE}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise InputError(f"{state}: cannot be written: {error.strerror or error}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _write(state: Path, keys: Mapping[str, Key]) -> None:
    """Write the keys whole or not at all. Others may read them at no moment, which `files.atomic` does not promise."""
    document = {"schema_version": 1, "keys": [{**key.as_dict(), "sha256": key.sha256} for key in keys.values()]}
    where = path(state)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{FILE}.", dir=state)  # mode 0600
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(where)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{where}: cannot be written: {error.strerror or error}") from error
