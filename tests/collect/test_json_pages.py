"""Answers of APIs as they came: the records in a page count, not the page."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tests.collect.reading import Read
from tokenop.collect import json_pages, manifest, recognise
from tokenop.settings import content

COLLECTORS = content("collectors")
LOGGED = {
    "request_id": "1",
    "call_type": "acompletion",
    "spend": 0.1,
    "startTime": "2026-09-01T09:00:00Z",
    "model": "gpt-4o",
    "prompt_tokens": 10,
    "completion_tokens": 5,
    "metadata": {"data": [{"of": "a user"}]},
}
OBSERVED = {
    "id": "o1",
    "traceId": "t1",
    "type": "GENERATION",
    "startTime": "2026-09-01T09:00:00Z",
    "model": "gpt-4o",
    "usageDetails": {"input": 10, "output": 5},
}
ASKED = {
    "request_id": "1",
    "request_created_at": "2026-09-01T09:00:00Z",
    "request_model": "gpt-4o",
    "prompt_tokens": 10,
    "completion_tokens": 5,
}
RUN = {
    "id": "1",
    "trace_id": "t1",
    "run_type": "llm",
    "start_time": "2026-09-01T09:00:00Z",
    "status": "success",
    "prompt_tokens": 10,
    "completion_tokens": 5,
    "extra": {"metadata": {"ls_model_name": "gpt-4o"}},
}
SENT = {
    "id": "1",
    "event": "$ai_generation",
    "timestamp": "2026-09-01T09:00:00Z",
    "properties": {"$ai_model": "gpt-4o", "$ai_input_tokens": 10, "$ai_output_tokens": 5},
}
PAGES: list[tuple[str, dict[str, Any]]] = [
    ("litellm", {"data": [LOGGED], "total": 1, "page": 1, "page_size": 50, "total_pages": 1}),
    ("langfuse", {"data": [OBSERVED], "meta": {"page": 1, "totalItems": 1}}),
    ("helicone", {"data": [ASKED], "error": None}),
    ("langsmith", {"runs": [RUN], "cursors": {"next": None}}),
    ("posthog", {"next": None, "results": [SENT]}),
]


def read(tmp_path: Path, name: str, text: str, file: str = "answer.json") -> Read:
    path = tmp_path / file
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return Read(COLLECTORS / name, path, tmp_path / "scratch")


@pytest.mark.parametrize(("name", "page"), PAGES)
def test_the_records_of_a_page_are_read(tmp_path: Path, name: str, page: dict[str, Any]) -> None:
    event = read(tmp_path, name, json.dumps(page)).event
    assert (event["model"], event["input_tokens"], event["output_tokens"]) == ("gpt-4o", 10, 5)


@pytest.mark.parametrize(("name", "page"), PAGES)
def test_a_page_is_recognised_by_its_records(tmp_path: Path, name: str, page: dict[str, Any]) -> None:
    path = tmp_path / "answer.json"
    path.write_text(json.dumps(page, indent=1))
    shipped = [manifest.load(folder.parent) for folder in sorted(COLLECTORS.glob("*/README.md"))]
    assert recognise.recognise(path, shipped).collectors == (name,)


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("file", ["answer.json", "answer.jsonl", "answer.json.gz"])
def test_pages_are_found_however_they_were_saved(tmp_path: Path, file: str, indent: int | None) -> None:
    found = read(tmp_path, "litellm", json.dumps(PAGES[0][1], indent=indent), file)
    assert (found.counts.rows_in, found.counts.events) == (1, 1)


def test_pages_one_a_line_or_in_an_array_are_all_read(tmp_path: Path) -> None:
    pages = [{"data": [{**LOGGED, "request_id": f"{n}-{m}"} for m in range(3)], "total": 6} for n in range(2)]
    lines = "".join(json.dumps(page) + "\n" for page in pages) + "{cut\n" + json.dumps({"data": [], "total": 6})
    found = read(tmp_path, "litellm", lines)
    assert (found.counts.rows_in, found.counts.events, found.counts.rejected) == (7, 6, 1)
    (tmp_path / "array").mkdir()
    assert read(tmp_path / "array", "litellm", json.dumps(pages)).counts.events == 6


def test_a_record_with_a_list_in_it_stays_a_record(tmp_path: Path) -> None:
    found = read(tmp_path, "litellm", json.dumps({**LOGGED, "data": [{"of": "a user"}]}))
    assert (found.counts.rows_in, found.counts.events) == (1, 1)


@pytest.mark.parametrize(
    "text",
    [
        '{"data": [1, 2]}',
        '{"data": {}}',
        '{"data": [{}], "results": [{}]}',
        '{"data": [{}',
        "[]",
        '{"id": 1, "data": [{}]}',
    ],
)
def test_what_is_no_page_is_left_as_it_is(text: str) -> None:
    assert json_pages.records(text.encode(), {"id"}) is None


def test_an_empty_page_holds_no_records() -> None:
    assert json_pages.records(b'{"data": []}', {"id"}) == []
