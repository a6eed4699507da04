"""The only words that a comment is made of: what each rule says, and what can be said of a whole run."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Words(NamedTuple):
    """What is wrong, and what to do, each one plain sentence of ours."""

    what: str
    how: str


Note = Literal["waiting", "missing", "unusable", "unlike", "engine", "moved", "many", "failed", "golden"]

NOTES: dict[Note, str] = {
    "waiting": "The checks have not run yet: a maintainer must approve them once for a first contribution. "
    "What follows is what the main branch's own linter says.",
    "missing": "No result of the checks was found for this commit. "
    "What follows is what the main branch's own linter says.",
    "unusable": "The checks left a report that is not in order, so nothing in it was used. "
    "What follows is what the main branch's own linter says.",
    "unlike": "The checks of this pull request and the main branch's linter disagree; the main branch's holds. "
    "Merge the main branch into this one; if that does not settle it, look at what this change does to the checks.",
    "engine": "This change edits the code that checks it, or data that decides over it: a green mark is a hint and no "
    "proof, and what its own run says of savings is left out. Read that part first.",
    "golden": "This change edits golden tasks, recorded answers or overrides: what is said of quality rests on them. "
    "Read that part first.",
    "moved": "Some findings are about files that are neither in this change nor on the main branch: not listed.",
    "many": "This change has more files than are looked at; some were not. Make it several pull requests.",
    "failed": "The main branch's linter could not get to the end of this change, so nothing is known of it. "
    "A maintainer looks at the log of pr-report.",
}

# What a program cannot judge and people must: told before anything else, and what holds it is not said to have passed.
ALARMS: dict[str, str] = {
    "SE004": "Text in this change speaks to a model that reads along, or hides from readers. Read the raw files before "
    "you trust a summary of them, a model's above all.",
    "NOT-OWN": "This change adds, alters or takes away what stands in the names of other people. They must say here "
    "that it is theirs.",
    "OWN-REVIEW": "This change reviews the template that it changes. Approval rests on the reviews of others.",
    "suppressed": "This change tells rules on safety to say nothing of it. Read the reasons that it gives, and what "
    "they hide.",
}

_EVENT = Words("The sample gives an event that breaks an invariant.", "Correct map.sql; docs/events.md says the rules.")
# Checks that are not among the linter's rules, by the beginning of their identifier.
_OTHERS: dict[str, Words] = {
    "COLLECTOR-EXPECTED": Words(
        "The sample does not give what stands in the expected file.",
        "Run `tokenop collectors check` and correct map.sql, or write what is expected anew with `--update`.",
    ),
    "NOT-OWN": Words(
        "What stands in another person's name is added, altered or taken away.",
        "Ask that person to say here that it is theirs.",
    ),
    "OWN-REVIEW": Words(
        "Whoever changes a template reviews it in the same pull request.",
        "Leave the review out: somebody else gives it, once the template is there.",
    ),
    "GATE-FAIL": Words(
        "With this routing config more golden tasks get worse than may.",
        "Run `tokenop route diff`, which names them; route their tier back, or to a model that passes.",
    ),
    "GATE-INCONCLUSIVE": Words(
        "For some golden tasks and models no answer is recorded, and what is missing could turn the verdict.",
        "Record them with `tokenop eval run --record`, or name who answers for it in golden/overrides.yaml.",
    ),
    "TRIAL-PATCH": Words(
        "A patch does not apply to a scratch project as it must, or rolling back leaves something behind.",
        "Run `tokenop test-template --template PATH --dry-run`, which says what, and correct the patch.",
    ),
    "COLLECTOR-": Words(
        "The collector is not as it must be.", "Run `tokenop collectors check` on it: each finding says what to write."
    ),
    "PRICE-": Words("The dated prices are not in order.", "Run `tokenop prices coverage`: it names file and line."),
    "EV-": _EVENT,
    "SPEC-": _EVENT,
    "sql-": Words("The SELECT may not run.", "Keep to what collectors/README.md allows."),
}
# Their identifiers by name: a report could otherwise bring words of its own into the comment.
_NAMED = frozenset(
    {"COLLECTOR-COLUMNS", "COLLECTOR-EXPECTED", "COLLECTOR-FILES", "COLLECTOR-LICENCE", "COLLECTOR-MANIFEST"}
    | {"COLLECTOR-MAP", "COLLECTOR-MUTATED", "COLLECTOR-SAMPLE", "COLLECTOR-SETTINGS", "COLLECTOR-TRUST"}
    | {"TRIAL-PATCH", "NOT-OWN", "OWN-REVIEW", "GATE-FAIL", "GATE-INCONCLUSIVE"}
)
UNKNOWN = Words("A check that the main branch does not know.", "See the log of the checks.")


def words(rule: str) -> Words:
    """Return what is said of a finding of `rule`; words that fit any where the rule is not known here."""
    from tokenop.catalogue.rules import RULES
    from tokenop.routing import lint

    known = RULES.get(rule) or lint.RULES.get(rule)
    if known is not None:
        return Words(known.what, getattr(known, "how", ""))
    return next((said for start, said in _OTHERS.items() if f"{rule}-".startswith(start)), UNKNOWN)


def shown(rule: str) -> str:
    """Return the name under which a finding is shown: of a rule that is not known here no more than its family."""
    from tokenop.catalogue.rules import RULES
    from tokenop.routing import lint

    if rule in RULES or rule in lint.RULES or rule in _NAMED:
        return rule
    return next((start.partition("-")[0] for start in _OTHERS if rule.startswith(start)), "other")
