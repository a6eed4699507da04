"""What the subcommands of `tokenop eval` share: configs, tasks, recordings, and tables."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tokenop.errors import InputError

if TYPE_CHECKING:
    from tokenop.evals.answering import Recording
    from tokenop.evals.model import Task
    from tokenop.prices.book import PriceBook
    from tokenop.providers.base import Target
    from tokenop.providers.model import Request
    from tokenop.providers.recordings import Recordings
    from tokenop.routing.model import RoutingConfig

TIERS = ("T1", "T2", "T3", "T4", "T5")
SHIPPED = Path("shipped")  # stands for the folder that came with the program

tier_option = click.option(
    "--tier", "tiers", multiple=True, type=click.Choice(TIERS), help="Only tasks of this tier. Repeat for several."
)
tasks_option = click.option(
    "--tasks", "tasks_dir", type=click.Path(path_type=Path), help="Folder of golden tasks. [default: the shipped ones]"
)
out_option = click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("runs") / "eval",
    show_default=True,
    help="Folder of files of results.",
)
prices_option = click.option(
    "--prices", "prices_file", type=click.Path(path_type=Path), help="Further dated prices, as in templates/prices."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


def located(path: Path) -> Path:
    """Return a path; where `validations/…` is not here, that of the content which came with the program."""
    from tokenop import settings

    if path.parts[:1] == ("validations",) and not path.exists():
        return settings.content("validations").joinpath(*path.parts[1:])
    return path


def load_config(path: Path | None) -> tuple[RoutingConfig, str]:
    """Return a routing config (None: the shipped one) and the hash of its bytes.

    Raises:
        FindingsError: it has errors.
        InputError: it cannot be read.
    """
    from tokenop import routing

    chosen = located(path) if path else routing.shipped()
    config = routing.load(chosen)
    return config, config_hash(chosen, config.overlays)


def config_hash(path: Path, overlays: Iterable[str] = ()) -> str:
    """Return the hash of a config's bytes, and of those of the files laid over it (hex)."""
    digest = hashlib.sha256()
    for each in (path, *map(Path, overlays)):
        try:
            digest.update(each.read_bytes())
        except OSError as error:
            raise InputError(f"{each}: cannot be read: {error.strerror or error}") from error
    return digest.hexdigest()


def load_tasks(folder: Path | None, tiers: Sequence[str]) -> tuple[Task, ...]:
    """Return the golden tasks of some tiers, of all where none is named."""
    from tokenop.evals import tasks

    return tasks.load(located(folder) if folder else tasks.shipped(), tiers or None)


def load_recordings(folder: Path | None) -> Recordings:
    """Return the recorded answers of a folder; of the shipped one for None and `SHIPPED`."""
    from tokenop.providers import recordings

    if folder is None or folder == SHIPPED:
        return recordings.Recordings.load(recordings.shipped())
    if not located(folder).is_dir():
        raise InputError(f"{folder}: no such folder of recordings")
    return recordings.Recordings.load(located(folder))


def load_prices(extra: Path | None) -> PriceBook:
    """Return the prices of this installation, with a further file of them."""
    from tokenop.prices import book
    from tokenop.routing.chain import charging

    return charging.shipped_prices() if extra is None else book.load(located(extra))


def finder(recordings: Recordings) -> Callable[[Target, Request, int], Recording | None]:
    """Return what finds the recorded answer of a target."""
    from tokenop.routing.chain import charging

    return lambda target, request, repeat: recordings.find(charging.biller_of(target), target.model, request, repeat)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], numbers: Iterable[str] = ()) -> None:
    """Print a table; the columns in `numbers` stand to the right."""
    from rich.table import Table
    from rich.text import Text

    from tokenop.catalogue.linting.text import visible
    from tokenop.cli.progress import results

    made = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        made.add_column(name, justify="right" if name in set(numbers) else "left", overflow="fold")
    for row in rows:
        made.add_row(*(Text(visible(cell)) for cell in row))
    results().print(made)


def usd(value: Decimal | None) -> str:
    """Return an amount as far as it has digits that matter; `unknown` where it is."""
    if value is None:
        return "unknown"
    digits = 2 if value >= 1 else 4 if value >= Decimal("0.01") else 6
    return f"${value:,.{digits}f}" if value else "$0"


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of the database as JSON has it: money as text, times in ISO form."""
    return {
        name: str(value) if isinstance(value, Decimal) else value.isoformat() if hasattr(value, "isoformat") else value
        for name, value in row.items()
    }


def number(count: int, what: str) -> str:
    """Return a count and its noun."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
