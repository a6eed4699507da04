"""`tokenop diff`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from tokenop.reports.compare import Comparison

EPILOG = """\b
Examples:
  tokenop diff --baseline old.csv --optimized new.csv
  tokenop diff --baseline old.csv --optimized new.csv --by tenant,model --top 20
"""


@click.command(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--baseline", required=True, type=click.Path(path_type=Path), help="CSV projection to start from.")
@click.option("--optimized", required=True, type=click.Path(path_type=Path), help="CSV projection to compare with it.")
@click.option(
    "--by",
    default="model",
    show_default=True,
    metavar="COLUMNS",
    help="Columns to group by, with commas: day, tenant, intent, provider, model.",
)
@click.option("--top", type=click.IntRange(1), default=10, show_default=True, help="How many groups to show.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with all groups.")
def command(baseline: Path, optimized: Path, by: str, top: int, as_json: bool) -> None:
    """Compare two cost projections.

    Changes are signed: optimized minus baseline, so that a minus is a saving.
    """
    from tokenop.reports import compare

    compared = compare.compare(baseline, optimized, _grouping(by))
    if as_json:
        import json

        click.echo(json.dumps(compared.as_dict(), indent=2, ensure_ascii=False))
        return
    _print(compared, top)


def _grouping(text: str) -> tuple[str, ...]:
    from tokenop.errors import MisuseError
    from tokenop.reports.relations import KEYS

    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    unknown = [name for name in names if name not in KEYS]
    if unknown or not names:
        raise MisuseError(f"--by takes {', '.join(KEYS)}, not {', '.join(unknown) or 'nothing'}")
    return names


def _print(compared: Comparison, top: int) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from tokenop.cli.progress import results
    from tokenop.planning.text import visible
    from tokenop.reports import words

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in compared.by:
        table.add_column(name, overflow="fold")
    for name in ("baseline", "optimized", "change", "%"):
        table.add_column(name, justify="right", no_wrap=True)
    for move in compared.moves[:top]:
        delta = move.delta_usd
        style = "" if not delta else "green" if delta < 0 else "red"
        table.add_row(
            *(Text(visible(part)) for part in move.key),
            words.usd(move.before[-1]),
            words.usd(move.after[-1]),
            Text(words.change(delta), style=style),
            words.percent_change(move.before[-1], move.after[-1]),
        )
    console = results()
    console.print(table)
    if len(compared.moves) > top:
        console.print(f"{len(compared.moves) - top} more groups: --top {len(compared.moves)} shows all\n")
    before, after = compared.total.before[-1], compared.total.after[-1]
    console.print(
        f"{words.usd(before)} → {words.usd(after)}: {words.change(compared.total.delta_usd)} "
        f"({words.percent_change(before, after)}) over the whole of both files",
        soft_wrap=True,
    )
    console.print("Next: tokenop report", soft_wrap=True)
