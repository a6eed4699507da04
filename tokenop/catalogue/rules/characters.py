"""Characters that people do not see, or take for others."""

from __future__ import annotations

import re
from functools import lru_cache

# Format characters, fillers, selectors, tags, controls, private use: whatever a reader of the page does not see.
INVISIBLE = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5"
    "\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ue000-\uf8ff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U000110bd\U000110cd\U00013430-\U0001345f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U0010ffff"
)
_EMOJI = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u24c2\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff\u3030\u303d"
    "\u3297\u3299\U0001f000-\U0001faff"
)
# What a letter that looks like a Latin one would be in: Cyrillic, Armenian, Cherokee, and the Greek look-alikes.
_ALIKE = (
    "\u0391\u0392\u0395-\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03bf\u03f2\u0400-\u052f\u0531-\u0587"
    "\u13a0-\u13ff\u1c80-\u1c8f\u2de0-\u2dff\ua640-\ua69f\uab70-\uabbf"
)
_WIDE = (
    "\uff01-\uff5e\U0001d400-\U0001d7ff\u2460-\u24ff\u2100-\u214f\u1d00-\u1d7f\u00aa\u00ba\u02b0-\u02b8\u2070-\u209c"
)

HIDDEN = re.compile(f"[{INVISIBLE}]+")
MIXED = re.compile(f"[A-Za-z](?=[{_ALIKE}])|[{_ALIKE}](?=[A-Za-z])")
_ONE_HIDDEN = re.compile(f"[{INVISIBLE}]")
_ONE_ALIKE = re.compile(f"[{_ALIKE}]")
_ONE_WIDE = re.compile(f"[{_WIDE}]")
# Selectors and joiners where a drawn character needs them: one selector after it, a joiner between two, three flags.
VISIBLE = re.compile(
    f"(?<=[{_EMOJI}])[\ufe0e\ufe0f](?![\ufe00-\ufe0f])|(?<=[0-9#*])\ufe0f(?=\u20e3)"
    f"|(?<=[{_EMOJI}\ufe0f])\u200d(?=[{_EMOJI}])"
    "|(?<=\U0001f3f4)\U000e0067\U000e0062"
    "(?:\U000e0065\U000e006e\U000e0067|\U000e0073\U000e0063\U000e0074|\U000e0077\U000e006c\U000e0073)\U000e007f"
)
_HIDDEN_OR_PART = re.compile(f"(?P<part>{VISIBLE.pattern})|[{INVISIBLE}]")


def hidden(character: str) -> bool:
    """Return whether a character is one that readers do not see."""
    return _ONE_HIDDEN.match(character) is not None


def alike(character: str) -> bool:
    """Return whether a character belongs to a script whose letters look like Latin ones."""
    return _ONE_ALIKE.match(character) is not None


@lru_cache(maxsize=4096)
def plain(character: str) -> str:
    """Return what a reader takes the character for: nothing, a letter of the usual shape, or itself."""
    if hidden(character):
        return ""
    if _ONE_WIDE.match(character):
        import unicodedata

        folded = unicodedata.normalize("NFKC", character)
        return folded if folded.isascii() else character
    return character


def without_hidden(text: str) -> str:
    """Return the text without what readers do not see; what belongs to a drawn character stays."""
    return _HIDDEN_OR_PART.sub(lambda found: found["part"] or "", text)


def name(character: str) -> str:
    """Return what findings call the character, such as `U+202E RIGHT-TO-LEFT OVERRIDE`."""
    import unicodedata

    code = f"U+{ord(character):04X}"
    return f"{code} {unicodedata.name(character, '')}".rstrip()
