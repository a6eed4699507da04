"""PostHog: the events `$ai_generation` of a project, over its query API (`POST /api/projects/:id/query/`, HogQL).

Only the properties in `PROPERTIES`, and those that a setting names, are selected: prompts and answers are properties of
the same event (`$ai_input`, `$ai_output_choices`) and never leave PostHog.

Pages go by time and uuid, as PostHog asks for in place of offsets. Answers may come from a cache that does not know
late events, so each query is computed anew.
"""

# ruff: noqa: A001, ARG001 - `open` and the parameters are the contract's
from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from tokenop.collect.manifest import Manifest
from tokenop.extract.failures import Asked, MalformedError
from tokenop.extract.http import Client, Manner, credential, named, origin
from tokenop.extract.model import MissingCredentials, Request, Row, Session, Stream, Waiter, Window
from tokenop.extract.picking import filled, instant, listed, only, stamp

URL = "POSTHOG_HOST"
KEYS = ("POSTHOG_API_KEY", "POSTHOG_PERSONAL_API_KEY")
PROJECT = "POSTHOG_PROJECT_ID"
CLOUD = "https://us.posthog.com"
PAGE = 10_000

PROPERTIES = (
    "$ai_model",
    "$ai_provider",
    "$ai_input_tokens",
    "$ai_output_tokens",
    "$ai_cache_read_input_tokens",
    "$ai_cache_creation_input_tokens",
    "$ai_cache_creation_1h_input_tokens",
    "$ai_cache_creation_5m_input_tokens",
    "$ai_reasoning_tokens",
    "$ai_cache_reporting_exclusive",
    "$ai_latency",
    "$ai_time_to_first_token",
    "$ai_total_cost_usd",
    "$ai_http_status",
    "$ai_is_error",
    "$ai_base_url",
    "$ai_trace_id",
    "$ai_session_id",
    "$ai_parent_id",
    "$ai_span_name",
    "$ai_framework",
)
EVENTS = ("$ai_generation", "$ai_embedding")
_COLUMNS = {
    "uuid": "toString(uuid)",
    "event": "event",
    "distinct_id": "distinct_id",
    "timestamp": "timestamp",
}


def requests(manifest: Manifest, stream: Stream, window: Window, settings: Mapping[str, str]) -> tuple[Request, ...]:
    """Return the first request of a slice."""
    path = _path(stream, settings.get("project") or f"${PROJECT}")
    return (Request("POST", f"${URL}{path}", {"query": _statement(window, _names(settings), None)}),)


def open(manifest: Manifest, settings: Mapping[str, str], environment: Mapping[str, str], wait: Waiter) -> Session:
    """Open a session on the project in the setting `project`, or in `POSTHOG_PROJECT_ID`."""
    key = credential(environment, *KEYS)
    place = origin(manifest, environment, URL, CLOUD, named(environment, *KEYS), (key,))
    project = environment.get(PROJECT, "").strip()
    if not settings.get("project") and not project:
        raise MissingCredentials(f"{PROJECT} is not set; PostHog shows the number under Settings, Project")
    client = Client(place, {"authorization": f"Bearer {key}"}, Manner(wait), (manifest.name, "http"))
    return Project(client, place.host, settings, project)


class Project:
    """One PostHog project."""

    def __init__(self, client: Client, host: str, settings: Mapping[str, str], project: str) -> None:
        self._client = client
        self._host = host
        self._project = settings.get("project") or project
        self._names = _names(settings)
        # Two projects of one host are two bills.
        self.origin = f"{host}/projects/{self._project}"

    def pages(self, stream: Stream, window: Window) -> Iterator[list[Row]]:
        """Yield the rows of one slice in the order of time and uuid."""
        path, names = _path(stream, self._project), self._names
        asked = Asked("POST", self._host, path, stream.name)
        after: tuple[datetime, str] | None = None
        while True:
            statement = _statement(window, names, after)
            query = {"kind": "HogQLQuery", "query": statement}
            body = {"query": query, "refresh": "force_blocking", "name": "tokenop extract"}
            found = _results(self._client.post(path, body, stream.name), len(_COLUMNS) + len(names), asked)
            yield [_row(result, names, stream) for result in found]
            if len(found) < PAGE:
                return
            last = _place(found[-1], asked)
            if after is not None and last <= after:
                raise MalformedError(f"{asked}: the next page is one that was read before")
            after = last

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _path(stream: Stream, project: str) -> str:
    return filled(stream.reads, {"project": project}, r"[A-Za-z0-9_$-]+")


def _names(settings: Mapping[str, str]) -> tuple[str, ...]:
    """Return the properties to select: ours, and those that the user's settings name."""
    wanted = [value for name, value in sorted(settings.items()) if name.endswith("_property") and value]
    for name in wanted:
        # A name is written into the statement: nothing that could end it.
        listed(name, r"[A-Za-z_$][A-Za-z0-9_$]{0,127}", "…_property")
    return (*PROPERTIES, *(name for name in dict.fromkeys(wanted) if name not in PROPERTIES))


def _statement(window: Window, names: tuple[str, ...], after: tuple[datetime, str] | None) -> str:
    """Return the query of one page. What is written into it are times, uuids that PostHog gave, and checked names."""
    columns = [*_COLUMNS.values(), *(f"properties.{name}" for name in names)]
    text = (
        f"SELECT {', '.join(columns)} FROM events "
        f"WHERE event IN ({', '.join(repr(event) for event in EVENTS)}) "
        f"AND timestamp >= {_time(window.since)} AND timestamp < {_time(window.until)}"
    )
    if after is not None:
        when, uuid = _time(after[0]), after[1]
        text += f" AND (timestamp > {when} OR (timestamp = {when} AND toString(uuid) > '{uuid}'))"
    return f"{text} ORDER BY timestamp, toString(uuid) LIMIT {PAGE}"


def _time(when: datetime) -> str:
    return f"toDateTime('{stamp(when, '%Y-%m-%dT%H:%M:%S.%fZ')}')"


def _results(answer: object, width: int, asked: Asked) -> list[list[Any]]:
    found = answer.get("results") if isinstance(answer, dict) else None
    if not isinstance(found, list) or not all(isinstance(row, list) and len(row) == width for row in found):
        raise MalformedError(f"{asked}: answered without results of {width} columns")
    return found


def _place(result: list[Any], asked: Asked) -> tuple[datetime, str]:
    when, uuid = instant(result[3]), str(result[0])
    if when is None or not uuid.replace("-", "").isalnum():
        raise MalformedError(f"{asked}: a row without a time or uuid")
    return when, uuid


def _row(result: list[Any], names: tuple[str, ...], stream: Stream) -> Row:
    row = dict(zip(_COLUMNS, result, strict=False))
    when = instant(row["timestamp"])
    # With the project's own zone and without are the same time: one spelling, so that one row is one line.
    row["timestamp"] = stamp(when, "%Y-%m-%dT%H:%M:%S.%fZ") if when else row["timestamp"]
    values = dict(zip(names, result[len(_COLUMNS) :], strict=True))
    row["properties"] = {name: value for name, value in values.items() if not isinstance(value, dict | list | None)}
    return only(row, stream)
