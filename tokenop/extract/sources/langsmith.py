"""LangSmith: runs that are calls of models, through the official client's `runs.query` (`POST /api/v2/runs/query`).

`selects` names every field that is sent; inputs, outputs, events and attachments are not among them. `METADATA` is
written by the user's program and can hold anything: of it only the entries in `KEPT` and those that a setting names
are kept.

Rows keep the API's own names. Token details are written flat, as exports have them, and `status` in small letters.
"""

# ruff: noqa: A001, ARG001 - `open` and the parameters are the contract's
from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tokenop.collect.manifest import Manifest
from tokenop.errors import MisuseError
from tokenop.extract.failures import Asked, MalformedError
from tokenop.extract.http import (
    Manner,
    Transport,
    backend_of,
    credential,
    http_client,
    named,
    origin,
    own_errors,
    parse,
)
from tokenop.extract.model import MissingExtra, Request, Row, Session, Stream, Waiter, Window
from tokenop.extract.picking import fresh, inside, listed, numbers, only, pick, rows_of, stamp

URL = "LANGSMITH_ENDPOINT"
KEYS = ("LANGSMITH_API_KEY", "LANGCHAIN_API_KEY")
CLOUD = "https://api.smith.langchain.com"
PAGE = 1000
PROJECTS = "/api/v2/sessions"

SELECTS = (
    "ID",
    "RUN_TYPE",
    "STATUS",
    "START_TIME",
    "END_TIME",
    "FIRST_TOKEN_TIME",
    "PARENT_RUN_IDS",
    "TRACE_ID",
    "THREAD_ID",
    "PROJECT_ID",
    "PROMPT_TOKENS",
    "COMPLETION_TOKENS",
    "PROMPT_TOKEN_DETAILS",
    "COMPLETION_TOKEN_DETAILS",
    "TOTAL_COST",
    "PROMPT_COST",
    "COMPLETION_COST",
    "METADATA",
    "TAGS",
    "FEEDBACK_STATS",
)
KEPT = (
    "ls_provider",
    "ls_model_name",
    "ls_model_type",
    "thread_id",
    "session_id",
    "conversation_id",
)


def requests(manifest: Manifest, stream: Stream, window: Window, settings: Mapping[str, str]) -> tuple[Request, ...]:
    """Return the requests of a slice: which projects there are, and the first page of their runs."""
    base = f"${URL}"
    found = [Request("GET", base + PROJECTS, {"type": "PROJECT,AGENT"})]
    for kind in _kinds(settings):
        query = _query(kind, window)
        shown = {name: ",".join(value) if isinstance(value, list) else str(value) for name, value in query.items()}
        shown["project_ids"] = settings.get("projects") or "each project"
        found.append(Request("POST", base + stream.reads, shown))
    return tuple(found)


def open(manifest: Manifest, settings: Mapping[str, str], environment: Mapping[str, str], wait: Waiter) -> Session:
    """Open a session with the key in `LANGSMITH_API_KEY`."""
    key = credential(environment, *KEYS)
    place = origin(manifest, environment, URL, CLOUD, named(environment, *KEYS), (key,))
    try:
        from langsmith import DefaultHttpxClient, Langsmith
    except ImportError:
        raise MissingExtra(manifest.name, "langsmith") from None
    manner = Manner(wait)
    transport = Transport(backend_of(DefaultHttpxClient), place, manner)
    client = Langsmith(
        api_key=key,
        tenant_id=environment.get("LANGSMITH_WORKSPACE_ID") or environment.get("LANGSMITH_TENANT_ID"),
        base_url=place.url.removesuffix("/api/v1"),
        max_retries=0,  # the transport tries again
        http_client=http_client(DefaultHttpxClient, transport, manner),
    )
    return Workspace(client, transport, place.host, settings)


class Workspace:
    """One LangSmith workspace."""

    def __init__(self, client: Any, transport: Transport, host: str, settings: Mapping[str, str]) -> None:
        self._client = client
        self._transport = transport
        self.origin = host
        self._wanted = listed(settings.get("projects", ""), r"[^,]+", "projects")
        self._metadata = (*KEPT, *(v for n, v in sorted(settings.items()) if n.endswith("_metadata") and v))
        self._kinds = _kinds(settings)
        self._projects: tuple[str, ...] | None = None

    def pages(self, stream: Stream, window: Window) -> Iterator[list[Row]]:
        """Yield the rows of one slice, for one project after the other."""
        if self._projects is None:
            self._projects = self._resolve(stream)
        asked = Asked("POST", self.origin, stream.reads, stream.name)
        query = self._client.runs.with_raw_response.query_v2
        for project, kind in itertools.product(self._projects, self._kinds):
            for found in self._paged(asked, query, project_ids=[project], **_query(kind, window)):
                rows = [_row(run, self._metadata) for run in found]
                yield [only(row, stream) for row in inside(rows, stream.time, window)]

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _resolve(self, stream: Stream) -> tuple[str, ...]:
        """Return the ids of the wanted projects, by name or id; of all where none is named."""
        asked = Asked("GET", self.origin, PROJECTS, stream.name)
        listing = self._client.sessions.with_raw_response.list_v2
        found: dict[str, str] = {}
        for page in self._paged(asked, listing, type=["PROJECT", "AGENT"], page_size=100):
            found |= {str(project.get("id")): str(project.get("name")) for project in page}
        by_name = {name: key for key, name in found.items()}
        if unknown := [name for name in self._wanted if name not in by_name and name not in found]:
            shown = ", ".join(sorted(by_name)[:10]) or "none"
            raise MisuseError(f"--setting projects: {', '.join(unknown)}: no such project; there are {shown}")
        return tuple(by_name.get(name, name) for name in self._wanted) or tuple(sorted(found))

    def _paged(self, asked: Asked, ask: Callable[..., Any], **query: Any) -> Iterator[list[dict[str, Any]]]:
        """Yield the items of each page. They are read raw: the client's models would pass money through floats."""
        self._transport.stream = asked.stream
        seen: set[str] = set()
        while True:
            with own_errors(asked):
                answer = parse(ask(**query).http_response.content, asked)
            yield rows_of(answer, "items", asked)
            cursor = answer.get("next_cursor")
            if not cursor:
                return
            if not isinstance(cursor, str):
                raise MalformedError(f"{asked}: answered with a cursor that is none")
            query["cursor"] = fresh(cursor, seen, asked)


def _kinds(settings: Mapping[str, str]) -> tuple[str, ...]:
    """Return the types of runs that are asked for, as the API spells them."""
    kinds = listed(settings.get("run_types") or "llm", r"[A-Za-z]{1,20}", "run_types")
    return tuple(dict.fromkeys(kind.upper() for kind in kinds))


def _query(kind: str, window: Window) -> dict[str, Any]:
    return {
        "run_type": kind,
        "min_start_time": stamp(window.since, "%Y-%m-%dT%H:%M:%S.%fZ"),
        "max_start_time": stamp(window.until, "%Y-%m-%dT%H:%M:%S.%fZ"),
        "page_size": PAGE,
        "selects": list(SELECTS),
    }


def _row(run: Mapping[str, Any], metadata: tuple[str, ...]) -> Row:
    said, status = run.get("metadata"), run.get("status")
    found: Row = {name.lower(): pick(run.get(name.lower()), True) for name in SELECTS}
    return {
        **found,
        "run_type": str(run.get("run_type") or "").lower() or None,
        "status": status.lower() if isinstance(status, str) else None,
        "prompt_token_details": _details(run.get("prompt_token_details")),
        "completion_token_details": _details(run.get("completion_token_details")),
        "metadata": pick(said, dict.fromkeys(metadata, True)) if isinstance(said, dict) else None,
        "feedback_stats": _feedback(run.get("feedback_stats")),
    }


def _details(value: object) -> dict[str, object] | None:
    """Return the counts by category. The API nests them under `raw`, exports do not."""
    return numbers(value.get("raw", value)) if isinstance(value, dict) else None


def _feedback(value: object) -> dict[str, object] | None:
    """Return number and mean of each score: a comment is free text, and stays where it is."""
    entries = value.items() if isinstance(value, dict) else ()
    kept = {str(key): numbers({n: e[n] for n in ("n", "avg") if n in e}) for key, e in entries if isinstance(e, dict)}
    return {key: entry for key, entry in kept.items() if entry} or None
