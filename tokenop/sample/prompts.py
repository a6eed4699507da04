"""Prompts as the event log sees them: a number of tokens, a hash of the whole, and hashes of its leading blocks."""

from __future__ import annotations

from dataclasses import dataclass, field

# Tokens a block of `prefix_hashes`. Providers cache nothing below 1,024 tokens, so finer blocks would show no more.
BLOCK = 1024

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class Names:
    """Gives out short names in the place of hashes: what matters is only which are equal (and the file stays small)."""

    def __init__(self, letter: str) -> None:
        self._letter = letter
        self._given = 0

    def new(self) -> str:
        """Return a name not given out before."""
        number, text = self._given, ""
        self._given += 1
        while number or not text:
            number, digit = divmod(number, 36)
            text = _DIGITS[digit] + text
        return self._letter + text


@dataclass
class Prompt:
    """A prompt that grows at its end. `blocks` are the names of its full leading blocks, `rest` the tokens after."""

    names: Names
    blocks: tuple[str, ...] = ()
    rest: int = 0
    last: str = field(default="")

    @property
    def tokens(self) -> int:
        """Return the length of the whole prompt in tokens."""
        return len(self.blocks) * BLOCK + self.rest

    @property
    def hashes(self) -> list[str]:
        """Return the names of all blocks, the last one shorter than the others where tokens are left over."""
        return [*self.blocks, self.last] if self.rest else list(self.blocks)

    def grown(self, tokens: int) -> Prompt:
        """Return this prompt with `tokens` new ones at its end: what was there stays the same, block for block."""
        full, rest = divmod(self.rest + tokens, BLOCK)
        added = tuple(self.names.new() for _ in range(full))
        return Prompt(self.names, self.blocks + added, rest, self.names.new() if rest else "")

    def shared(self, other: Prompt) -> int:
        """Return how many leading tokens in whole blocks this prompt has in common with `other`."""
        same = 0
        for mine, theirs in zip(self.blocks, other.blocks, strict=False):
            if mine != theirs:
                break
            same += 1
        return same * BLOCK
