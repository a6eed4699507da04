"""Langfuse: observations that are calls of models, over its public API.

`GET /api/public/v2/observations` lets the fields be chosen by group: `io` (prompts and answers) and `metadata` are not
asked for. Servers before version 4 have `GET /api/public/observations` alone, which always sends prompts and answers:
with the setting `api` at `v1` they cross the network, and are dropped before anything is written.

Rows are written in the shape of Langfuse's own exports (`snake_case`).
"""

# ruff: noqa: A001, ARG001 - `open` and the parameters are the contract's
from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tokenop.collect.manifest import Manifest
from tokenop.extract.failures import Asked, MalformedError, NotFoundError
from tokenop.extract.http import Client, Manner, credential, named, origin
from tokenop.extract.model import Request, Row, Session, Stream, Waiter, Window
from tokenop.extract.picking import Kept, fresh, inside, numbers, only, pick, rows_of, stamp

URLS = ("LANGFUSE_HOST", "LANGFUSE_BASE_URL")
PUBLIC = "LANGFUSE_PUBLIC_KEY"
SECRET = "LANGFUSE_SECRET_KEY"  # noqa: S105 - the name of the variable
CLOUD = "https://cloud.langfuse.com"
GROUPS = "core,basic,time,model,usage,prompt,metrics,trace_context"
TYPES = ("GENERATION", "EMBEDDING")
V1 = "/api/public/observations"
_PAGE = {"v2": 1000, "v1": 100}
# Where the API's name is not the export's in camelCase: the newer first.
_OTHERS = {
    "provided_model_name": ("providedModelName", "model"),
    "total_cost": ("totalCost", "calculatedTotalCost"),
}
# Objects of numbers under names of any kind; and what older servers have in place of the first.
_COUNTS = ("usage_details", "cost_details")
_USAGE: Kept = dict.fromkeys(("input", "output", "total", "unit"), True)


def requests(manifest: Manifest, stream: Stream, window: Window, settings: Mapping[str, str]) -> tuple[Request, ...]:
    """Return the first request of a slice, for each type of observation."""
    version = _version(settings)
    found = []
    for kind in TYPES:
        shown = {name: str(value) for name, value in _query(version, kind, window).items()}
        found.append(Request("GET", f"${URLS[0]}{_path(version, stream)}", shown))
    return tuple(found)


def open(manifest: Manifest, settings: Mapping[str, str], environment: Mapping[str, str], wait: Waiter) -> Session:
    """Open a session on the project that the two keys belong to."""
    public, secret = credential(environment, PUBLIC), credential(environment, SECRET)
    pair = base64.b64encode(f"{public}:{secret}".encode()).decode()
    variable = named(environment, *URLS)
    place = origin(manifest, environment, variable, CLOUD, f"{PUBLIC} and {SECRET}", (secret, pair))
    client = Client(place, {"authorization": f"Basic {pair}"}, Manner(wait), (manifest.name, "http"))
    return Project(client, place.host, _version(settings))


class Project:
    """One Langfuse project."""

    def __init__(self, client: Client, host: str, version: str) -> None:
        self.origin = host
        self._client = client
        self._version = version

    def pages(self, stream: Stream, window: Window) -> Iterator[list[Row]]:
        """Yield the rows of one slice, one type of observation after the other."""
        asked = Asked("GET", self.origin, _path(self._version, stream), stream.name)
        for kind in TYPES:
            query = _query(self._version, kind, window)
            seen: set[str] = set()
            while query:
                answer = self._ask(asked, query)
                rows = [_row(observation, stream) for observation in rows_of(answer, "data", asked)]
                yield inside(rows, "start_time", window)
                query = _next(self._version, query, answer, len(rows), seen, asked)

    def _ask(self, asked: Asked, query: Mapping[str, Any]) -> Any:
        try:
            return self._client.get(asked.path, query, asked.stream)
        except NotFoundError as missing:
            if self._version == "v1":
                raise
            raise NotFoundError(f"{missing}; a server before version 4 needs --setting api=v1") from None

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _version(settings: Mapping[str, str]) -> str:
    return settings.get("api") or "v2"


def _path(version: str, stream: Stream) -> str:
    return V1 if version == "v1" else stream.reads


def _query(version: str, kind: str, window: Window) -> dict[str, Any]:
    query: dict[str, Any] = {
        "type": kind,
        "fromStartTime": stamp(window.since, "%Y-%m-%dT%H:%M:%S.%fZ"),
        "toStartTime": stamp(window.until, "%Y-%m-%dT%H:%M:%S.%fZ"),
        "limit": _PAGE[version],
    }
    return {**query, "page": 1} if version == "v1" else {**query, "fields": GROUPS}


def _next(
    version: str, query: dict[str, Any], answer: Mapping[str, Any], rows: int, seen: set[str], asked: Asked
) -> dict[str, Any]:
    """Return the query of the next page, empty after the last one."""
    meta = answer.get("meta")
    if not isinstance(meta, dict):
        raise MalformedError(f"{asked}: answered without meta, which tells of further pages")
    if version == "v1":
        pages = meta.get("totalPages")
        if not isinstance(pages, int) or (rows == 0 and query["page"] < pages):
            raise MalformedError(f"{asked}: answered without a page or without their number")
        return {**query, "page": query["page"] + 1} if query["page"] < pages else {}
    cursor = meta.get("cursor")
    return {**query, "cursor": fresh(str(cursor), seen, asked)} if cursor else {}


def _row(observation: Mapping[str, Any], stream: Stream) -> Row:
    found: Row = {}
    for column in stream.columns:
        names = _OTHERS.get(column) or (re.sub(r"_([a-z])", lambda match: match[1].upper(), column),)
        value = next((observation[name] for name in names if observation.get(name) is not None), None)
        found[column] = numbers(value) if column in _COUNTS else pick(value, _USAGE if column == "usage" else True)
    return only(found, stream)
