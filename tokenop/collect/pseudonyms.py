"""Pseudonyms: the same person has the same name in every run and from every source, and nobody can tell who it is.

A pseudonym is a keyed hash (HMAC-SHA-256), so that trying out all e-mail addresses gives nothing without the key. The
key comes from `$TOKENOP_PSEUDONYM_KEY`, which machines that shall agree have in common, or from a file of this machine.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tokenop import settings
from tokenop.database import identifier
from tokenop.errors import InputError, MisuseError

if TYPE_CHECKING:
    import duckdb

VARIABLE = "TOKENOP_PSEUDONYM_KEY"
FILE = "pseudonym.key"
PREFIX = "u-"
TABLE = "pseudonyms"
_LEAST = 16
_CHUNK = 100_000


@dataclass(frozen=True, slots=True)
class Key:
    """The key, which is never shown; where it comes from, and whether it was made just now."""

    secret: bytes = field(repr=False)
    source: str
    new: bool = False

    def pseudonym(self, name: str) -> str:
        """Return the pseudonym of `name`: `u-` and 16 hexadecimal digits."""
        return PREFIX + hmac.digest(self.secret, name.encode("utf-8"), hashlib.sha256).hex()[:16]


def find(environment: Mapping[str, str] = os.environ, home: Path | None = None) -> Key:
    """Return the key of the environment, or else of the file in `home`, which is made at first use.

    Raises:
        MisuseError: the variable holds too little to be a key.
        InputError: the file cannot be read or written, or others may read it.
    """
    given = environment.get(VARIABLE)
    if given is not None:
        if len(given.encode()) < _LEAST:
            raise MisuseError(f"{VARIABLE}: is shorter than {_LEAST} bytes; `openssl rand -hex 32` makes a good one")
        return Key(given.encode(), f"${VARIABLE}")
    path = (home or settings.home()) / FILE
    try:
        new = not path.exists() and _make(path)
        if os.name == "posix" and path.stat().st_mode & 0o077:
            raise InputError(f"{path}: others may read this key; chmod 600 it, or remove it to have a new one made")
        secret = path.read_bytes().strip()
    except OSError as error:
        raise InputError(f"{path}: the key of pseudonyms cannot be kept here: {error.strerror or error}") from error
    if len(secret) < _LEAST:
        raise InputError(f"{path}: is too short to be a key; remove it to have a new one made")
    return Key(secret, str(path), new)


def store(connection: duckdb.DuckDBPyConnection, scan: str, column: str, key: Key) -> str:
    """Create the temporary table `pseudonyms` (`value`, `replaced`) for a column of `scan`; return its name."""
    name = identifier(column)
    rows = connection.execute(f"SELECT DISTINCT {name} FROM {scan} WHERE {name} IS NOT NULL ORDER BY 1").fetchall()
    values = [str(row[0]) for row in rows]
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {TABLE} (value VARCHAR, replaced VARCHAR)")
    for first in range(0, len(values), _CHUNK):
        part = values[first : first + _CHUNK]
        connection.execute(
            f"INSERT INTO {TABLE} SELECT unnest(?::VARCHAR[]), unnest(?::VARCHAR[])",
            [part, [key.pseudonym(value) for value in part]],
        )
    return TABLE


def _make(path: Path) -> bool:
    """Write a new key for this user alone; return whether it is ours (another process may have been quicker)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        # A link appears whole or not at all, and never over a key that is there already.
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(temporary)
            return True
    finally:
        temporary.unlink(missing_ok=True)
    return False
