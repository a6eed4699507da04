"""Whether templates apply to a workload, and which part of `applies_when` does not hold."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenop.catalogue.vocabulary import INVENTORY_SCALARS, PROFILE_SCALARS, WORKLOAD_SCALARS
from tokenop.errors import InputError
from tokenop.planning.candidates import one_row, shown

if TYPE_CHECKING:
    import duckdb

    from tokenop.catalogue.model import Template


@dataclass(frozen=True, slots=True)
class Failing:
    """One condition that is not true of the workload. `unknown`: the events do not say what it asks for."""

    condition: str
    values: Mapping[str, object]
    unknown: bool

    def __str__(self) -> str:
        """Return the condition with the values that it meets."""
        values = ", ".join(f"{name} = {shown(value)}" for name, value in self.values.items())
        return f"{self.condition} ({values})" if values else self.condition


def failing(template: Template, scalars: Mapping[str, object]) -> tuple[Failing, ...]:
    """Return the conditions of the template's `applies_when` that do not hold; none where it applies.

    Conditions that AND joins are told apart.

    Args:
        template: one that lint has passed: its expression is checked.
        scalars: the workload by name (`WORKLOAD_SCALARS`), None where unknown.

    Raises:
        InputError: the expression cannot be worked out on these numbers.
    """
    return next(iter(each([template], scalars).values()))


def each(templates: Iterable[Template], scalars: Mapping[str, object]) -> dict[str, tuple[Failing, ...]]:
    """Return by id what `failing` says of each template."""
    from tokenop import database

    with database.connect() as connection:
        one_row(connection, scalars)
        return {one.id: tuple(_failing(connection, one, scalars)) for one in templates}


def _failing(
    connection: duckdb.DuckDBPyConnection, template: Template, scalars: Mapping[str, object]
) -> Iterator[Failing]:
    import duckdb

    try:
        if _is(connection, template.applies_when) is True:
            return
        for condition in _conditions(connection, template.applies_when):
            value = _is(connection, condition)
            if value is not True:
                names = [name for name in WORKLOAD_SCALARS if re.search(rf"\b{name}\b", condition)]
                yield Failing(condition, {name: scalars.get(name) for name in names}, value is None)
    except duckdb.Error as error:
        raise InputError(f"{template.path}: applies_when cannot be worked out here: {error}") from error


def _is(connection: duckdb.DuckDBPyConnection, expression: str) -> bool | None:
    row = connection.execute(f"SELECT (\n{expression}\n) FROM workload_scalars").fetchone()
    value: bool | None = row[0] if row else None
    return value


def _conditions(connection: duckdb.DuckDBPyConnection, expression: str) -> list[str]:
    """Return the parts of an expression that AND joins, in DuckDB's own spelling."""
    row = connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [f"SELECT {expression}"]).fetchone()
    tree = json.loads(row[0]) if row else {}
    if tree.get("error", True):
        return [expression]
    (statement,) = tree["statements"]
    top = statement["node"]["select_list"][0]
    parts = _parts(top)
    if len(parts) == 1:
        return [expression]
    found = []
    for part in parts:
        statement["node"]["select_list"] = [part]
        told = connection.execute("SELECT json_deserialize_sql(?::JSON)", [json.dumps(tree)]).fetchone()
        text = str(told[0]).removeprefix("SELECT ") if told else expression
        whole = text.startswith("(") and text.endswith(")") and _closes_last(text)
        found.append(text[1:-1] if whole else text)
    return found


def _parts(node: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    if node.get("type") != "CONJUNCTION_AND":
        return [node]
    return [part for child in node["children"] for part in _parts(child)]


def _closes_last(text: str) -> bool:
    """Return whether the first bracket is closed by the last one; brackets within quotes do not count."""
    depth = 0
    bare = re.sub(r"'(?:[^']|'')*'", lambda found: "x" * len(found[0]), text)
    for at, character in enumerate(bare):
        depth += (character == "(") - (character == ")")
        if not depth:
            return at == len(bare) - 1
    return False


def of_profile(path: Path) -> dict[str, object]:
    """Return the scalars in a profile.yaml; the inventory's are unknown.

    Raises:
        InputError: it cannot be read, or is no profile.
    """
    from tokenop.profile import yaml_guard

    again = "write it again with `tokenop profile`"
    loaded = yaml_guard.load(path)
    scalars = loaded.get("scalars") if isinstance(loaded, dict) else None
    if not isinstance(scalars, dict):
        raise InputError(f"{path}: holds no scalars; {again}")
    for name in PROFILE_SCALARS:
        value = scalars.get(name)
        if value is not None and not _number(value):
            raise InputError(f"{path}: scalars.{name}: {value!r} is no number; {again}")
    return {name: scalars.get(name) for name in PROFILE_SCALARS} | dict.fromkeys(INVENTORY_SCALARS)


def _number(value: object) -> bool:
    if isinstance(value, str):
        return bool(re.fullmatch(r"-?[0-9]{1,26}(\.[0-9]{1,12})?", value))
    return isinstance(value, int | float) and not isinstance(value, bool)


def of_events(path: Path) -> dict[str, object]:
    """Return the scalars of a log of events; the inventory's are unknown.

    Raises:
        FindingsError: the log has bad rows.
        NoInputError: it is empty.
    """
    import tempfile

    from tokenop import database
    from tokenop.planning import inputs
    from tokenop.prices import book
    from tokenop.profile import scalars

    with tempfile.TemporaryDirectory(prefix="tokenop-") as scratch, database.connect() as connection:
        opened = inputs.open_events(connection, book.load(), path, Path(scratch))
        computed = scalars.compute(connection, "calls", opened.window)
    return {**computed, **dict.fromkeys(INVENTORY_SCALARS)}
