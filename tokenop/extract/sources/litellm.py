"""LiteLLM: the spend logs of a proxy, over `GET /spend/logs/v2` with the proxy's master key.

The answer leaves out messages and responses, but its `metadata` can hold what users sent (queries of vector stores,
arguments of tools, error texts): of it only the entries in `METADATA` are kept.

The endpoint pages by offset over rows ordered by time alone, and counts at most 10,000 of them. Rows of the same
millisecond may change places between two pages. So no second page is asked for: a window that does not fit one page is
halved, down to a second.
"""

# ruff: noqa: A001, ARG001 - `open` and the parameters are the contract's
from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tokenop.collect.manifest import Manifest
from tokenop.extract.failures import Asked, MalformedError, RefusedRequestError
from tokenop.extract.http import Client, Manner, credential, named, origin
from tokenop.extract.model import Request, Row, Session, Stream, Waiter, Window
from tokenop.extract.picking import (
    Kept,
    inside,
    narrowed,
    only,
    pick,
    rows_of,
    splittable,
    stamp,
)

URL = "LITELLM_BASE_URL"
KEYS = ("LITELLM_API_KEY", "LITELLM_MASTER_KEY")
PAGE = 1000
# The largest page of proxies before 2026.
SMALL_PAGE = 100
# More calls than so many pages of one second: no proxy answers that many, something else is wrong.
MOST_PAGES = 100

_USAGE: Kept = {
    "cache_read_input_tokens": True,
    "cache_creation_input_tokens": True,
    "prompt_tokens_details": {
        "cached_tokens": True,
        "cache_creation_tokens": True,
        "cache_creation_token_details": {"ephemeral_1h_input_tokens": True, "ephemeral_5m_input_tokens": True},
    },
    "completion_tokens_details": {"reasoning_tokens": True},
}
METADATA: Kept = {
    "additional_usage_values": _USAGE,
    "usage_object": _USAGE,
    "status": True,
    "error_information": {"error_class": True, "error_code": True},
    "attempted_retries": True,
    "attempted_fallbacks": True,
    "user_api_key_team_alias": True,
    "user_api_key_alias": True,
    "model_map_information": {
        "model_map_value": {
            "input_cost_per_token": True,
            "output_cost_per_token": True,
            "cache_read_input_token_cost": True,
            "cache_creation_input_token_cost": True,
        }
    },
}


def requests(manifest: Manifest, stream: Stream, window: Window, settings: Mapping[str, str]) -> tuple[Request, ...]:
    """Return the first request of a slice."""
    return (Request("GET", f"${URL}{stream.reads}", {k: str(v) for k, v in _query(window, PAGE, 1).items()}),)


def open(manifest: Manifest, settings: Mapping[str, str], environment: Mapping[str, str], wait: Waiter) -> Session:
    """Open a session on the proxy at `LITELLM_BASE_URL`."""
    key = credential(environment, *KEYS)
    place = origin(manifest, environment, URL, login=named(environment, *KEYS), secrets=(key,))
    return Proxy(Client(place, {"authorization": f"Bearer {key}"}, Manner(wait), (manifest.name, "http")), place.host)


class Proxy:
    """One LiteLLM proxy."""

    def __init__(self, client: Client, host: str) -> None:
        self._client = client
        self.origin = host
        self._size = PAGE

    def pages(self, stream: Stream, window: Window) -> Iterator[list[Row]]:
        """Yield the rows of one slice."""
        yield from narrowed(lambda part: self._part(stream, part), window)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _part(self, stream: Stream, window: Window) -> list[Row] | None:
        """Return the rows of a window; None where they are more than one page and it can be halved."""
        found, total = self._page(stream, window, 1)
        if total > len(found):
            if splittable(window):
                return None
            found = self._second(stream, window, found, total)
        return [_row(row, stream) for row in inside(found, "startTime", window)]

    def _second(self, stream: Stream, window: Window, first: list[Row], total: int) -> list[Row]:
        """Return the rows of one second, read page by page until as many are known as there are."""
        known = {str(row.get("request_id")): row for row in first}
        last = min(-(-total // self._size), MOST_PAGES)
        for number in [*range(2, last + 1)] + [*range(1, last + 1)] * 2:
            more, total = self._page(stream, window, number)
            known |= {str(row.get("request_id")): row for row in more}
            if len(known) >= total:
                return list(known.values())
        raise MalformedError(
            f"{self._asked(stream)}: {total} calls in the second {stamp(window.since)}, of which its pages show "
            f"{len(known)}; export the table LiteLLM_SpendLogs instead"
        )

    def _page(self, stream: Stream, window: Window, number: int) -> tuple[list[Row], int]:
        """Return one page, and how many rows the window has."""
        try:
            answer = self._client.get(stream.reads, _query(window, self._size, number), stream.name)
        except RefusedRequestError as refused:
            if refused.status != 422 or self._size == SMALL_PAGE:
                raise
            self._size = SMALL_PAGE
            return self._page(stream, window, number)
        rows = rows_of(answer, "data", self._asked(stream))
        total = answer.get("total")
        if not isinstance(total, int) or (number == 1 and total > 0 and not rows):
            raise MalformedError(f"{self._asked(stream)}: answered without rows or without their number")
        # Above its limit the proxy stops counting, and says so.
        return rows, max(total, len(rows)) + 1 if answer.get("total_is_capped") else total

    def _asked(self, stream: Stream) -> Asked:
        return Asked("GET", self.origin, stream.reads, stream.name)


def _query(window: Window, size: int, page: int) -> dict[str, Any]:
    # The proxy takes both ends as inclusive and whole seconds; what is of the next window is left out afterwards.
    return {
        "start_date": stamp(window.since, "%Y-%m-%d %H:%M:%S"),
        "end_date": stamp(window.until, "%Y-%m-%d %H:%M:%S"),
        "page": page,
        "page_size": size,
        "sort_by": "startTime",
        "sort_order": "asc",
    }


def _row(row: Mapping[str, Any], stream: Stream) -> Row:
    found = only(row, stream)
    if "metadata" in found:
        found["metadata"] = pick(found["metadata"], METADATA) or {}
    if "request_tags" in found:
        found["request_tags"] = pick(found["request_tags"], True)
    return {name: value for name, value in found.items() if not isinstance(value, dict) or name == "metadata"}
