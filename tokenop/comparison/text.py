"""A comparison as people read it in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tokenop.comparison import words
from tokenop.comparison.model import Compared, Cost
from tokenop.planning.text import visible

if TYPE_CHECKING:
    from rich.console import Console

_TABLES = (("tier", "tiers"), ("intent", "intents"), ("model", "moves"))


def show(console: Console, compared: Sequence[Compared], every: bool = True) -> None:
    """Print each config: the bill on each log, quality, and who moves where."""
    from rich.text import Text

    for one in compared:
        console.print(Text(visible(words.headline(one)), style="bold"))
        for cost in one.costs:
            line = Text(f"  cost     {words.bill(cost)} ", style="")
            line.append(visible(f"on {words.where(cost)}"), style="dim")
            console.print(line, soft_wrap=True)
            for note in words.notes(cost):
                console.print(Text(f"           {visible(note)}", style="dim"), soft_wrap=True)
        style = {"pass": "green", "fail": "red", "inconclusive": "yellow"}.get(
            one.quality.verdict if one.quality else "", ""
        )
        console.print(Text(f"  quality  {visible(words.quality(one))}", style=style), soft_wrap=True)
        for told in words.tasks(one):
            console.print(Text(f"           {visible(told)}", style="dim"), soft_wrap=True)
        for cost in one.costs if every else ():
            _tables(console, cost)
        console.print()


def _tables(console: Console, cost: Cost) -> None:
    from rich.table import Table
    from rich.text import Text

    for title, field in _TABLES:
        parts = getattr(cost, field)
        if not parts:
            continue
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), title_justify="left")
        table.add_column(Text(f"  by {title}, {visible(cost.name)}"), overflow="fold")
        for name in ("calls a month", "change a month", "unknown"):
            table.add_column(name, justify="right")
        for name, *cells in words.rows(parts):
            table.add_row(Text(f"  {visible(name)}"), *cells)
        console.print(table)
