"""Recorded answers: written by many at once, read strictly, found by what was asked."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from tests.providers.openai import strategies
from tests.thoroughness import examples
from tokenop.errors import FindingsError, InputError, TokenOpError
from tokenop.providers.base import Target, Timeouts
from tokenop.providers.errors import MissingRecordingError
from tokenop.providers.model import (
    Message,
    Native,
    Request,
    Response,
    Text,
    Thinking,
    ToolCall,
    Usage,
)
from tokenop.providers.recordings import Recording, Recordings, request_hash
from tokenop.providers.sending import sender_for

REQUEST = Request("m", (Message("user", (Text("Hi"),)),), temperature=0)
RESPONSE = Response(
    "llama-3.3-70b-versatile",
    (Thinking("hm"), Text("Grüße"), ToolCall("c", "f", {"a": [1, None]}), Native("openai-chat", {"type": "x"})),
    "tool_calls",
    Usage(5, 2, 1),
    "id-1",
    "tool_calls",
    {"seed": 3},
)


def recording(task: str = "T3-01", repeat: int = 0, **more: Any) -> Recording:
    said: dict[str, Any] = {
        "task": task,
        "repeat": repeat,
        "request_sha256": request_hash(REQUEST),
        "provider": "groq",
        "model": "llama-3.3-70b-versatile",
        "response": RESPONSE,
        "latency_ms": 12.5,
        "recorded_at": datetime(2026, 7, 1, 12, tzinfo=UTC),
        "origin": "recorded",
        "by": "a test",
    }
    return Recording(**{**said, **more})


def path_of(folder: Path) -> Path:
    return folder / "groq" / "llama-3.3-70b-versatile.jsonl"


def test_what_is_written_is_found_again(tmp_path: Path) -> None:
    Recordings(tmp_path).append(recording())
    found = Recordings.load(tmp_path).find("groq", "llama-3.3-70b-versatile", REQUEST)
    assert found == recording()
    assert list(Recordings.load(tmp_path)) == [recording()]


def test_a_folder_that_does_not_exist_holds_nothing(tmp_path: Path) -> None:
    assert len(Recordings.load(tmp_path / "none")) == 0


@settings(max_examples=examples(30, 100))
@given(strategies.requests)
def test_model_stream_and_hints_to_cache_are_no_part_of_what_is_asked(request: Request) -> None:
    hinted = replace(request, system=(*request.system, Text("x", cache="1h")))
    plain = replace(request, model="other", stream=not request.stream, system=(*request.system, Text("x")))
    assert request_hash(hinted) == request_hash(plain)
    assert request_hash(request) != request_hash(replace(request, messages=(*request.messages, Message("user", ()))))


def test_zero_is_zero_and_half_a_surrogate_pair_has_a_hash() -> None:
    assert request_hash(REQUEST) == request_hash(replace(REQUEST, temperature=0.0))
    assert len(request_hash(replace(REQUEST, system=(Text("\ud800"),)))) == 64


def test_the_hash_of_a_request_stays_as_it_is() -> None:
    # Committed recordings are found by it: a change loses them all.
    assert request_hash(REQUEST) == "dbb8f4c6fcf7d0926375b50bd506efbad94db071881e74b656145c0976f85858"


def test_the_same_answers_give_the_same_file_in_whatever_order_they_come(tmp_path: Path) -> None:
    every = [recording(f"T{tier}-0{task}", repeat) for tier in (1, 2) for task in (1, 2) for repeat in (0, 1)]
    every = [replace(one, request_sha256=request_hash(replace(REQUEST, user_id=one.task))) for one in every]
    files = []
    for seed in (1, 2):
        random.Random(seed).shuffle(every)
        for one in every:
            Recordings(tmp_path / str(seed)).append(one)
        files.append(path_of(tmp_path / str(seed)).read_bytes())
    assert files[0] == files[1]
    assert len(files[0].splitlines()) == 8


APPENDING = """
import sys
from dataclasses import replace
from pathlib import Path
from tokenop.providers.recordings import Recordings
folder, start = Path(sys.argv[1]), int(sys.argv[2])
recordings = Recordings.load(folder)
one = next(iter(recordings))
for number in range(start, start + 5):
    recordings.append(replace(one, task=f"T1-{number}", request_sha256=f"{number:064x}"))
"""


def test_processes_and_threads_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    shared = Recordings(tmp_path)
    shared.append(recording())
    command = [sys.executable, "-c", APPENDING, str(tmp_path)]
    processes = [subprocess.Popen([*command, str(at)]) for at in (0, 100)]
    with ThreadPoolExecutor(4) as pool:
        ones = [replace(recording(f"T2-{at}"), request_sha256=f"{at:064x}") for at in range(200, 220)]
        list(pool.map(shared.append, ones))
    assert [process.wait() for process in processes] == [0, 0]
    assert len(Recordings.load(tmp_path)) == 31


def test_a_file_that_is_being_written_is_not_read(tmp_path: Path) -> None:
    Recordings(tmp_path).append(recording())
    (path_of(tmp_path).parent / ".llama-3.3-70b-versatile.jsonl.x1.jsonl").write_text("half a li")
    assert len(Recordings.load(tmp_path)) == 1


def test_a_new_answer_takes_the_old_ones_place(tmp_path: Path) -> None:
    recordings = Recordings(tmp_path)
    recordings.append(recording())
    new = replace(recording(), response=replace(RESPONSE, id="id-2"))
    recordings.append(new)
    assert list(Recordings.load(tmp_path)) == [new]


def line(**more: Any) -> str:
    said: dict[str, Any] = {
        "task": "t",
        "repeat": 0,
        "request_sha256": "0" * 64,
        "provider": "groq",
        "model": "llama-3.3-70b-versatile",
        "response": {"model": "m", "parts": [{"type": "text", "text": "x"}], "finish": "stop"},
        "latency_ms": None,
        "recorded_at": "2026-07-01T12:00:00+00:00",
        "origin": "sample",
        "by": "hand",
    }
    return json.dumps({**said, **more})


def answered(**more: Any) -> dict[str, Any]:
    return {"model": "m", "parts": [], "finish": "stop", **more}


BAD: tuple[tuple[str, str], ...] = (
    ("{", "truncated"),
    ('{"response": {"parts": ' + "[" * 100_000, "RecursionError"),
    ("[]", "Expected `object`"),
    (line(extra=1), "unknown field"),
    (line(repeat="0"), "repeat"),
    (line(repeat=-1), "must not be negative"),
    (line(request_sha256="xyz"), "64 hexadecimal"),
    (line(recorded_at="yesterday"), "recorded_at"),
    (line(recorded_at="2026-07-01T12:00:00"), "time zone"),
    (line(origin="measured"), "origin"),
    (line(latency_ms=-1), "milliseconds"),
    (line(model="another"), "belongs into groq/another.jsonl"),
    (line(provider="../../etc"), "belongs into etc/"),
    (line(response=[]), "response"),
    (line(response=answered(finish="done")), "finish"),
    (line(response=answered(parts=[{"type": "script"}])), "none of text"),
    (line(response=answered(parts=[{"type": "text", "text": 5}])), "text"),
    (line(response=answered(parts=[{"type": "text", "text": "x", "html": "y"}])), "unknown field 'html'"),
    (line(response=answered(usage={"input_tokens": -1})), "must not be negative"),
)


def test_every_line_that_is_no_recording_is_told_with_its_place(tmp_path: Path) -> None:
    path = path_of(tmp_path)
    path.parent.mkdir()
    path.write_bytes(b"\n".join([line().encode(), b"", *(bad.encode() for bad, _ in BAD), b"\xff"]))
    with pytest.raises(FindingsError) as raised:
        Recordings.load(tmp_path)
    findings = raised.value.findings
    assert [finding.line for finding in findings] == list(range(3, 4 + len(BAD)))
    for finding, (_, named) in zip(findings, BAD, strict=False):
        assert finding.file == str(path)
        assert named in finding.message
        assert finding.fix


def test_two_answers_to_one_request_are_told(tmp_path: Path) -> None:
    path = path_of(tmp_path)
    path.parent.mkdir()
    path.write_text(f"{line()}\n{line()}\n{line(response=answered())}\n")
    with pytest.raises(FindingsError) as raised:
        Recordings.load(tmp_path)
    assert [(finding.line, finding.rule) for finding in raised.value.findings] == [(3, "recording-twice")]


def test_nothing_is_written_over_a_file_that_is_no_recording(tmp_path: Path) -> None:
    path = path_of(tmp_path)
    path.parent.mkdir()
    path.write_text("notes\n")
    with pytest.raises(FindingsError):
        Recordings(tmp_path).append(recording())
    assert path.read_text() == "notes\n"


def test_replay_answers_whole_and_streamed(tmp_path: Path) -> None:
    Recordings(tmp_path).append(recording())
    for options in ({}, {"provider": "groq"}):
        target = Target("r", "replay", "llama-3.3-70b-versatile", options=options)
        sender = sender_for(target, tmp_path)
        assert sender.send(REQUEST, target, Timeouts()) == RESPONSE
        deltas = list(sender.stream(REQUEST, target, Timeouts()))
        assert [delta.kind for delta in deltas] == ["start", "thinking", "text", "tool_call", "native", "usage", "end"]
        assert deltas[-1].response == RESPONSE


def test_replay_says_loudly_what_is_missing(tmp_path: Path) -> None:
    Recordings(tmp_path).append(recording())
    target = Target("r", "replay", "llama-3.3-70b-versatile", options={"provider": "groq", "task": "T3-02"})
    with pytest.raises(MissingRecordingError) as raised:
        sender_for(target, tmp_path).send(replace(REQUEST, user_id="x"), target, Timeouts())
    assert str(raised.value) == (
        "groq/llama-3.3-70b-versatile: no answer to task T3-02 is recorded; 1 other answers of this model are"
    )


def test_what_could_not_be_read_again_is_not_written(tmp_path: Path) -> None:
    recordings = Recordings(tmp_path)
    recordings.append(recording())
    for wrong, said in (
        (recording(repeat=-1), "must not be negative"),
        (recording(recorded_at=datetime(2026, 7, 1)), "time zone"),  # noqa: DTZ001 that is the point
        (recording(response=replace(RESPONSE, parts=(Text("\ud800"),))), "no Unicode text"),
    ):
        with pytest.raises(TokenOpError, match=said):
            recordings.append(wrong)
    assert len(Recordings.load(tmp_path)) == 1


def test_a_very_long_model_has_a_file_and_no_two_share_it(tmp_path: Path) -> None:
    recordings = Recordings(tmp_path)
    for end in "ab":
        recordings.append(recording(model="x" * 300 + end))
    assert len(Recordings.load(tmp_path)) == 2
    assert len(list(tmp_path.glob("groq/*.jsonl"))) == 2


def test_a_link_that_leads_out_is_neither_read_nor_written(tmp_path: Path) -> None:
    folder, outside = tmp_path / "recordings", tmp_path / "outside"
    (folder / "groq").mkdir(parents=True)
    outside.mkdir()
    (folder / "groq" / "m.jsonl").symlink_to("/dev/zero")
    with pytest.raises(InputError, match="leads out"):
        Recordings.load(folder)
    (folder / "ollama").symlink_to(outside)
    with pytest.raises(InputError, match="leads out"):
        Recordings(folder).append(recording(provider="ollama"))
    assert not list(outside.iterdir())


def test_what_is_no_file_or_no_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "groq").mkdir()
    os.mkfifo(tmp_path / "groq" / "m.jsonl")
    with pytest.raises(InputError, match="is no file"):
        Recordings.load(tmp_path)
    (tmp_path / "ollama").write_text("x")
    with pytest.raises(InputError, match="cannot be written"):
        Recordings(tmp_path).append(recording(provider="ollama"))


def test_a_line_without_end_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "groq" / "m.jsonl"
    path.parent.mkdir()
    with path.open("wb") as file:
        file.truncate(200 * 1024 * 1024 * 1024)  # no byte of it is stored
    with pytest.raises(FindingsError, match="longer than"):
        Recordings.load(tmp_path)
