"""Draws YAML and JSON as people write them: quotes, brackets, comments, blank lines, indentation, line ends."""

from __future__ import annotations

import json

from hypothesis import strategies as st

KEYS = st.sampled_from(["a", "b", "c", "rules", "x-y", "d.e", "ünï"])
SCALARS = st.sampled_from(
    ["1", "2.50", "true", "null", "~", "plain words", '"double: quoted"', "'it''s'", '"#"', "a#b", "-x", "yes",
     "2026-01-01", "http://x/y", '""', "é😀", '"\\u00e9\\n"', "'{{ x }}'", "|", ">-", "|2"]
)  # fmt: skip
FLOW = st.sampled_from(
    ["1", "true", "word", '"q, r"', "'s'", "null", "[]", "{}", "[1, two]", "{k: 1}", "{k: [1, {l: 2}]}"]
)
COMMENTS = st.sampled_from(["", "", "", "  # why", " # a: b"])


@st.composite
def written_yaml(draw: st.DrawFn) -> str:
    """Return a YAML mapping, or nothing but comments."""
    lines = draw(mapping(0, draw(st.sampled_from([2, 4]))))
    ends = draw(st.sampled_from(["\n", "\r\n"])) if draw(st.booleans()) else "\n"
    head = draw(st.sampled_from([[], ["# head"], ["---"], ["", "# head", ""]]))
    return ends.join([*head, *lines]) + draw(st.sampled_from([ends, ends, ""]))


@st.composite
def nested_yaml(draw: st.DrawFn) -> str:
    """Return a mapping below the one key `outer`."""
    return "\n".join(["outer:", *draw(mapping(2, 2)), ""])


@st.composite
def mapping(draw: st.DrawFn, indent: int, step: int, depth: int = 0) -> list[str]:
    """Return the lines of a mapping at `indent`."""
    lines: list[str] = []
    for key in draw(st.lists(KEYS, min_size=1, max_size=3, unique=True)):
        pad = " " * indent
        lines += draw(st.sampled_from([[], [], [""], [pad + "# above"], [pad + "# far", ""]]))
        kind = draw(
            st.sampled_from(["scalar", "flow", "empty", "mapping", "list"] if depth < 3 else ["scalar", "flow"])
        )
        comment = draw(COMMENTS)
        if kind == "scalar":
            lines += scalar(pad, f"{key}: ", draw(SCALARS), comment, indent + step)
        elif kind == "flow":
            lines.append(f"{pad}{key}: {draw(FLOW)}{comment}")
        elif kind == "empty":
            lines.append(f"{pad}{key}:{comment}")
        elif kind == "mapping":
            lines += [f"{pad}{key}:{comment}", *draw(mapping(indent + step, step, depth + 1))]
        else:
            inner = indent + draw(st.sampled_from([0, step]))
            lines.append(f"{pad}{key}:{comment}")
            lines += draw(items(inner, step, depth + 1))
    return lines


@st.composite
def items(draw: st.DrawFn, indent: int, step: int, depth: int) -> list[str]:
    """Return the lines of a list at `indent`."""
    lines: list[str] = []
    pad = " " * indent
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["scalar", "flow", "mapping"]))
        if kind == "scalar":
            lines += scalar(pad, "- ", draw(SCALARS), draw(COMMENTS), indent + 2)
        elif kind == "flow":
            lines.append(f"{pad}- {draw(FLOW)}{draw(COMMENTS)}")
        else:
            first, *rest = draw(mapping(indent + 2, step, depth + 1))
            lines += [pad + "-" if first.strip().startswith("#") or not first.strip() else f"{pad}- {first.strip()}"]
            lines += [first] if lines[-1] == pad + "-" else []
            lines += rest
    return lines


def scalar(pad: str, lead: str, value: str, comment: str, deeper: int) -> list[str]:
    """Return a value after `lead`; `|` and `>-` with lines of their own."""
    if value[0] not in "|>":
        return [f"{pad}{lead}{value}{comment}"]
    if value == "|2":
        value = "|"
    inner = " " * deeper
    return [f"{pad}{lead}{value}{comment}", f"{inner}text: #1", f"{inner}  more", "", f"{inner}# no comment"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(0.5, 9, width=16) | st.text('aé"\\\n/', max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


@st.composite
def written_json(draw: st.DrawFn) -> str:
    """Return a JSON object in some layout."""
    value = draw(st.dictionaries(KEYS, VALUES, max_size=3))
    text = json.dumps(value, indent=draw(st.sampled_from([None, 2, 4, "\t"])), ensure_ascii=draw(st.booleans()))
    text = text.replace("\n", draw(st.sampled_from(["\n", "\r\n"])))
    return text + draw(st.sampled_from(["", "\n"]))


def kept(lines: list[str], merged: str) -> bool:
    """Return whether all lines are in the text `merged`, in their order."""
    left = iter(merged.splitlines())
    return all(line in left for line in lines)


def comments(text: str) -> list[str]:
    """Return the lines that hold nothing but a comment."""
    return [line for line in text.splitlines() if line.strip() in ("# above", "# far", "# head")]
