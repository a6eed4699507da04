"""Which resources of an inventory a lever's `where` is about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from tokenop.inventory.columns import COLUMNS, row
from tokenop.inventory.model import Inventory, Resource


class Amount(Protocol):
    """A parameter of a lever, with its expected value."""

    @property
    def expected(self) -> object:
        """The value that is expected."""


class Lever(Protocol):
    """What is needed of a template's lever."""

    @property
    def kind(self) -> str:
        """The lever's kind."""

    @property
    def where(self) -> str:
        """The checked predicate over resources."""

    @property
    def parameters(self) -> Mapping[str, Amount]:
        """Its parameters."""

    @property
    def options(self) -> Mapping[str, object]:
        """Its options."""


class Template(Protocol):
    """What is needed of a template."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def levers(self) -> tuple[Lever, ...]:
        """Its levers."""


def matching(inventory: Inventory, where: str) -> tuple[Resource, ...]:
    """Return the resources, part of the bill and with instances that can move, for which `where` holds.

    `where` must have been checked against the allow-list, as the catalogue does with every template.
    """
    from tokenop.database import connect

    live = [resource for resource in inventory.resources if resource.in_totals]
    connection = connect()
    try:
        declared = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
        connection.execute(f"CREATE TABLE resources (place BIGINT, {declared})")
        marks = ", ".join("?" * (len(COLUMNS) + 1))
        rows = [[place, *row(resource).values()] for place, resource in enumerate(live)]
        if rows:
            connection.executemany(f"INSERT INTO resources VALUES ({marks})", rows)
        query = f"SELECT place FROM resources WHERE (\n{where}\n) IS TRUE ORDER BY place"
        return tuple(live[place] for (place,) in connection.execute(query).fetchall())
    finally:
        connection.close()
