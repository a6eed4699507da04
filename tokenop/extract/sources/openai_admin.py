"""OpenAI: usage and costs of an organization, through the official client's `admin.organization.usage`.

These are sums over buckets of time; no prompt is in them. A line is one bucket with its results, as the API gives it.
"""

# ruff: noqa: A001, ARG001 - `open` and the parameters are the contract's
from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tokenop.collect.manifest import Manifest
from tokenop.extract.failures import Asked, MalformedError
from tokenop.extract.http import (
    Manner,
    Transport,
    backend_of,
    credential,
    http_client,
    origin,
    own_errors,
    parse,
)
from tokenop.extract.model import MissingExtra, Request, Row, Session, Stream, Waiter, Window
from tokenop.extract.picking import Kept, bucket, fresh, rows_of

URL = "OPENAI_BASE_URL"
KEY = "OPENAI_ADMIN_KEY"
CLOUD = "https://api.openai.com/v1"

_SCALARS = (
    "object",
    "input_tokens",
    "output_tokens",
    "input_cached_tokens",
    "input_cache_write_tokens",
    "num_model_requests",
    "project_id",
    "user_id",
    "api_key_id",
    "model",
    "batch",
    "service_tier",
    "line_item",
    "quantity",
    "quantity_unit",
)
RESULT: Kept = {**dict.fromkeys(_SCALARS, True), "amount": {"value": True, "currency": True}}
# What each report can be grouped by. Costs by user are refused together with projects for some organizations.
GROUPS: Mapping[str, tuple[str, ...]] = {
    "completions": ("project_id", "user_id", "api_key_id", "model", "batch", "service_tier"),
    "embeddings": ("project_id", "user_id", "api_key_id", "model"),
    "costs": ("project_id", "line_item"),
}
# Buckets of one page, by their width.
_PAGE = {"1d": 31, "1h": 168, "1m": 1440}


def requests(manifest: Manifest, stream: Stream, window: Window, settings: Mapping[str, str]) -> tuple[Request, ...]:
    """Return the first request of a slice."""
    shown = {
        name: ",".join(value) if isinstance(value, list) else str(value)
        for name, value in _query(stream, window, settings).items()
    }
    return (Request("GET", f"${URL}{stream.reads.removeprefix('/v1')}", shown),)


def open(manifest: Manifest, settings: Mapping[str, str], environment: Mapping[str, str], wait: Waiter) -> Session:
    """Open a session with the admin key in `OPENAI_ADMIN_KEY`."""
    key = credential(environment, KEY)
    place = origin(manifest, environment, URL, CLOUD, KEY, (key,))
    try:
        from openai import DefaultHttpxClient, OpenAI
    except ImportError:
        raise MissingExtra(manifest.name, "openai") from None
    manner = Manner(wait)
    transport = Transport(backend_of(DefaultHttpxClient), place, manner)
    client = OpenAI(
        admin_api_key=key,
        base_url=place.url,
        max_retries=0,  # the transport tries again
        http_client=http_client(DefaultHttpxClient, transport, manner),
    )
    return Organization(client, transport, place.host, settings)


class Organization:
    """One OpenAI organization."""

    def __init__(self, client: Any, transport: Transport, host: str, settings: Mapping[str, str]) -> None:
        self._client = client
        self._transport = transport
        self.origin = host
        self._settings = settings

    def pages(self, stream: Stream, window: Window) -> Iterator[list[Row]]:
        """Yield the buckets of one slice that hold a result."""
        self._transport.stream = stream.name
        asked = Asked("GET", self.origin, stream.reads, stream.name)
        ask = getattr(self._client.admin.organization.usage.with_raw_response, stream.name)
        query = _query(stream, window, self._settings)
        seen: set[str] = set()
        while True:
            with own_errors(asked):
                # Read raw: the client's models would pass money through floats.
                answer = parse(ask(**query).http_response.content, asked)
            found = [bucket(entry, stream, RESULT) for entry in rows_of(answer, "data", asked)]
            yield [row for row in found if row.get("results") and _inside(row, window, asked)]
            if not answer.get("has_more"):
                return
            query["page"] = fresh(str(answer.get("next_page") or ""), seen, asked)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _query(stream: Stream, window: Window, settings: Mapping[str, str]) -> dict[str, Any]:
    width = "1d" if stream.name == "costs" else settings.get("bucket_width") or "1d"
    return {
        "start_time": int(window.since.timestamp()),
        "end_time": int(window.until.timestamp()),
        "bucket_width": width,
        "group_by": list(GROUPS[stream.name]),
        "limit": _PAGE[width],
    }


def _inside(row: Row, window: Window, asked: Asked) -> bool:
    start = row.get("start_time")
    if not isinstance(start, int):
        raise MalformedError(f"{asked}: answered with a bucket without start_time")
    return window.since.timestamp() <= start < window.until.timestamp()
