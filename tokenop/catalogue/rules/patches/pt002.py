"""PT002: patch content fits its merge rule."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.documents import parse_yaml
from tokenop.errors import Finding, FindingsError

_HUNK = re.compile(r"^@@ -\d+(?:,\d+)? \+\d+(?:,\d+)? @@", re.MULTILINE)


def _check(draft: Draft, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    patches = draft.reach("patches")
    for index in range(len(patches) if isinstance(patches, list) else 0):
        merge, content = (draft.get(f"patches[{index}].{name}") for name in ("merge", "content"))
        if isinstance(content, str):
            if merge == "yaml":
                yield from _yaml(draft, f"patches[{index}].content", content)
            elif merge == "json":
                yield from _json(draft, f"patches[{index}].content", content)
            elif merge == "diff" and not _HUNK.search(content):
                fix = "write a unified diff, as `diff -u` gives it"
                yield RULE.found(draft.document, f"patches[{index}].content", "holds no hunk (@@ -1,3 +1,3 @@)", fix)


def _yaml(draft: Draft, path: str, content: str) -> Iterator[Finding]:
    """Yield why `content` cannot be merged key by key, each at its own line of the template."""
    document = draft.document
    try:
        parse_yaml(content, document.path)
    except FindingsError as error:
        lines = content.split("\n")
        for found in error.findings:
            offset = sum(len(line) + 1 for line in lines[: found.line - 1]) + max(found.column - 1, 0)
            place = document.locate(path, offset)
            yield RULE.found(document, path, f"{found.field}: {found.message}", found.fix, place=place)


def _json(draft: Draft, path: str, content: str) -> Iterator[Finding]:
    document = draft.document
    try:
        if not isinstance(json.loads(content), dict):
            yield RULE.found(document, path, "the top of the JSON is not a mapping", "write {…}")
    except json.JSONDecodeError as error:
        place = document.locate(path, error.pos)
        yield RULE.found(document, path, f"is not JSON: {error.msg}", "correct it", place=place)
    except RecursionError:
        yield RULE.found(document, path, "is nested too deeply", "flatten it")


RULE = Rule(
    "PT002",
    "error",
    "template",
    what="Patch content fits its merge rule: what is merged as YAML or JSON is a mapping in it, a diff holds hunks.",
    why="What cannot be parsed cannot be merged.",
    how="Write strict YAML, or JSON, with a mapping at the top.",
    check=_check,
    examples=(
        Example(wrong="        trim_boilerplate: yes\n---", right="        trim_boilerplate: true\n---"),
        Example(wrong="merge: json", right="merge: yaml"),
        Example(wrong="merge: diff", right="merge: yaml"),
    ),
    structural=True,
)
