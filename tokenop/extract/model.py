"""What an extractor is: the contract between the loop that asks and the modules that know one source each.

A module in `tokenop.extract.sources` has two functions, `requests` and `open`. Both are called with the collector's
manifest and the values of its settings; `open` alone is called where there is a network, in a child process that can
reach the declared hosts and nothing else. Vendors' packages are imported inside `open`, so that a dry run needs none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from tokenop.collect.manifest import Manifest
from tokenop.collect.manifest_extract import Stream
from tokenop.errors import InputError

__all__ = [
    "ExtractError",
    "Extractor",
    "MissingCredentials",
    "MissingExtra",
    "Request",
    "Row",
    "Session",
    "Stream",
    "StreamUnavailable",
    "Waiter",
    "Window",
]

# One row: declared column → what JSON can hold, or a datetime, date, Decimal or bytes, which the store writes as text.
Row = dict[str, object]
# Waits so many seconds, for the reason given, which is shown: `waiter(12.0, "api.example.com answers 429")`.
Waiter = Callable[[float, str], None]


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """One slice of time, [since, until) in UTC. A look-up (`slice: all`) has the whole range that was asked for."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent for one slice, as a dry run prints it; never a secret.

    Attributes:
        method: `SQL`, `GET` or `POST`.
        target: the statement, or the URL. What only the environment says stands as `$NAME`.
        parameters: binds of the statement, query parameters of the URL, or keys of the body; later pages may add to it.
    """

    method: str
    target: str
    parameters: Mapping[str, str] = field(default_factory=dict)


class Session(Protocol):
    """An open connection to one source."""

    def pages(self, stream: Stream, window: Window) -> Iterator[list[Row]]:
        """Yield the rows of one slice in pages, with the declared columns only.

        A row belongs to the slice when `since <= time < until`. Iterating may raise `StreamUnavailable` (the view is
        missing or not granted) or `ExtractError`; what was yielded before is then thrown away.
        """

    def close(self) -> None:
        """Release the connection. Called once, also after an error."""


class Extractor(Protocol):
    """A module of `tokenop.extract.sources`."""

    def requests(
        self, manifest: Manifest, stream: Stream, window: Window, settings: Mapping[str, str]
    ) -> tuple[Request, ...]:
        """Return what would be sent for one slice. Needs no credentials, no network and no vendor's package.

        An empty tuple: the stream is off under these settings (a `{setting}` in `reads` is empty).

        Raises:
            MisuseError: a setting cannot be what it is.
        """

    def open(
        self, manifest: Manifest, settings: Mapping[str, str], environment: Mapping[str, str], wait: Waiter
    ) -> Session:
        """Open a session with the credentials that the vendor's own convention finds.

        Args:
            manifest: of the collector.
            settings: all values, defaults included.
            environment: the variables that the manifest declares, as far as they are set.
            wait: how to wait before trying again.

        Raises:
            MissingCredentials: a variable is not set.
            MissingExtra: the vendor's package is not installed.
            ExtractError: the source refuses.
        """


class ExtractError(InputError):
    """A source that cannot be read now. The message names host, status and stream, and never a credential."""


class MissingCredentials(InputError):  # noqa: N818 - says what is missing
    """A login is not configured. The message names the variable."""


class MissingExtra(InputError):  # noqa: N818 - says what is missing
    """A vendor's package is not installed. The message has the `pip install` that helps."""

    def __init__(self, collector: str, extra: str) -> None:
        super().__init__(f"{collector}: needs a package that is not installed: pip install 'tokenop[{extra}]'")


class StreamUnavailable(ExtractError):  # noqa: N818 - says what is missing
    """A view or endpoint that is missing or not granted here; an optional stream is then left out."""
