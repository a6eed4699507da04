"""What two ways of asking the same thing have in common to the letter: numbers, names, quotations, negations.

Vectors of "order 1007" and "order 1008", or of "do" and "do not", lie side by side. So a question is compared with
those alone that agree in these.
"""

from __future__ import annotations

import re

# Enough for the languages that questions mostly come in; what is missed here is left to the comparisons.
_WORDS = """
no not never none nor neither without cannot nothing nobody except unless
nicht kein keine keinen keinem keiner nie niemals ohne
ne pas jamais sans aucun aucune rien nunca sin ningún ninguna nada não nem sem non mai senza
"""
NEGATIONS = frozenset(_WORDS.split())
_QUOTED = re.compile(r"[\"“„«`]([^\"“”„«»`\n]{1,200})[\"”»`]")
_SIGNS = frozenset("@/\\_#$€£¥%<>=+*{}[]|~^&§°×÷√")
_ENDS = ".,;:!?…()\"'“”„«»`¿¡-–—"
_STOPS = frozenset(".!?…:")


def telling(text: str) -> tuple[str, ...]:
    """Return what a paraphrase of `text` must not change, in order of the alphabet."""
    found = [quoted.casefold() for quoted in _QUOTED.findall(text)]
    begins = True
    for word in text.split():
        bare = word.strip(_ENDS)
        if bare and _tells(bare, begins=begins):
            found.append(bare.casefold())
        begins = word[-1] in _STOPS
    return tuple(sorted(found))


def _tells(bare: str, *, begins: bool) -> bool:
    if bare.isalpha() and bare.islower():
        return bare in NEGATIONS
    small = bare.casefold()
    if small in NEGATIONS or small.endswith(("n't", "n’t")):
        return True
    # A capital tells a name, but for the one that a sentence begins with, and the English I.
    capital = bare[1:] != bare[1:].lower() or (not begins and bare[0].isupper() and bare not in _I)
    return capital or any(sign.isdigit() or sign in _SIGNS for sign in bare)


_I = frozenset({"I", "I'm", "I've", "I'd", "I'll", "I’m", "I’ve", "I’d", "I’ll"})
