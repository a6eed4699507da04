"""Redaction before anything is written: the patterns of `tokenop.collect.redact`, over all texts of a call at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_MEMORY = "128MB"


class Redactor:
    """Redacts texts. It holds a DuckDB connection, whose patterns take linear time whatever the text; for one thread.

    DuckDB is imported when the first text comes: a gateway that captures nothing never pays for it.
    """

    def __init__(self) -> None:
        """Open nothing yet."""
        self._connection: Any = None

    def redacted(self, texts: Sequence[str]) -> list[str]:
        """Return the texts without secrets, e-mail addresses and numbers that name a person or an account.

        Raises:
            duckdb.Error: they could not be redacted.
        """
        from tokenop.collect import redact
        from tokenop.database import connect

        if self._connection is None:
            self._connection = connect(memory_limit=_MEMORY)
            self._connection.execute("SET threads = 1")
        changed = redact.texts(self._connection, texts)
        return [changed[text] for text in texts]

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
