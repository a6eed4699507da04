"""The hashes of each call's prompt, for its rows."""

from __future__ import annotations

from tokenop.gateway.log.hashing import Hasher
from tokenop.gateway.model import Call, Outcome
from tokenop.gateway.rows import NOTES
from tokenop.providers.model import Delta


class PromptHashes:
    """Notes the hashes of what is asked, so that the rows of a call have them."""

    wants_deltas = False

    def __init__(self, hasher: Hasher) -> None:
        """Take who hashes."""
        self._hasher = hasher
        self.on = True

    def began(self, call: Call) -> None:
        """Hash the prompt of a call, unless that is switched off."""
        if self.on:
            call.notes.setdefault(NOTES, {}).update(self._hasher.hashes(call.request))

    def delta(self, call: Call, delta: Delta) -> None:
        """Do nothing."""

    def ended(self, call: Call, outcome: Outcome) -> None:
        """Do nothing."""
