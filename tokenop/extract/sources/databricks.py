"""Databricks: named columns of system tables through a SQL warehouse, with the vendor's SDK."""

from __future__ import annotations

import configparser
import json
import os
import random
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from tokenop.collect.manifest import Manifest
from tokenop.extract import egress, retry, sql
from tokenop.extract.model import (
    ExtractError,
    MissingCredentials,
    MissingExtra,
    Request,
    Row,
    Session,
    Stream,
    StreamUnavailable,
    Waiter,
    Window,
)

T = TypeVar("T")

WAREHOUSE = "DATABRICKS_WAREHOUSE_ID"
STATEMENTS = "/api/2.0/sql/statements"
_MARKS = (":since", ":until")
_REACH_SECONDS = 10.0
_HTTP_SECONDS = 90.0
_SHORTEST = timedelta(minutes=1)
_POLL_SECONDS = (1.0, 2.0, 5.0, 10.0)
# What Databricks writes in brackets in front of a message.
_UNAVAILABLE = re.compile(
    r"TABLE_OR_VIEW_NOT_FOUND|SCHEMA_NOT_FOUND|CATALOG_NOT_FOUND|NO_SUCH_CATALOG|INSUFFICIENT_PERMISSIONS"
    r"|PERMISSION_DENIED|does not have (USE|SELECT|permission)|UC_NOT_ENABLED",
    re.IGNORECASE,
)
_TOO_LARGE = re.compile(r"inline byte limit exceeded|RESULT_TOO_LARGE|maximum result size", re.IGNORECASE)
_NO_COLUMN = re.compile(r"UNRESOLVED_COLUMN|FIELD_NOT_FOUND|cannot be resolved", re.IGNORECASE)


def requests(
    manifest: Manifest,  # noqa: ARG001 - the contract's
    stream: Stream,
    window: Window,
    settings: Mapping[str, str],
) -> tuple[Request, ...]:
    """Return the statement that reads a slice, or the request of a list; none where its setting is empty."""
    if stream.reads.startswith("/"):
        return (Request("GET", f"$DATABRICKS_HOST{stream.reads}"),)
    statement = _statement(stream, settings, frozenset())
    return (Request("SQL", statement, _binds(stream, window)),) if statement else ()


def open(  # noqa: A001 - the contract's name
    manifest: Manifest, settings: Mapping[str, str], environment: Mapping[str, str], wait: Waiter
) -> Session:
    """Log in as the SDK does: by the variables `DATABRICKS_…`, or by a profile of `~/.databrickscfg`."""
    warehouse = settings.get("warehouse_id") or environment.get(WAREHOUSE, "")
    if not warehouse:
        raise MissingCredentials(f"{manifest.name}: {WAREHOUSE} is not set; it names the SQL warehouse that reads")
    try:
        import databricks.sdk
    except ImportError:
        raise MissingExtra(manifest.name, "databricks") from None
    configuration = _configuration(manifest.name, environment)
    return _Session(manifest, settings, databricks.sdk.WorkspaceClient(config=configuration), warehouse, wait)


def _configuration(collector: str, environment: Mapping[str, str]) -> Any:
    """Return the SDK's configuration. It asks the host, and takes minutes where there is none: so we look first."""
    from databricks.sdk.config import Config

    host = environment.get("DATABRICKS_HOST") or _profile_host(environment)
    if not host:
        raise MissingCredentials(
            f"{collector}: DATABRICKS_HOST is not set, and no profile of ~/.databrickscfg names it"
        )
    _reach(collector, host)
    try:
        found = Config(product="tokenop", product_version="0", retry_timeout_seconds=20, http_timeout_seconds=20)
    except ValueError:
        # The SDK's own text quotes the configuration.
        raise MissingCredentials(
            f"{collector}: no login for {_host(host)}: set DATABRICKS_TOKEN (or DATABRICKS_CLIENT_ID and "
            "DATABRICKS_CLIENT_SECRET), or DATABRICKS_CONFIG_PROFILE for a profile of ~/.databrickscfg"
        ) from None
    # From here on our own policy decides about trying again.
    found._clock = _once()
    found.http_timeout_seconds = _HTTP_SECONDS
    return found


def _profile_host(environment: Mapping[str, str]) -> str:
    """Return the host of the profile that the SDK would take; empty where there is none."""
    path = Path(environment.get("DATABRICKS_CONFIG_FILE") or "~/.databrickscfg").expanduser()
    profiles = configparser.ConfigParser(interpolation=None)
    try:
        profiles.read(path, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError, OSError):
        return ""
    name = environment.get("DATABRICKS_CONFIG_PROFILE") or profiles.default_section
    return str(profiles[name].get("host", "")) if name in profiles else ""


def _once() -> Any:
    """Return a clock by which the SDK's own time for trying again is over after the first attempt."""
    from databricks.sdk.clock import Clock

    class Once(Clock):
        """Jump ahead in the place of sleeping."""

        def __init__(self) -> None:
            self.now = 0.0

        def time(self) -> float:
            return self.now

        def sleep(self, seconds: float) -> None:  # noqa: ARG002 - the SDK's
            self.now += 1e6

    return Once()


def _host(url: str) -> str:
    return (urlsplit(url if "://" in url else f"https://{url}").hostname or "").lower()


def _reach(collector: str, url: str) -> None:
    """Make sure that something listens there.

    Raises:
        ExtractError: nothing does.
    """
    if egress.proxies(os.environ):
        return
    parts = urlsplit(url if "://" in url else f"https://{url}")
    port = parts.port or (80 if parts.scheme == "http" else 443)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=_REACH_SECONDS).close()
    except OSError as error:
        raise ExtractError(f"{collector}: {_host(url)} cannot be reached: {error.strerror or error}") from None


class _Session:
    """A login, and the warehouse that runs the statements."""

    def __init__(
        self, manifest: Manifest, settings: Mapping[str, str], client: Any, warehouse: str, wait: Waiter
    ) -> None:
        self._manifest = manifest
        self._settings = settings
        self._client = client
        self._warehouse = warehouse
        self._wait = wait
        self._random = random.Random()  # noqa: S311 - jitter
        self._absent: dict[str, frozenset[str]] = {}
        self.origin = _host(client.config.host)

    def pages(self, stream: Stream, window: Window) -> Iterator[list[Row]]:
        """Yield one slice; a result that is too large to come inline is asked for in halves of its time."""
        if stream.reads.startswith("/"):
            yield self._endpoints(stream)
            return
        waiting = [window]
        while waiting:
            part = waiting.pop()
            response = self._run(stream, part)
            if response is not None:
                yield from self._chunks(stream, response)
                continue
            middle = part.since + (part.until - part.since) / 2
            if not stream.time or middle - part.since < _SHORTEST:
                raise self._failed(stream, "more rows than one answer can hold, within a minute")
            waiting += [Window(middle, part.until), Window(part.since, middle)]

    def close(self) -> None:
        """Nothing is held open."""

    def _run(self, stream: Stream, window: Window) -> Any:
        """Return the response of a statement that succeeded; None where its result is too large."""
        while True:
            absent = self._absent.get(stream.name, frozenset())
            statement = _statement(stream, self._settings, absent)
            sql.check_read_only(statement)
            response = self._finished(stream, self._submit(stream, statement, window))
            state = _state(response)
            if state == "SUCCEEDED" and response.manifest is not None:
                return None if response.manifest.truncated else response
            if state in ("", "SUCCEEDED"):
                raise self._failed(stream, "an answer that is not what the source documents")
            said = response.status.error.message if response.status.error else ""
            if _TOO_LARGE.search(said or ""):
                return None
            lacking = _lacking(stream, said or "") - absent
            if not lacking:
                raise self._refused(stream, state, said or "")
            self._absent[stream.name] = absent | lacking

    def _submit(self, stream: Stream, statement: str, window: Window) -> Any:
        from databricks.sdk.service import sql as service

        binds = [
            service.StatementParameterListItem(name=name, value=value, type="TIMESTAMP")
            for name, value in _binds(stream, window).items()
        ]
        return self._ask(
            stream,
            lambda: self._client.statement_execution.execute_statement(
                statement=statement,
                warehouse_id=self._warehouse,
                parameters=binds,
                disposition=service.Disposition.INLINE,
                format=service.Format.JSON_ARRAY,
                wait_timeout="30s",
                on_wait_timeout=service.ExecuteStatementRequestOnWaitTimeout.CONTINUE,
            ),
        )

    def _finished(self, stream: Stream, response: Any) -> Any:
        """Wait until the statement is done. A warehouse that was asleep takes minutes."""
        turn = 0
        while _state(response) in ("PENDING", "RUNNING"):
            self._wait(_POLL_SECONDS[min(turn, len(_POLL_SECONDS) - 1)], "the warehouse is working")
            turn += 1
            identifier = response.statement_id
            response = self._ask(stream, lambda: self._client.statement_execution.get_statement(identifier))  # noqa: B023
        return response

    def _chunks(self, stream: Stream, response: Any) -> Iterator[list[Row]]:
        absent = self._absent.get(stream.name, frozenset())
        columns = [name for name in stream.columns if name not in absent]
        result = response.result
        while result is not None:
            rows = result.data_array or []
            if rows and len(rows[0]) != len(columns):
                raise self._failed(stream, f"{len(rows[0])} columns came for {len(columns)} that were asked for")
            yield [dict(zip(columns, row, strict=True)) for row in rows]
            number = result.next_chunk_index
            if number is None:
                return
            result = self._ask(
                stream,
                lambda: self._client.statement_execution.get_statement_result_chunk_n(response.statement_id, number),  # noqa: B023
            )

    def _endpoints(self, stream: Stream) -> list[Row]:
        """Return the serving endpoints, with the declared keys only."""
        found = self._ask(stream, lambda: [entry.as_dict() for entry in self._client.serving_endpoints.list()])
        return [{name: entry[name] for name in stream.columns if name in entry} for entry in found]

    def _ask(self, stream: Stream, step: Callable[[], T]) -> T:
        """Return what `step` returns, trying again where that may help.

        Raises:
            StreamUnavailable: 403 or 404.
            ExtractError: anything else.
        """
        return retry.attempt(lambda: self._once(stream, step), self._wait, self._random)

    def _once(self, stream: Stream, step: Callable[[], T]) -> T:
        import requests as transport
        from databricks.sdk import errors
        from databricks.sdk.errors.base import DatabricksError

        passing = (errors.TooManyRequests, errors.TemporarilyUnavailable, errors.InternalError, errors.DeadlineExceeded)
        exceptions = transport.exceptions
        broken = (exceptions.ConnectionError, exceptions.Timeout, exceptions.ChunkedEncodingError, json.JSONDecodeError)
        try:
            return step()
        except DatabricksError as error:
            failure: Exception = error
        except (TimeoutError, json.JSONDecodeError, transport.RequestException) as error:
            # The SDK says that its time is over; what it ran into is the cause.
            failure = error.__cause__ if isinstance(error.__cause__, Exception) else error
        if isinstance(failure, passing):
            after = getattr(failure, "retry_after_secs", None)
            text = f"answers {_kind(failure)}"
            raise retry.Transient(self._failed(stream, text), float(after) if after else None) from None
        if isinstance(failure, broken):
            raise retry.Transient(self._failed(stream, f"the connection broke ({type(failure).__name__})")) from None
        if isinstance(failure, errors.PermissionDenied | errors.NotFound):
            needs = self._needs(stream, stream.reads)
            raise StreamUnavailable(f"{self.origin}: {stream.reads}: {_kind(failure)}; {needs}") from None
        if isinstance(failure, errors.Unauthenticated):
            raise self._failed(stream, "the login was refused (401): check DATABRICKS_TOKEN") from None
        raise self._failed(stream, f"{_kind(failure)}: {_first_line(str(failure))}") from None

    def _refused(self, stream: Stream, state: str, said: str) -> ExtractError:
        if _UNAVAILABLE.search(said):
            view = sql.relation(stream, self._settings)
            return StreamUnavailable(f"{view} is missing or not granted; {self._needs(stream, view)}")
        return self._failed(stream, f"the statement ended {state}: {_first_line(said)}")

    def _needs(self, stream: Stream, view: str) -> str:
        return f"it needs: {sql.needs(stream, view, self._manifest.grants)}"

    def _failed(self, stream: Stream, text: str) -> ExtractError:
        return ExtractError(f"{self._manifest.name}: {self.origin}: stream {stream.name}: {text}")


def _state(response: Any) -> str:
    """Return the state of a statement; empty where an answer has none that is known."""
    return str(response.status.state.value) if response.status and response.status.state else ""


def _statement(stream: Stream, settings: Mapping[str, str], absent: frozenset[str]) -> str:
    view = sql.relation(stream, settings).replace('"', "`")
    columns = [name for name in stream.columns if name not in absent]
    return sql.select(view, columns, stream.time, _MARKS if stream.time else None, quote="`") if view else ""


def _binds(stream: Stream, window: Window) -> dict[str, str]:
    return {"since": _stamp(window.since), "until": _stamp(window.until)} if stream.time else {}


def _stamp(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _lacking(stream: Stream, said: str) -> frozenset[str]:
    """Return the optional columns that a refused statement named."""
    if not _NO_COLUMN.search(said):
        return frozenset()
    # What follows is a list of columns that would have been there.
    named = re.split(r"did you mean", said, maxsplit=1, flags=re.IGNORECASE)[0]
    return frozenset(
        name for name in stream.optional_columns if re.search(rf"\b{re.escape(name)}\b", named, re.IGNORECASE)
    )


def _kind(error: Exception) -> str:
    return str(getattr(error, "error_code", None) or type(error).__name__)


def _first_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[0][:300] if lines else "no reason given"
