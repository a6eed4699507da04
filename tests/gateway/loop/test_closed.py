"""A call through the gateway shows up in discover, profile and plan, as any other source does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import openai
import pytest

from tests.conftest import Ran
from tests.gateway.running import ANTHROPIC, OPENAI, Gateway
from tokenop.gateway import demo
from tokenop.gateway.demo_calls import CALLS


def test_calls_through_the_gateway_are_discovered_profiled_and_planned_for(
    gateway: Gateway, run_cli: Callable[..., Ran], tmp_path: Path
) -> None:
    said = {"x-tokenop-intent": "close the loop", "x-tokenop-session": "s-loop", "x-tokenop-user": "u-loop"}
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="unused", max_retries=0) as client:
        for model in (OPENAI, ANTHROPIC, OPENAI):
            messages = [{"role": "user", "content": "Say hello."}]
            client.chat.completions.create(model=model, messages=messages, max_tokens=9, extra_headers=said)

    log = gateway.state / "log"
    ran = run_cli("discover", "--collectors", "tokenop-gateway", "--input", log, "--out", tmp_path, cwd=tmp_path)
    assert ran.exit_code == 0, ran.stderr
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text(encoding="utf-8").splitlines()]
    ours = [event for event in events if event["intent"] == "close the loop"]
    assert sorted((event["provider"], event["model"], event["user_id"]) for event in ours) == sorted(
        [("anthropic", "m", "u-loop"), ("openai", "m", "u-loop"), ("openai", "m", "u-loop")]
    )
    assert {(event["input_tokens"], event["output_tokens"], event["session_id"]) for event in ours} == {
        (12, 5, "s-loop")
    }
    assert len({event["id"] for event in ours}) == 3

    ran = run_cli("profile", "--events", tmp_path / "events.jsonl", cwd=tmp_path)
    assert ran.exit_code == 0, ran.stderr
    assert "close the loop" in (tmp_path / "profile.yaml").read_text(encoding="utf-8")
    ran = run_cli("plan", "--events", tmp_path / "events.jsonl", "--json", cwd=tmp_path)
    assert ran.exit_code == 0, ran.stderr
    assert f"{len(events)} calls" in ran.stderr + ran.stdout or str(len(events)) in ran.stdout


def test_the_demo_answers_each_call_as_its_title_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "STEPS", ())
    lines: list[str] = []
    assert demo.run(lines.append, port=0, stay=False) == 0
    shown = "\n".join(lines)
    for number, call in enumerate(CALLS, 1):
        at = lines.index(next(line for line in lines if line.startswith(f"{number}. {call.title}")))
        assert f"{call.provider}/{call.model}" in lines[at + 1]
    assert "attempt 2" in shown
    assert "cache exact" in shown
    assert shown.count("warning: budget demo") >= 1
    assert shown.count("calls look_up_order(") == 2


@pytest.mark.thorough
def test_the_demo_goes_on_to_what_the_log_says(run_cli: Callable[..., Ran]) -> None:
    ran = run_cli("serve", "--demo")
    assert ran.exit_code == 0, ran.stderr
    assert "9 calls for $0.0109" in ran.stdout
    assert "1 from the response cache, 9 attempts, 1 failed, 1 fallbacks" in ran.stdout
