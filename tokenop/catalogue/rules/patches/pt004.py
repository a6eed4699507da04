"""PT004: patches hold no control characters."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding

# Line feeds and tabs are the file's own; the last group turns the direction of what follows.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def _check(draft: Draft, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    patches = draft.reach("patches")
    for index in range(len(patches) if isinstance(patches, list) else 0):
        path = f"patches[{index}].content"
        content = draft.get(path)
        found = _CONTROL.search(content) if isinstance(content, str) else None
        if found:
            message = f"holds the control character U+{ord(found[0]):04X}"
            yield RULE.found(draft.document, path, message, "write the content as a block (|) without escapes")


RULE = Rule(
    "PT004",
    "error",
    "template",
    what="What a patch writes holds no control characters, not even as escapes in a quoted text.",
    why="They repaint the terminal in which the change is reviewed, or turn what stands on the line around.",
    how="Write the content as a block (`content: |`), where there are no escapes.",
    check=_check,
    examples=(
        Example(
            wrong='content: "prompts: {trim_boilerplate: true} # \\e[2K\\n"',
            right='content: "prompts: {trim_boilerplate: true}\\n"',
            given=(
                (
                    "content: |\n      prompts:\n        trim_boilerplate: true\n---",
                    'content: "prompts: {trim_boilerplate: true}\\n"\n---',
                ),
            ),
        ),
    ),
    structural=True,
)
