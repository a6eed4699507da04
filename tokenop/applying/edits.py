"""Edits of a text at positions: what merging a template's keys into YAML or JSON changes, and nothing else."""

from __future__ import annotations

from tokenop.applying import render
from tokenop.applying.tree import Entry, Node, column, data, line_break, line_end, missing, refuse
from tokenop.applying.yaml_tree import BY_HAND

__all__ = ["BY_HAND", "Edits", "JsonEdits", "YamlEdits"]


class Edits:
    """What is common to both languages: which keys and items are added, which values replaced.

    `mine` is the user's text, `theirs` the template's; trees of them go into `merge`.
    """

    def __init__(self, mine: str, theirs: str, name: str) -> None:
        self.mine = mine
        self.theirs = theirs
        self.name = name
        self.newline = line_break(mine)
        # (start, end, text): at one place in the order in which they were made.
        self.changes: list[tuple[int, int, str]] = []

    def merge(self, mine: Node, theirs: Node) -> None:
        """Plan the edits that bring the entries of mapping `theirs` into mapping `mine`.

        Raises:
            FindingsError: a mapping or list would have to become something else.
        """
        new = [entry for entry in theirs.entries if entry.key not in mine.index]
        for entry in theirs.entries:
            if entry.key in mine.index:
                self._value(mine, mine.index[entry.key], theirs, entry)
        if new:
            self.add(mine, theirs, new)

    def _value(self, around: Node, mine: Entry, source: Node, theirs: Entry) -> None:
        a, b = mine.node, theirs.node
        if data(a) == data(b):
            return
        if a.empty or (a.kind == b.kind == "scalar"):
            self.put(around, mine, source, theirs)
        elif a.kind == b.kind == "mapping":
            self.merge(a, b)
        elif a.kind == b.kind == "list":
            added = missing(data(a), data(b))
            items = [entry for entry in b.entries if data(entry.node) in added]
            items = [
                entry for n, entry in enumerate(items) if data(entry.node) not in [data(e.node) for e in items[:n]]
            ]
            if items:
                self.add(a, b, items)
        else:
            words = {"mapping": "a mapping", "list": "a list", "scalar": "one value"}
            message = f"holds {words[a.kind]}, where the template writes {words[b.kind]}"
            raise refuse(self.name, self.mine, mine.start, message, BY_HAND, str(mine.key))

    def add(self, mine: Node, theirs: Node, entries: list[Entry]) -> None:
        """Plan the adding of entries of `theirs` at the end of `mine`."""
        raise NotImplementedError

    def put(self, around: Node, mine: Entry, source: Node, theirs: Entry) -> None:
        """Plan the replacing of a single or empty value."""
        raise NotImplementedError

    def whole(self) -> str:
        """Return the file where the user's holds no key yet: the template's text below what is there."""
        mine = self.mine if not self.mine or self.mine.endswith("\n") else self.mine + self.newline
        return mine + self.theirs.replace("\r\n", "\n").replace("\n", self.newline)

    def first(self) -> int:
        """Return where the first edit is."""
        return min((start for start, _, _ in self.changes), default=0)

    def result(self) -> str:
        """Return the edited text."""
        parts, at = [], 0
        for start, end, text in sorted(self.changes, key=lambda change: change[:2]):
            parts += [self.mine[at:start], text]
            at = max(at, end)
        return "".join([*parts, self.mine[at:]])

    def _within(self, mine: Node, texts: list[str]) -> None:
        """Add texts within the brackets of `mine`: on lines of their own where its last entry has one."""
        if not mine.entries:
            self.changes.append((mine.start + 1, mine.start + 1, ", ".join(texts)))
            return
        last = mine.entries[-1]
        indent = self._own_line(mine)
        if indent is None:
            self.changes.append((last.node.end, last.node.end, "".join(f", {text}" for text in texts)))
            return
        comma = self._comma(last.node.end, mine.end)
        if not comma:
            self.changes.append((last.node.end, last.node.end, ","))
        lines = f",{self.newline}{indent}".join(texts) + ("," if comma else "")
        end = line_end(self.mine, last.node.end)
        self.changes.append((end, end, f"{self.newline}{indent}{lines}"))

    def _own_line(self, mine: Node) -> str | None:
        """Return the indentation of the last entry within brackets where it stands on lines of its own."""
        last = mine.entries[-1]
        before = self.mine[last.start - column(self.mine, last.start) : last.start]
        closes_here = line_end(self.mine, last.node.end) >= mine.end
        return None if before.strip() or closes_here else before

    def _comma(self, at: int, end: int) -> bool:
        """Return whether a comma follows the last entry; one in a comment is none."""
        return any(line.split("#", 1)[0].strip() for line in self.mine[at : end - 1].split("\n"))


class JsonEdits(Edits):
    """Edits of JSON, in the layout of the object that they are made in."""

    def add(self, mine: Node, theirs: Node, entries: list[Entry]) -> None:  # noqa: ARG002
        """Plan the adding of members or items."""
        indent, step = self._layout(mine)
        texts = [self._member(entry, indent, step) for entry in entries]
        if mine.entries or step is None:
            self._within(mine, texts)
            return
        outer = indent.removesuffix(step)
        lines = "".join(f"{self.newline}{indent}{text}," for text in texts).removesuffix(",")
        opening, closing = self.mine[mine.start], self.mine[mine.end - 1]
        self.changes.append((mine.start, mine.end, f"{opening}{lines}{self.newline}{outer}{closing}"))

    def put(self, around: Node, mine: Entry, source: Node, theirs: Entry) -> None:  # noqa: ARG002
        """Plan the replacing of a value."""
        indent, step = self._layout(around)
        self.changes.append((mine.node.start, mine.node.end, render.as_json(theirs.node, step, indent, self.newline)))

    def whole(self) -> str:
        """Return the template's text: there is no JSON around nothing."""
        return self.theirs.replace("\r\n", "\n").replace("\n", self.newline)

    def _member(self, entry: Entry, indent: str, step: str | None) -> str:
        value = render.as_json(entry.node, step, indent, self.newline)
        return value if entry.key is None else f"{render.quoted(entry.key)}: {value}"

    def _layout(self, mine: Node) -> tuple[str, str | None]:
        """Return indentation of the entries in `mine` and one step of it; no step where all stands on one line."""
        around = self._line_indent(mine.start)
        step = self._step()
        if not mine.entries:
            return around + (step or ""), step
        own = self._own_line(mine)
        return ("", None) if own is None else (own, own.removeprefix(around) or step)

    def _line_indent(self, at: int) -> str:
        line = self.mine[at - column(self.mine, at) : at]
        return line[: len(line) - len(line.lstrip(" \t"))]

    def _step(self) -> str | None:
        """Return the indentation of the first line that has one, None where the file is one line."""
        lines = self.mine.strip().split("\n")
        indented = (line[: len(line) - len(line.lstrip(" \t"))] for line in lines[1:] if line.strip())
        return next((found for found in indented if found), "  ") if len(lines) > 1 or len(lines[0]) <= 2 else None


class YamlEdits(Edits):
    """Edits of YAML: lines of the template moved to the user's indentation, or values within the user's brackets."""

    def add(self, mine: Node, theirs: Node, entries: list[Entry]) -> None:
        """Plan the adding of keys or items at the end of `mine`."""
        if mine.flow:
            self._within(mine, [self._inline(entry) for entry in entries])
            return
        indent = column(self.mine, mine.start)
        at = self._below(mine, indent)
        lines = "".join(f"{self.newline}{line}" for entry in entries for line in self._lines(theirs, entry, indent))
        self.changes.append((at, at, lines))

    def put(self, around: Node, mine: Entry, source: Node, theirs: Entry) -> None:
        """Plan the replacing of a value, in the quotes that it has."""
        a, b = mine.node, theirs.node
        if around.flow or source.flow or b.flow or b.empty or (b.kind == "scalar" and b.style not in ("|", ">")):
            self._inline_value(mine, self._scalar(a, b))
            return
        indent = column(self.mine, around.start)
        if b.kind == "scalar":
            header, lines = render.text_block(self.theirs, b, indent - column(self.theirs, source.start))
            self._inline_value(mine, header)
        else:
            if a.start < a.end:
                space = len(self.mine[: a.start]) - len(self.mine[: a.start].rstrip(" "))
                self.changes.append((a.start - space, a.end, ""))
            moved = indent + column(self.theirs, b.start) - column(self.theirs, source.start)
            above = render.lead(self.theirs, b.start, theirs.after)
            body = render.block(self.theirs, b.start, b.end, moved, "\n")
            lines = "\n".join(" " * moved + line for line in [*above, body])
        at = line_end(self.mine, max(a.end, mine.after))
        self.changes.append((at, at, self.newline + lines.replace("\n", self.newline)))

    def _scalar(self, a: Node, b: Node) -> str:
        text = render.in_brackets(self.theirs, b)
        if a.style in ("'", '"') and b.kind == "scalar" and b.value[0] == "text":
            return render.quoted(str(b.value[1]), a.style)
        return text

    def _inline_value(self, mine: Entry, text: str) -> None:
        a = mine.node
        if a.start < a.end:
            self.changes.append((a.start, a.end, text))
            return
        # An empty value: after its colon, or after a key in brackets that has none.
        colon = ":" in self.mine[mine.after : a.start] or mine.key is None
        at = a.start if colon else mine.after
        self.changes.append((at, at, f" {text}" if colon else f": {text}"))

    def _inline(self, entry: Entry) -> str:
        value = render.in_brackets(self.theirs, entry.node)
        return value if entry.key is None else f"{render.key_text(self.theirs, entry)}: {value}"

    def _lines(self, theirs: Node, entry: Entry, indent: int) -> list[str]:
        """Return an entry as lines at `indent`, the comment right above it first."""
        pad = " " * indent
        if theirs.flow:
            return [f"{pad}{'- ' if entry.key is None else ''}{self._inline(entry)}"]
        place = theirs.entries.index(entry)
        floor = theirs.entries[place - 1].node.end if place else 0
        above = [pad + line for line in render.lead(self.theirs, entry.start, floor)]
        if entry.key is not None:
            return [*above, pad + render.block(self.theirs, entry.start, entry.node.end, indent, self.newline)]
        if entry.node.style in ("|", ">"):
            header, lines = render.text_block(self.theirs, entry.node, indent - column(self.theirs, theirs.start))
            return [*above, f"{pad}- {header}", lines.replace("\n", self.newline)]
        body = render.block(self.theirs, entry.node.start, entry.node.end, indent + 2, self.newline)
        return [*above, f"{pad}- {body}".rstrip(" ")]

    def _below(self, mine: Node, indent: int) -> int:
        """Return the end of the last line of `mine`, with comments below it that are indented as its keys are."""
        at = line_end(self.mine, mine.end)
        end = at
        while at < len(self.mine):
            start = self.mine.find("\n", at) + 1
            if not start:
                break
            at = line_end(self.mine, start)
            line = self.mine[start:at]
            body = line.strip()
            if body and (not body.startswith("#") or len(line) - len(line.lstrip(" ")) < indent):
                break
            if body:
                end = at
        return end
