"""ID006: a template is not nearly a copy of another."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding

SAME_PERCENT = 60
_LONG = 30  # characters: shorter lines, such as headings and table heads, are alike everywhere
_COMMON = 20  # templates: a line that so many share is a phrase of the house


def _check(drafts: Sequence[Draft], around: Surroundings) -> Iterator[Finding]:
    paths = [draft.document.path.absolute() for draft in drafts]
    texts = [_lines(draft.document.body) for draft in drafts]
    wanted = frozenset[str]().union(*texts)
    checked = frozenset(paths)
    for path in around.neighbours.files():
        if path not in checked:
            paths.append(path)
            texts.append(wanted.intersection(around.neighbours.text(path.stem).split("\n")))
    holders: dict[str, list[int]] = defaultdict(list)
    for number, lines in enumerate(texts):
        for line in lines:
            holders[line].append(number)
    common = {line: numbers for line, numbers in holders.items() if 1 < len(numbers) <= _COMMON}
    for number, draft in enumerate(drafts):
        shared = Counter[int]()
        for line in texts[number] & common.keys():
            shared.update(common[line])
        del shared[number]
        if shared:
            other, count = min(shared.items(), key=lambda one: (-one[1], str(paths[one[0]])))
            percent = 100 * count // len(texts[number])
            known = draft.get("supersedes") or []
            if (
                percent < SAME_PERCENT
                or paths[other].stem in known
                or _told_there(number, other, len(drafts), texts, paths)
            ):
                continue
            message = f"{percent} % of its lines also stand in {paths[other].name}"
            fix = f"say in what it differs, or improve {paths[other].stem} in its place"
            yield RULE.found(draft.document, "id", message, fix)


def _told_there(number: int, other: int, checked: int, texts: Sequence[frozenset[str]], paths: Sequence[Path]) -> bool:
    """Return whether the same is told of the other template: of two that are nearly the same, the later one is told."""
    mutual = len(texts[number] & texts[other]) * 100 >= SAME_PERCENT * len(texts[other])
    return other < checked and mutual and str(paths[number]) < str(paths[other])


def _lines(text: str) -> frozenset[str]:
    return frozenset(line for line in text.split("\n") if len(line) >= _LONG)


# Ten of the seventeen long lines of the specimen.
_COPIED = """\
---
id: tiny-prompts
---
Prompts grow by a sentence with every incident, and nobody takes one out again.
- Prompts of 1,000 tokens or more that one team owns.
Each sentence of a prompt is deleted in turn; what changes no answer of the golden tasks stays out.
1. Take the longest prompt: `tokenop profile` names it.
Saves input tokens only. It costs a day of work, and USD 20 a month for running the tests again.
Answers may lose a detail that a deleted sentence asked for; the golden tasks of T1 and T2 must hold. Latency falls a
**Trigger**: a golden task fails, or users complain twice in a day.
1. Revert the commit that changed the prompt.
**Verification**: input tokens per call are back at the earlier mean.
| Metric | Threshold | Action |
"""

RULE = Rule(
    "ID006",
    "warning",
    "catalogue",
    what="A template is not nearly a copy of another.",
    why="Two like templates split their reports, and planning counts the same saving under two names.",
    how="Say in what it differs, improve the other one, or name it in supersedes.",
    check=_check,
    examples=(
        Example(
            wrong="Prompts grow by a sentence with every incident, and nobody takes one out again.",
            right="Every incident leaves a sentence in some prompt, and there it stays for years.",
            given=(
                (
                    "Prompts grow by a sentence with every incident, and nobody takes one out again.",
                    "Every incident leaves a sentence in some prompt, and there it stays for years.",
                ),
            ),
            beside={"templates/serving-layer/tiny-prompts.md": _COPIED},
        ),
    ),
)
