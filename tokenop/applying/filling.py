"""A template's parameters put into its patches, so that a value can only be a value.

In YAML and JSON a placeholder stands within a single value, in quotes: what is given is quoted as that place needs. A
placeholder that is the whole value gives a number, or true and false, without quotes where that is its type. In other
text a value may hold only characters that mean nothing there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from tokenop.applying import json_tree, render, yaml_tree
from tokenop.applying.showing import visible
from tokenop.applying.tree import RULE, Node, data
from tokenop.catalogue import parameters
from tokenop.catalogue.model import Parameter, Patch, Template
from tokenop.catalogue.parameters import PLACEHOLDER, Value
from tokenop.errors import Finding, FindingsError, MisuseError

_HARMLESS = re.compile(r"[A-Za-z0-9._/@:+-]*\Z")

# An escape in a quoted YAML text brings them past the check of the file itself: they repaint terminals, or turn text.
_STRANGE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def values(template: Template, given: Mapping[str, Value]) -> dict[str, Value]:
    """Return the value of each parameter of the template, defaults where none is given.

    Raises:
        MisuseError: a name is unknown, a value is missing or not allowed; all of them at once.
    """
    known = {parameter.name: parameter for parameter in template.parameters}
    wrong = [f"{template.id} has no parameter {name!r}; it has {', '.join(known) or 'none'}"
             for name in sorted(set(given) - set(known))]  # fmt: skip
    found: dict[str, Value] = {}
    for name, parameter in known.items():
        value = given.get(name, parameter.default)
        if value is None:
            wrong.append(
                f"{template.id} needs a value: --set {name}=… ({described(parameter)}), or --interactive to be asked"
            )
            continue
        try:
            found[name] = parameters.parsed(parameter, value)
        except ValueError as error:
            wrong.append(f"--set {name}={value}: {error} ({described(parameter)})")
    if wrong:
        raise MisuseError("\n".join(map(visible, wrong)))
    return found


def described(parameter: Parameter) -> str:
    """Return what a parameter is for, and what may be given where that is a short list."""
    text = visible(parameter.description)
    return f"{text.removesuffix('.')}: {', '.join(map(visible, parameter.choices))}" if parameter.choices else text


def language(patch: Patch) -> str:
    """Return `yaml`, `json` or `text`: how the content of a patch is written."""
    if patch.merge in ("yaml", "json"):
        return patch.merge
    suffix = patch.target.rpartition(".")[2].lower()
    if patch.merge in ("append", "diff"):
        return "text"
    return {"yaml": "yaml", "yml": "yaml", "json": "json"}.get(suffix, "text")


def filled(template: Template, patch: Patch, given: Mapping[str, Value]) -> str:
    """Return the content of a patch with values for its placeholders.

    Raises:
        FindingsError: a placeholder is unknown, or stands where no value may go.
    """
    if strange := _STRANGE.search(patch.content):
        raise _no(template, patch, f"its content holds the control character U+{ord(strange[0]):04X}")
    names = parameters.placeholders(patch.content)
    if not names:
        return patch.content
    unknown = sorted({name for name, _ in names} - set(given))
    if unknown:
        raise _no(template, patch, f"{{{{{unknown[0]}}}}} is no parameter of the template")
    written = language(patch)
    if written == "text":
        return _text(template, patch, given)
    parse = yaml_tree.parse if written == "yaml" else json_tree.parse
    name = f"{template.path}: the patch of {patch.target}"
    root = parse(patch.content, name)
    text = _nodes(patch.content, root, given)
    try:
        sound = data(parse(text, name)) == _with(root, given)
    except FindingsError:  # such as a first line of several that begins with a space of the value's own
        sound = False
    if not sound:
        raise _no(template, patch, f"a value cannot stand where it goes; given: {visible(str(dict(given)))}")
    return text


def _with(node: Node | None, given: Mapping[str, Value]) -> Any:
    """Return what a patch must say with the values in it, as `tree.data` says it."""
    if node is None or (node.kind == "scalar" and node.value[0] != "text"):
        return data(node)
    if node.kind == "mapping":
        return {entry.key: _with(entry.node, given) for entry in node.entries}
    if node.kind == "list":
        return [_with(entry.node, given) for entry in node.entries]
    said = str(node.value[1])
    plain = PLACEHOLDER.sub(lambda found: _plain(given[found[1]]), said)
    return yaml_tree.resolved(plain, None if _bare(node, said, given) else '"')


def _bare(node: Node, text: str, given: Mapping[str, Value]) -> re.Match[str] | None:
    """Return the placeholder that is the whole value, where a number or the like goes there without quotes."""
    alone = None if node.style in ("|", ">") else PLACEHOLDER.fullmatch(text)
    return alone if alone and not isinstance(given[alone[1]], str) else None


def _text(template: Template, patch: Patch, given: Mapping[str, Value]) -> str:
    def put(found: re.Match[str]) -> str:
        value = _plain(given[found[1]])
        if patch.kind != "prompt-file" and not _HARMLESS.match(value):
            raise _no(template, patch, f"{found[1]} may hold letters, digits and ._/@:+- only, not {value!r}")
        return value

    return PLACEHOLDER.sub(put, patch.content)


def _nodes(content: str, root: Node | None, given: Mapping[str, Value]) -> str:
    parts, at = [], 0
    for node in root.scalars() if root else ():
        source = content[node.start : node.end]
        if node.value[0] != "text" or not PLACEHOLDER.search(source):
            continue
        parts += [content[at : node.start], _scalar(node, source, given)]
        at = node.end
    return "".join([*parts, content[at:]])


def _scalar(node: Node, source: str, given: Mapping[str, Value]) -> str:
    """Return the text of one value. Values hold no line break, so that they cannot leave a block of text either."""
    text = str(node.value[1])
    if node.style in ("|", ">"):
        return PLACEHOLDER.sub(lambda found: _plain(given[found[1]]), source)
    if alone := _bare(node, text, given):
        return _plain(given[alone[1]])
    return render.quoted(PLACEHOLDER.sub(lambda found: _plain(given[found[1]]), text), node.style or '"')


def _plain(value: Value) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _no(template: Template, patch: Patch, message: str) -> FindingsError:
    return FindingsError([Finding(str(template.path), 0, f"patches: {patch.target}", RULE, "error", message)])
