"""The only words that a comment is made of: what each rule says, and what can be said of a whole run."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Words(NamedTuple):
    """What is wrong, and what to do, each one plain sentence of ours."""

    what: str
    how: str


Note = Literal["waiting", "missing", "unusable", "unlike", "engine", "moved", "many"]

NOTES: dict[Note, str] = {
    "waiting": "The checks have not run yet: a maintainer must approve them once for a first contribution. "
    "What follows is what the main branch's own linter says.",
    "missing": "No result of the checks was found for this commit. "
    "What follows is what the main branch's own linter says.",
    "unusable": "The checks left a report that is not in order, so nothing in it was used. "
    "What follows is what the main branch's own linter says.",
    "unlike": "The checks of this pull request and the main branch's linter disagree; the main branch's holds. "
    "Merge the main branch into this one; if that does not settle it, look at what this change does to the checks.",
    "engine": "This change edits the code that checks it: a green mark is a hint and no proof. Read that part first.",
    "moved": "Some findings are about files that are neither in this change nor on the main branch: not listed.",
    "many": "This change has more files than GitHub lists; what is not listed was not looked at.",
}

_EVENT = Words("The sample gives an event that breaks an invariant.", "Correct map.sql; docs/events.md says the rules.")
# Checks that are not among the linter's rules, by the beginning of their identifier.
_OTHERS: dict[str, Words] = {
    "COLLECTOR-EXPECTED": Words(
        "The sample does not give what stands in the expected file.",
        "Run `tokenop collectors check` and correct map.sql, or write what is expected anew with `--update`.",
    ),
    "TRIAL-PATCH": Words(
        "A patch does not apply to a scratch project as it must, or rolling back leaves something behind.",
        "Run `tokenop test-template --template PATH --dry-run`, which says what, and correct the patch.",
    ),
    "COLLECTOR-": Words(
        "The collector is not as it must be.", "Run `tokenop collectors check` on it: each finding says what to write."
    ),
    "PRICE-": Words("The dated prices are not in order.", "Run `tokenop prices coverage`: it names file and line."),
    "EV-": Words(
        "The sample gives an event that breaks an invariant.", "Correct map.sql; docs/events.md says the rules."
    ),
    "SPEC-": Words(
        "The sample gives an event that breaks an invariant.", "Correct map.sql; docs/events.md says the rules."
    ),
    "sql-": Words("The SELECT may not run.", "Keep to what collectors/README.md allows."),
}
UNKNOWN = Words("A check that the main branch does not know.", "See the log of the checks.")


def words(rule: str) -> Words:
    """Return what is said of a finding of `rule`; words that fit any where the rule is not known here."""
    from tokenop.catalogue.rules import RULES

    known = RULES.get(rule)
    if known is not None:
        return Words(known.what, getattr(known, "how", ""))
    return next((said for start, said in _OTHERS.items() if rule.startswith(start)), UNKNOWN)
