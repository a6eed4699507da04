"""Which column of a table becomes which field: what the user maps, equal names, well-known names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tokenop.collect.manifest import Manifest
from tokenop.collect.options import Options, nearest
from tokenop.database import identifier, quoted
from tokenop.errors import InputError, MisuseError

# Without these a row is not a call; every other field may be unknown.
NEEDED = ("ts", "input_tokens", "output_tokens")
_TOKEN = re.compile(r'\.?(?:"(?P<quoted>[^"]+)"|\[(?P<index>\d+)\]|(?P<plain>[^.\[\]"]+))')
# An alias that is a path into the row: `$.output.usage."input tokens"[0]`; `[#-1]` is the last element.
_PATH = re.compile(r"""\$\.(?P<column>[A-Za-z_@]\w*)(?P<rest>(\.([A-Za-z_@]\w*|"[^"'\\]+")|\[(#-)?\d{1,6}\])+)""")
_SHOWN_COLUMNS = 30
_MOST_ELEMENTS = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Resolved:
    """How one table is read: SQL text by field, the columns that this needs, what was taken without being asked."""

    expressions: Mapping[str, str]
    needed: tuple[str, ...]
    taken: Mapping[str, str]
    ambiguous: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def resolve(manifest: Manifest, options: Options, available: Sequence[str]) -> Resolved:
    """Return how the event's fields are read from a table with the columns `available`."""
    expressions: dict[str, str] = {}
    needed: dict[str, None] = {}
    taken: dict[str, str] = {}
    ambiguous: dict[str, tuple[str, ...]] = {}
    for name in manifest.columns:
        if name in options.maps:
            found = locate(options.maps[name], available) if options.maps[name] else None
        elif name in manifest.private or name in options.constants:
            found = None
        else:
            several = candidates(name, manifest.aliases.get(name, ()), available)
            if len(several) > 1:
                ambiguous[name] = tuple(several)
            found = (several[0], identifier(several[0])) if len(several) == 1 else None
            if found and found[0] != name:
                taken[name] = found[0]
        if found:
            needed[found[0]] = None
            expressions[name] = found[1]
    return Resolved(expressions, tuple(needed), taken, ambiguous)


def locate(path: str, available: Iterable[str]) -> tuple[str, str] | None:
    """Return the column that `path` starts with and the SQL that reads `path` from it, or None.

    A column's own name wins over a path into it, and the longest column name wins, so that `gen_ai.usage.input`
    works for a column of that name as for nested objects. `"a.b"` in the path is one name.

    Raises:
        MisuseError: the path cannot be read.
    """
    by_name = {name: name for name in available}
    if path in by_name:
        return path, identifier(path)
    plain = path.removeprefix("$.").removeprefix("$")
    if plain in by_name:
        return plain, identifier(plain)
    steps = _steps(path, plain)
    for count in range(len(steps) - 1, 0, -1):
        prefix = plain[: steps[count - 1][1]]
        name = prefix if prefix in by_name else steps[0][0] if count == 1 else None
        if isinstance(name, str) and name in by_name:
            return name, _extract(name, [step for step, _ in steps[count:]])
    same = [name for name in by_name if name.lower() == plain.lower()]
    return (same[0], identifier(same[0])) if len(same) == 1 else None


def check_complete(options: Options, groups: Sequence[Resolved], available: Iterable[str]) -> None:
    """Refuse a run in which a mapped column is in no file, or nothing gives a field that every call needs.

    Raises:
        MisuseError: a mapped column is nowhere.
        InputError: no column for one of the needed fields.
    """
    columns = sorted(set(available))
    found = {name for group in groups for name in group.expressions}
    listed = ", ".join(columns[:_SHOWN_COLUMNS]) + (" …" if len(columns) > _SHOWN_COLUMNS else "")
    for name, path in options.maps.items():
        if path and name not in found:
            hint = nearest(path, columns)
            raise MisuseError(f"--map {name}={path}: no file has such a column{hint}; the columns are: {listed}")
    for name in NEEDED:
        if name in found or name in options.constants:
            continue
        several = sorted({other for group in groups for other in group.ambiguous.get(name, ())})
        if several:
            fix = f"several columns could be it ({', '.join(several)}); say which: --map {name}={several[0]}"
        else:
            fix = f"say which it is: --map {name}=COLUMN (the columns are: {listed})"
            if name != "ts":
                fix += f", or --set {name}=0 where there are none"
        raise InputError(f"no column is known to hold {name}: {fix}")


def candidates(name: str, aliases: Iterable[str], available: Sequence[str]) -> list[str]:
    """Return the columns that may be the field `name`: one of equal name alone, else the well-known ones."""
    if name in available:
        return [name]
    for wanted in ({name.lower()}, {alias.lower() for alias in aliases}):
        found = [column for column in available if column.lower() in wanted]
        if found:
            return found
    return []


def json_path(name: str) -> str:
    """Return the path in a JSON object that a column's name or alias stands for.

    Raises:
        InputError: an alias starts like a path and is none.
    """
    if not name.startswith("$"):
        return f'$."{name}"'
    if not _PATH.fullmatch(name):
        raise InputError(f"{name}: is not a path into a row; write one such as $.output.usage.tokens or $.parts[#-1].n")
    return name


def spelled(name: str, aliases: Iterable[str], available: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the SQL of each value that may be the column `name` in a table, the likeliest first, and what it reads."""
    plain = [alias for alias in aliases if not alias.startswith("$")]
    direct = candidates(name, plain, available)
    values = [identifier(column) for column in direct]
    for alias in aliases:
        found = _PATH.fullmatch(alias)
        if found and found["column"] in available:
            direct.append(found["column"])
            inside = quoted("$" + found["rest"])
            values.append(f"json_extract_string(TRY_CAST({identifier(found['column'])} AS JSON), {inside})")
    return values, direct


def _steps(path: str, plain: str) -> list[tuple[str | int, int]]:
    """Return the names and indexes of a path, each with the offset at which it ends."""
    steps: list[tuple[str | int, int]] = []
    at = 0
    while at < len(plain):
        match = _TOKEN.match(plain, at)
        if not match:
            raise MisuseError(f'--map …={path}: cannot be read; write it as a.b, a[0].b or a."b.c"')
        index = match["index"]
        if index and int(index) > _MOST_ELEMENTS:
            raise MisuseError(f"--map …={path}: no list has so many elements")
        steps.append((int(index) if index else match["quoted"] or match["plain"], match.end()))
        at = match.end()
    return steps


def _extract(column: str, steps: Sequence[str | int]) -> str:
    paths = ["$" + "".join(f"[{step}]" if isinstance(step, int) else f'."{step}"' for step in steps)]
    names = [step for step in steps if isinstance(step, str)]
    if len(names) > 1 and len(names) == len(steps):
        # `attributes.gen_ai.system` may also mean one key with points in it.
        paths.append(f'$."{".".join(names)}"')
    values = [f"json_extract_string(TRY_CAST({identifier(column)} AS JSON), {quoted(path)})" for path in paths]
    return values[0] if len(values) == 1 else f"coalesce({', '.join(values)})"
