"""The page of all rules, written from the rules themselves."""

from __future__ import annotations

from collections.abc import Iterator

from tokenop.catalogue.rules import GROUPS
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.suppressions.su005 import suppressible

# What stands in an example and would change the page's own text when it is shown as it is.
_SHOWN = {"`": "ˋ", "\n": "⏎"}
_LONGEST = 600


def markdown(note: str) -> str:
    """Return docs/rules.md; `note` says who wrote it."""
    total = sum(map(len, GROUPS.values()))
    parts = [
        "# Rules",
        "",
        note,
        "",
        f"`tokenop templates lint` asks {total} rules, one file each in `tokenop/catalogue/rules/`. An identifier",
        "never changes its meaning. *Mended* rules are those that `--fix` can mend. *Replays* need the engine",
        "(`--replay`), *weekly* ones the network: a bot asks those. A test runs each example: the first form",
        "fails, the second does not.",
        "",
        "A finding that is right in general and wrong here is suppressed in the frontmatter, with reason and last day:",
        "",
        "```yaml",
        "suppress:",
        '  - {rule: ID006, reason: "Split from prompt-caching, which it will replace.", until: "2027-02-01"}',
        "```",
        "",
        *_overview(),
    ]
    for group, rules in GROUPS.items():
        parts += ["", f"## {group}"]
        for rule in rules:
            parts += ["", *_told(rule)]
    return "\n".join(parts) + "\n"


def _overview() -> Iterator[str]:
    yield "| rule | severity | what it holds | |"
    yield "|---|---|---|---|"
    for rules in GROUPS.values():
        for rule in rules:
            marks = ", ".join(_marks(rule))
            yield f"| [{rule.id}](#{rule.id.lower()}) | {rule.severity} | {_cell(rule.what)} | {marks} |"


def _marks(rule: Rule) -> Iterator[str]:
    if rule.fix:
        yield "mended"
    if rule.replays:
        yield "replays"
    if rule.weekly:
        yield "weekly"
    if not suppressible(rule):
        yield "not suppressed"


def _told(rule: Rule) -> Iterator[str]:
    marks = "; ".join([rule.severity, *_marks(rule)])
    yield f"### {rule.id}"
    yield ""
    yield f"**{_prose(rule.what)}** ({marks})"
    yield ""
    yield _prose(f"Why: {rule.why} Fix: {rule.how}")
    example = next((one for one in rule.examples if len(one.wrong) + len(one.right) <= _LONGEST), None)
    if example:
        yield ""
        yield from _shown(example)


def _shown(example: Example) -> Iterator[str]:
    if example.specimen.removesuffix(".md") not in ("template", "cross-layer"):
        yield f"In {example.specimen}:"
        yield ""
    for title, text in (("wrong", example.wrong), ("right", example.right)):
        yield f"- {title}: {_code(text)}"


def _code(text: str) -> str:
    """Return text as a code span of one line; characters that nobody sees by their numbers."""
    if not text.strip():
        return "nothing" if not text else "an empty line"
    plain = "".join(_SHOWN.get(character) or _visible(character) for character in text.strip("\n"))
    return f"`{plain}`"


def _visible(character: str) -> str:
    return character if character.isprintable() else f"\\u{ord(character):04x}"


def _cell(text: str) -> str:
    return _prose(text).replace("|", "\\|")


def _prose(text: str) -> str:
    """Return a sentence in which `<your …>` is no markup."""
    return text.replace("<", "&lt;")
