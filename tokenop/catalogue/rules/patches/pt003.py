"""PT003: parameters and their placeholders fit one another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.model import Parameter
from tokenop.catalogue.parameters import PLACEHOLDER, matches, parsed, placeholders
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.documents import parse_yaml
from tokenop.errors import Finding, FindingsError


def _check(draft: Draft, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    patches = draft.get("patches")
    # Neither is known where the schema refused it; parameters may be left out.
    declared = draft.get("parameters") if draft.document.meta.get("parameters") is not None else {}
    if not isinstance(patches, list) or not isinstance(declared, Mapping):
        return
    used: set[str] = set()
    for index, patch in enumerate(patches):
        path = f"patches[{index}].content"
        for name, at in placeholders(patch["content"]):
            used.add(name)
            if name not in declared:
                place = draft.document.locate(path, at)
                fix = "declare it below parameters, or put spaces into the braces where they are the file's own"
                yield RULE.found(draft.document, path, f"{{{{{name}}}}} is no parameter", fix, place=place)
        if used and (patch["merge"] == "yaml" or patch["target"].endswith((".yaml", ".yml"))):
            yield from _within_values(draft, path, patch["content"])
    for name, entry in declared.items():
        if name not in used:
            message = f"no patch holds {{{{{name}}}}}"
            yield RULE.found(
                draft.document, f"parameters.{name}", message, "use it in the value of a patch, or remove it"
            )
        yield from _declared(draft, name, entry)


def _within_values(draft: Draft, path: str, content: str) -> Iterator[Finding]:
    """Yield where a placeholder stands outside of a value, so that what is given could be more than a value."""
    if not PLACEHOLDER.search(content):
        return
    fix = 'write it within a quoted value, such as key: "{{name}}"'
    try:
        keys = [key for key in _keys(parse_yaml(content, draft.document.path)) if PLACEHOLDER.search(key)]
    except FindingsError as error:
        found = error.findings[0]
        message = f"placeholders need strict YAML around them: line {found.line}: {found.message}"
        yield RULE.found(draft.document, path, message, found.fix or fix)
        return
    for key in keys:
        yield RULE.found(draft.document, path, f"the key {key!r} holds a placeholder", fix)


def _keys(value: Any) -> Iterator[str]:
    for key in value if isinstance(value, dict) else ():
        yield str(key)
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _keys(inner)


def _declared(draft: Draft, name: str, entry: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield what is wrong with one parameter in itself."""
    path = f"parameters.{name}"
    kind, pattern = entry.get("type", "text"), entry.get("pattern")
    if kind != "text" and ("choices" in entry or pattern is not None):
        yield RULE.found(draft.document, path, f"choices and pattern are for text, not for {kind}", "remove them")
        return
    parameter = Parameter(name, "", kind, entry.get("default"), tuple(entry.get("choices", ())), pattern)
    try:
        if pattern is not None:
            matches(pattern, "")
        if parameter.default is not None:
            parsed(parameter, parameter.default)
    except ValueError as error:
        field = f"{path}.pattern" if "regular expression" in str(error) else f"{path}.default"
        yield RULE.found(draft.document, field, str(error), "write one that fits")


_GIVEN = (
    (
        "conflicts: []",
        'conflicts: []\nparameters:\n  limit: {description: "Most tokens.", type: integer, default: 500}',
    ),
    ("        trim_boilerplate: true\n---", '        limit: "{{limit}}"\n---'),
)

RULE = Rule(
    "PT003",
    "error",
    "template",
    what="Each placeholder of a patch is a parameter, each parameter is used, and its default fits its type.",
    why="Who applies the template is asked for exactly these values, and a value must stay a value.",
    how='Declare the parameter, and write `"{{name}}"` within a quoted value; remove what no patch uses.',
    check=_check,
    examples=(
        Example(wrong='limit: "{{limits}}"', right='limit: "{{limit}}"', given=_GIVEN),
        Example(wrong='"{{limit}}": 5', right='limit: "{{limit}}"', given=_GIVEN),
        Example(wrong="type: integer, default: many", right="type: integer, default: 500", given=_GIVEN),
        Example(
            wrong="pattern: '(?=x)', default: x",
            right="pattern: '[a-z]+', default: x",
            given=((_GIVEN[0][0], _GIVEN[0][1].replace("type: integer, default: 500", "pattern: '[a-z]+', default: x")),
                   _GIVEN[1]),
        ),
    ),
    structural=True,
)  # fmt: skip
