"""Helicone: requests, over `POST /v1/request/query-clickhouse`.

The answer holds the bodies of requests and answers, or signed links to them; both are dropped here, since the API
cannot leave them out. Of the properties only those are kept that a setting names. `includeInputs` stays off.

It pages by offset over rows ordered by time alone, so a window that fills its page is halved instead, down to a second.
"""

# ruff: noqa: A001, ARG001 - `open` and the parameters are the contract's
from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from tokenop.collect.manifest import Manifest
from tokenop.extract.failures import Asked, MalformedError
from tokenop.extract.http import Client, Manner, credential, origin
from tokenop.extract.model import Request, Row, Session, Stream, Waiter, Window
from tokenop.extract.picking import inside, narrowed, only, pick, rows_of, splittable, stamp

URL = "HELICONE_BASE_URL"
KEY = "HELICONE_API_KEY"
CLOUD = "https://api.helicone.ai"
PAGE = 1000
TIME = "request_created_at"
# The one property that Helicone itself knows.
SESSION = "Helicone-Session-Id"


def requests(manifest: Manifest, stream: Stream, window: Window, settings: Mapping[str, str]) -> tuple[Request, ...]:
    """Return the first request of a slice."""
    shown = {name: json.dumps(value) for name, value in _body(window, 0).items()}
    return (Request("POST", f"${URL}{stream.reads}", shown),)


def open(manifest: Manifest, settings: Mapping[str, str], environment: Mapping[str, str], wait: Waiter) -> Session:
    """Open a session on the organization that the key belongs to."""
    key = credential(environment, KEY)
    place = origin(manifest, environment, URL, CLOUD, KEY, (key,))
    client = Client(place, {"authorization": f"Bearer {key}"}, Manner(wait), (manifest.name, "http"))
    return Organization(client, place.host, settings)


class Organization:
    """One Helicone organization."""

    def __init__(self, client: Client, host: str, settings: Mapping[str, str]) -> None:
        self.origin = host
        self._client = client
        chosen = (value for name, value in sorted(settings.items()) if name.endswith("_property") and value)
        self._names = (SESSION, *chosen)

    def pages(self, stream: Stream, window: Window) -> Iterator[list[Row]]:
        """Yield the rows of one slice."""
        yield from narrowed(lambda part: self._part(stream, part), window)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _part(self, stream: Stream, window: Window) -> list[Row] | None:
        found = self._page(stream, window, 0)
        if len(found) >= PAGE and splittable(window):
            return None
        known = {str(row.get("request_id")): row for row in found}
        offset = len(found)
        while len(found) >= PAGE:
            found = self._page(stream, window, offset)
            offset += len(found)
            known |= {str(row.get("request_id")): row for row in found}
        if len(known) < offset:
            raise MalformedError(
                f"{self._asked(stream)}: more than {PAGE} calls in the second {stamp(window.since)}, which change "
                "places between its pages; try again"
            )
        return inside([_row(row, stream, self._names) for row in known.values()], TIME, window)

    def _page(self, stream: Stream, window: Window, offset: int) -> list[dict[str, Any]]:
        answer = self._client.post(stream.reads, _body(window, offset), stream.name)
        if isinstance(answer, dict) and answer.get("error"):
            raise MalformedError(f"{self._asked(stream)}: answered 200 with an error")
        return rows_of(answer, "data", self._asked(stream))

    def _asked(self, stream: Stream) -> Asked:
        return Asked("POST", self.origin, stream.reads, stream.name)


def _body(window: Window, offset: int) -> dict[str, Any]:
    def bound(operator: str, text: str) -> dict[str, Any]:
        return {"request_response_rmt": {TIME: {operator: text}}}

    return {
        "filter": {
            "left": bound("gte", stamp(window.since)),
            "operator": "and",
            "right": bound("lt", stamp(window.until)),
        },
        "sort": {"created_at": "asc"},
        "limit": PAGE,
        "offset": offset,
        "includeInputs": False,
    }


def _row(row: Mapping[str, Any], stream: Stream, names: tuple[str, ...]) -> Row:
    found: Row = {name: pick(row.get(name), True) for name in stream.columns}
    if isinstance(row.get("target_url"), str):
        # The host alone: a query may hold a key.
        found["target_url"] = "://".join(urlsplit(row["target_url"])[:2]) or None
    # What the user's own programs say of a request, under names of their own.
    said = row.get("request_properties") or row.get("properties")
    found["request_properties"] = pick(said, dict.fromkeys(names, True)) if isinstance(said, dict) else None
    return only(found, stream)
