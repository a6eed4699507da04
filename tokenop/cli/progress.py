"""What goes to a terminal: results, and progress only where somebody watches."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


@contextlib.contextmanager
def steps() -> Iterator[Callable[[str], None]]:
    """Yield a function that says what is being done now: a spinner on stderr, nothing where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console

    with Console(stderr=True).status("starting") as status:
        yield lambda step: status.update(f"{step} …")


def results() -> Console:
    """Return a console for results. A reader that goes away (`| head`) is no error, as the boundary in `main` says."""
    from rich import console

    class Results(console.Console):
        """Leave broken pipes to the boundary: rich would exit with 1."""

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    return Results(highlight=False)
