"""Anthropic: usage and costs of an organization, over its admin API (which the official client does not have).

These are sums over buckets of time, and for Claude Code over days of a person; no prompt is in them. A line is one
bucket with its results, or one entry of the Claude Code report, as the API gives it; amounts stay in cents.
"""

# ruff: noqa: A001, ARG001 - `open` and the parameters are the contract's
from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from tokenop.collect.manifest import Manifest
from tokenop.extract.failures import Asked
from tokenop.extract.http import Client, Manner, credential, origin
from tokenop.extract.model import Request, Row, Session, Stream, Waiter, Window
from tokenop.extract.picking import Kept, bucket, fresh, inside, only, pick, rows_of, stamp

URL = "ANTHROPIC_BASE_URL"
KEY = "ANTHROPIC_ADMIN_KEY"
CLOUD = "https://api.anthropic.com"
VERSION = "2023-06-01"
PEOPLE = "claude_code"

_SCALARS = (
    "uncached_input_tokens",
    "cache_read_input_tokens",
    "output_tokens",
    "api_key_id",
    "workspace_id",
    "model",
    "service_tier",
    "context_window",
    "inference_geo",
    "amount",
    "currency",
    "cost_type",
    "description",
    "token_type",
)
RESULT: Kept = {
    **dict.fromkeys(_SCALARS, True),
    "cache_creation": {"ephemeral_5m_input_tokens": True, "ephemeral_1h_input_tokens": True},
}
ACTOR: Kept = {"type": True, "email_address": True, "api_key_name": True}
MODEL: Kept = {
    "model": True,
    "tokens": dict.fromkeys(("input", "output", "cache_read", "cache_creation"), True),
    "estimated_cost": {"currency": True, "amount": True},
}
GROUPS: Mapping[str, tuple[str, ...]] = {
    "messages": ("model", "workspace_id", "api_key_id", "service_tier", "context_window", "inference_geo"),
    "cost_report": ("workspace_id", "description"),
}
_PAGE = {"1d": 31, "1h": 168, "1m": 1440}
_WIDTHS = {"1d": timedelta(days=1), "1h": timedelta(hours=1), "1m": timedelta(minutes=1)}


def requests(manifest: Manifest, stream: Stream, window: Window, settings: Mapping[str, str]) -> tuple[Request, ...]:
    """Return the first request of a slice."""
    shown = {
        name: ",".join(value) if isinstance(value, list) else str(value)
        for name, value in _query(stream, window, settings).items()
    }
    return (Request("GET", f"${URL}{stream.reads}", shown),)


def open(manifest: Manifest, settings: Mapping[str, str], environment: Mapping[str, str], wait: Waiter) -> Session:
    """Open a session with the admin key in `ANTHROPIC_ADMIN_KEY`."""
    key = credential(environment, KEY)
    place = origin(manifest, environment, URL, CLOUD, KEY, (key,))
    headers = {"x-api-key": key, "anthropic-version": VERSION}
    return Organization(Client(place, headers, Manner(wait), (manifest.name, "http")), place.host, settings)


class Organization:
    """One Anthropic organization."""

    def __init__(self, client: Client, host: str, settings: Mapping[str, str]) -> None:
        self._client = client
        self.origin = host
        self._settings = settings

    def pages(self, stream: Stream, window: Window) -> Iterator[list[Row]]:
        """Yield the buckets of one slice that hold a result, or the entries of one day's Claude Code report."""
        asked = Asked("GET", self.origin, stream.reads, stream.name)
        query = _query(stream, window, self._settings)
        seen: set[str] = set()
        while True:
            answer = self._client.get(stream.reads, query, stream.name)
            found = rows_of(answer, "data", asked)
            if stream.name == PEOPLE:
                rows = [_person(entry, stream) for entry in found]
            else:
                rows = [row for row in (bucket(entry, stream, RESULT) for entry in found) if row.get("results")]
            yield inside(rows, stream.time, window)
            if not answer.get("has_more"):
                return
            query["page"] = fresh(str(answer.get("next_page") or ""), seen, asked)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _query(stream: Stream, window: Window, settings: Mapping[str, str]) -> dict[str, Any]:
    if stream.name == PEOPLE:
        return {"starting_at": stamp(window.since, "%Y-%m-%d"), "limit": 1000}
    width = settings.get("bucket_width") or "1d" if stream.name == "messages" else "1d"
    return {
        "starting_at": stamp(window.since),
        # «Buckets that end before»: one more is asked for, and left out, so that the last one is there either way.
        "ending_at": stamp(window.until + _WIDTHS[width]),
        "bucket_width": width,
        "group_by[]": list(GROUPS[stream.name]),
        "limit": _PAGE[width],
    }


def _person(entry: Mapping[str, Any], stream: Stream) -> Row:
    row = only(entry, stream)
    models = row.get("model_breakdown")
    row["actor"] = pick(row.get("actor"), ACTOR)
    row["model_breakdown"] = [pick(model, MODEL) for model in models] if isinstance(models, list) else None
    return {name: value for name, value in row.items() if value is not None}
