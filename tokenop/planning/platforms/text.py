"""The analyses of a platform as people read them in a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tokenop.planning.platforms.model import LEAST, Analysis, Column, Table
from tokenop.planning.text import usd, visible

if TYPE_CHECKING:
    from rich.console import Console

MOST_ROWS = 12
WIDE = 110  # columns of a terminal that shows cost and latency side by side
_STATUS = {"computed": "", "partly": " (in part)", "unknown": " (unknown)"}
_LEFT = ("text",)


def show(console: Console, found: Mapping[str, Any], analyses: tuple[Analysis, ...]) -> None:
    """Print every analysis: what is known, then what is not and how to get it known."""
    from rich.text import Text

    if found["sample"]:
        console.print("[yellow]SAMPLE DATA: a made-up month, not anybody's bill.[/yellow]")
    window = found["window"]
    if window:
        rate = ", extrapolated to a month: take it as a rate" if window["extrapolated"] else ""
        hours = f"{window['hours']:,.0f} hour{'' if round(window['hours']) == 1 else 's'}"
        console.print(f"{window['from']} to {window['until']}, {hours}{rate}", soft_wrap=True)
    said: set[str] = set()
    for number, one in enumerate(analyses, start=1):
        console.print()
        console.print(Text(f"{number}. {one.title}{_STATUS[one.status]}", style="bold"))
        console.print(Text(visible(one.summary)))
        for table in one.tables:
            if not (table.rows and table.columns):
                continue
            wide = console.width >= WIDE
            console.print()
            _table(console, table, table.title, (*table.columns, *table.also) if wide else table.columns)
            if table.also and not wide:
                console.print()
                _table(console, table, "The same, how long they take", (table.columns[0], *table.also))
        if one.unknown:
            console.print()
        for missing in one.unknown:
            if f"{missing.what}{missing.why}" in said:
                _block(console, "not known: ", f"{missing.what} (as above)")
                continue
            said.add(f"{missing.what}{missing.why}")
            _block(console, "not known: ", f"{missing.what}: {missing.why}.")
            _block(console, "  to know: ", f"{missing.how}.")


def _block(console: Console, label: str, text: str) -> None:
    from rich.text import Text

    lines = textwrap.wrap(
        visible(text), max(console.width - len(label), 20), break_long_words=False, break_on_hyphens=False
    )
    indent = " " * len(label)
    for number, line in enumerate(lines):
        console.print(Text((label if number == 0 else indent) + line, style="dim"), soft_wrap=True)


def _table(console: Console, table: Table, title: str, columns: tuple[Column, ...]) -> None:
    from rich import table as tables
    from rich.text import Text

    shown = tables.Table(
        title=title, title_justify="left", title_style="italic", box=None, pad_edge=False, padding=(0, 2, 0, 0)
    )
    for column in columns:
        left = column.kind in _LEFT
        shown.add_column(
            column.heading, justify="left" if left else "right", no_wrap=not left, overflow="fold",
            min_width=12 if column.key in ("name", "address") else None,
        )  # fmt: skip
    for row in table.rows[:MOST_ROWS]:
        shown.add_row(*(Text(cell(column, row.get(column.key))) for column in columns))
    if table.total and len(table.rows) > 1:
        whole = {columns[0].key: "all", **table.total}
        shown.add_row(
            *(Text(cell(column, whole[column.key]) if column.key in whole else "", style="bold") for column in columns)
        )
    console.print(shown)
    if len(table.rows) > MOST_ROWS:
        console.print(f"… and {len(table.rows) - MOST_ROWS} more with --json", style="dim")


def cell(column: Column, value: Any) -> str:
    """Return a value as it is shown; unknown is a dash, never 0."""
    if value is None:
        return "(not said)" if column.key == "name" else "–"
    if column.kind == "interval":
        return _interval(value)
    if column.kind == "usd":
        return f"< ${LEAST}" if 0 < float(value) < LEAST else usd(float(value))
    if column.kind == "count":
        return f"{value:,}"
    if column.kind == "ms":
        return f"{value:,.0f} ms"
    if column.kind == "share":
        return f"{value:.1%}"
    if column.kind == "number":
        return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    return visible(str(value))


def _interval(value: Mapping[str, float]) -> str:
    if "p10" not in value:
        return usd(value["expected"])
    if not any(value.values()):
        return usd(0)
    return f"{usd(value['expected'])} ({usd(value['p10'])} to {usd(value['p90'])})"
