"""Terraform sources with exact positions: finding blocks and attributes, and editing only what must change."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from tokenop.errors import InputError, MisuseError

LARGEST = 4 * 1024 * 1024
_LITERALS = {"numeric_lit", "bool_lit", "string_lit", "null_lit"}


class Overlap(Exception):  # noqa: N818 it is no error: the rest of the edits is made
    """Two levers of a template want to change the same text."""


@dataclass(frozen=True, slots=True)
class Block:
    """One block: its labels, its body (None where it is empty) and the node of all of it."""

    source: Source
    kind: str
    labels: tuple[str, ...]
    node: Any

    @property
    def body(self) -> Any:
        """Return the node of what is between the braces; None where there is nothing."""
        return next((child for child in self.node.children if child.type == "body"), None)

    @property
    def line(self) -> int:
        """Return the line it starts on, from 1."""
        return int(self.node.start_point[0]) + 1

    def attribute(self, name: str) -> Attribute | None:
        """Return the attribute of this name, None where there is none."""
        for child in self.body.children if self.body else ():
            if child.type == "attribute" and self.source.text(child.children[0]) == name:
                return Attribute(self.source, name, child)
        return None

    def blocks(self, *kinds: str) -> list[Block]:
        """Return the nested blocks of these kinds; a `dynamic` block has the kind `dynamic`."""
        return [block for block in _blocks(self.source, self.body) if not kinds or block.kind in kinds]

    def is_dynamic(self, kind: str) -> bool:
        """Return whether nested blocks of a kind are made by a `dynamic` block."""
        return any(block.labels[:1] == (kind,) for block in self.blocks("dynamic"))


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute with its expression."""

    source: Source
    name: str
    node: Any

    @property
    def expression(self) -> Any:
        """Return the node of the value."""
        return self.node.children[-1]

    @property
    def text(self) -> str:
        """Return the value as it is written."""
        return self.source.text(self.expression)

    @property
    def line(self) -> int:
        """Return the line it starts on, from 1."""
        return int(self.node.start_point[0]) + 1

    @property
    def is_literal(self) -> bool:
        """Return whether the value is written here: a number, flag, null or text without interpolation."""
        node = self.expression
        while node.named_child_count == 1 and node.type in (
            "expression",
            "literal_value",
            "operation",
            "unary_operation",
        ):
            node = node.named_children[0]
        if node.type == "string_lit":
            return not any(child.type == "template_interpolation" for child in node.children)
        return node.type in _LITERALS

    def says(self, value: str) -> bool:
        """Return whether the literal value is that of the literal `value`."""
        return self.is_literal and _plain(self.text) == _plain(value)


def _plain(literal: str) -> object:
    """Return what a literal means: Terraform takes "1" and 1, and "true" and true, as the same."""
    bare = literal.strip().strip('"')
    try:
        return Decimal(bare)
    except InvalidOperation:
        return bare


@dataclass(slots=True)
class Source:
    """One file of Terraform, and the edits to be made of it: byte ranges and what comes in their place."""

    path: Path
    name: str
    data: bytes
    tree: Any
    edits: dict[tuple[int, int], bytes] = field(default_factory=dict)

    def text(self, node: Any) -> str:
        """Return the text of a node."""
        return self.data[node.start_byte : node.end_byte].decode("utf-8")

    @property
    def newline(self) -> str:
        """Return the line end that the file uses."""
        return "\r\n" if b"\r\n" in self.data else "\n"

    @property
    def blocks(self) -> list[Block]:
        """Return the blocks at the top."""
        body = next((child for child in self.tree.root_node.children if child.type == "body"), None)
        return list(_blocks(self, body))

    def indent(self, node: Any) -> str:
        """Return the white space before a node on its line."""
        start = self.data.rfind(b"\n", 0, node.start_byte) + 1
        before = self.data[start : node.start_byte].decode("utf-8")
        return before[: len(before) - len(before.lstrip())]

    def replace(self, start: int, end: int, text: str) -> None:
        """Plan to put `text` in the place of the bytes from `start` to `end`; equal places add up in order.

        Raises:
            Overlap: an edit of these bytes is planned already.
        """
        if any(start < other[1] and other[0] < end for other in self.edits):
            raise Overlap
        written = text.replace("\n", self.newline).encode("utf-8")
        self.edits[start, end] = self.edits.get((start, end), b"") + written if start == end else written

    def edited(self) -> bytes:
        """Return the file with all edits made."""
        data = self.data
        for (start, end), text in sorted(self.edits.items(), reverse=True):
            data = data[:start] + text + data[end:]
        return data


def _blocks(source: Source, body: Any) -> Iterator[Block]:
    for child in body.children if body else ():
        if child.type != "block":
            continue
        labels = tuple(
            source.text(part).strip('"') for part in child.children[1:] if part.type in ("string_lit", "identifier")
        )
        yield Block(source, source.text(child.children[0]), labels, child)


def parser() -> Any:
    """Return a parser of HCL.

    Raises:
        MisuseError: the packages of the extra `terraform` are not installed.
    """
    try:
        import tree_sitter
        import tree_sitter_hcl
    except ImportError as error:
        raise MisuseError(
            "Terraform diffs need two more packages: pip install 'tokenop[terraform]'; the plan itself does not"
        ) from error
    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_hcl.language()))


def parse(path: Path, name: str, reader: Any) -> Source | str:
    """Return a parsed file, or why it cannot be edited.

    Raises:
        InputError: it cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(data) > LARGEST:
        return f"{name}: is larger than {LARGEST // 1024 // 1024} MB"
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return f"{name}: is not UTF-8"
    tree = reader.parse(data)
    if tree.root_node.has_error:
        return f"{name}:{_first_error(tree.root_node)}: is not sound HCL"
    return Source(path, name, data, tree)


def _first_error(root: Any) -> int:
    waiting = [root]
    lines = []
    while waiting:
        node = waiting.pop()
        if node.type == "ERROR" or node.is_missing:
            lines.append(node.start_point[0] + 1)
        elif node.has_error:
            waiting += node.children
    return min(lines, default=1)


def insert(block: Block, lines: Sequence[str]) -> None:
    """Plan to add lines (without indentation of their own level) at the end of a block's attributes.

    A line `name = value` is aligned with the attributes above it, as `terraform fmt` does.
    """
    source, body = block.source, block.body
    outer = source.indent(block.node)
    children = list(body.children) if body else []
    is_flat = block.node.start_point[0] == block.node.end_point[0]
    if not children or is_flat:
        _insert_flat(block, lines, outer + "  ")
        return
    inner = source.indent(children[0])
    attributes = [child for child in children if child.type == "attribute"]
    nested = lines[0].endswith("{")
    after = children[-1] if nested or not attributes else attributes[-1]
    widths = [_width(source, after)] if not nested and after.type == "attribute" else []
    text = "".join(f"\n{inner}{_padded(line, widths)}" if line else "\n" for line in lines)
    if nested and after.type in ("attribute", "block"):
        text = "\n" + text
    end = _end_of_line(source.data, after.end_byte)
    source.replace(end, end, text)


def _insert_flat(block: Block, lines: Sequence[str], inner: str) -> None:
    """Plan to write a block of one line (or an empty one) on several lines."""
    source, body = block.source, block.body
    braces = {child.type: child for child in block.node.children}
    start, end = braces["block_start"].end_byte, braces["block_end"].start_byte
    kept = [source.text(body)] if body else []
    indent = inner[:-2]
    within = source.data[start:end].decode("utf-8")
    if body is None and within.strip():
        kept = [line.strip() for line in within.strip().splitlines()]  # a comment
    text = "".join(f"\n{inner}{line}" for line in aligned([*kept, *lines])) + f"\n{indent}"
    source.replace(start, end, text)


def _end_of_line(data: bytes, at: int) -> int:
    """Return the place after a trailing comment, before the line end; `at` itself where something else follows."""
    end = data.find(b"\n", at)
    end = len(data) if end < 0 else end
    rest = data[at:end].strip()
    if rest and not rest.startswith((b"#", b"//")) and not re.fullmatch(rb"/\*.*\*/", rest):
        return at
    return end - 1 if data[end - 1 : end] == b"\r" else end


def _width(source: Source, attribute: Any) -> int:
    """Return how many characters stand before the `=` of an attribute."""
    text = source.text(attribute)
    return len(text.split("=", 1)[0])


def _padded(line: str, widths: list[int]) -> str:
    name, equals, value = line.partition(" = ")
    if not equals or not widths or not re.fullmatch(r"\w+", name):
        return line
    return f"{name.ljust(max(widths[0] - 1, len(name)))} = {value}"


def aligned(lines: Sequence[str]) -> list[str]:
    """Return lines with the equals signs of each run of attributes aligned, as `terraform fmt` does."""
    parts = [re.match(r"(\w+)[ \t]*=[ \t]*(?!=)(.*)\Z", line) for line in lines]
    found, start = list(lines), 0
    while start < len(lines):
        end = start
        while end < len(lines) and parts[end]:
            end += 1
        run = [part for part in parts[start:end] if part]
        width = max((len(part[1]) for part in run), default=0)
        found[start:end] = [f"{part[1].ljust(width)} = {part[2]}" for part in run]
        start = end + 1
    return found


def attribute_lines(values: Mapping[str, str]) -> list[str]:
    """Return `name = value` lines with their equals signs aligned."""
    return aligned([f"{name} = {value}" for name, value in values.items()])


def block_lines(kind: str, inner: Sequence[str]) -> list[str]:
    """Return the lines of a block."""
    return [f"{kind} {{", *(f"  {line}" if line else "" for line in inner), "}"]
