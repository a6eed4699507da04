"""Editing one resource's block: attributes that are literals are set, everything else becomes a note."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tokenop.inventory.patches import hcl
from tokenop.inventory.patches.hcl import Attribute, Block, Source


@dataclass(slots=True)
class Editor:
    """The block of one resource, the notes on it, and whether anything was planned.

    `siblings` are the files of its module.
    """

    block: Block
    address: str
    siblings: Sequence[Source] = ()
    notes: list[str] = field(default_factory=list)
    changed: bool = False

    def note(self, text: str, line: int | None = None) -> None:
        """Add a note with the place it is about."""
        self.notes.append(f"{self.block.source.name}:{line or self.block.line}: {self.address}: {text}")

    def find(self, path: Sequence[str], below: Block | None = None) -> Block | None:
        """Return the nested block at a path such as (scaling_config,); None where it is absent or there are several."""
        here = below or self.block
        for kind in path:
            found = here.blocks(kind)
            if len(found) != 1:
                return None
            here = found[0]
        return here

    def has_dynamic(self, path: Sequence[str]) -> Block | None:
        """Return the block in which a part of `path` is made by a `dynamic` block; None where none is."""
        here = self.block
        for kind in path:
            if here.is_dynamic(kind):
                return here
            found = here.blocks(kind)
            if len(found) != 1:
                return None
            here = found[0]
        return None

    def set(self, values: Mapping[str, str], *path: str, below: Block | None = None) -> None:
        """Give attributes their literal values, in a nested block that is made where it is absent."""
        if dynamic := self.has_dynamic(path):
            wanted = ", ".join(f"{name} = {value}" for name, value in values.items())
            self.note(f"{'.'.join(path)} comes from a dynamic block; make it say {wanted}", dynamic.line)
            return
        here = below or self.block
        for depth, kind in enumerate(path):
            found = here.blocks(kind)
            if len(found) > 1:
                self.note(f"has {len(found)} blocks {kind}; set {_said(values)} in the right one")
                return
            if not found:
                lines = hcl.attribute_lines(values)
                for outer in reversed(path[depth:]):
                    lines = hcl.block_lines(outer, lines)
                self.add(here, lines)
                return
            here = found[0]
        self._set_within(here, values)

    def _set_within(self, here: Block, values: Mapping[str, str]) -> None:
        absent = []
        for name, value in values.items():
            attribute = here.attribute(name)
            if attribute is None:
                absent.append(f"{name} = {value}")
            else:
                self.overwrite(attribute, value)
        if absent:
            self.add(here, absent)

    def overwrite(self, attribute: Attribute, value: str) -> None:
        """Give an attribute another literal value, if it has a literal one now."""
        if attribute.says(value):
            return
        if not attribute.is_literal:
            self.note(
                f"{attribute.name} = {_short(attribute.text)} is set elsewhere; make it {value} there", attribute.line
            )
            return
        node = attribute.expression
        attribute.source.replace(node.start_byte, node.end_byte, value)
        self.changed = True

    def add(self, here: Block, lines: Sequence[str]) -> None:
        """Add lines to a block."""
        hcl.insert(here, lines)
        self.changed = True

    def rewrite(self, here: Block, lines: Sequence[str]) -> None:
        """Put other lines in the place of a nested block, at its indentation."""
        indent = here.source.indent(here.node)
        text = "\n".join([lines[0], *(f"{indent}{line}" if line else "" for line in lines[1:])])
        here.source.replace(here.node.start_byte, here.node.end_byte, text)
        self.changed = True


def _said(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in values.items())


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 60 else f"{flat[:57]}..."
