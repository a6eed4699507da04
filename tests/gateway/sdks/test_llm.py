"""The `llm` command-line tool with the gateway as one of its models."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gateway.running import ANTHROPIC, GROQ, OLLAMA, Gateway
from tests.gateway.sdks.answers import weather
from tests.gateway.upstream import Upstream

FUNCTION = "def weather(city: str, unit: str) -> str:\n    return '21 degrees'\n"


@pytest.fixture
def folder(gateway: Gateway, tmp_path: Path) -> Path:
    models = [
        {
            "model_id": f"gateway/{model}",
            "model_name": model,
            "api_base": f"{gateway.url}/v1",
            "supports_tools": True,
            "vision": True,
        }
        for model in (ANTHROPIC, GROQ, OLLAMA)
    ]
    (tmp_path / "extra-openai-models.yaml").write_text(json.dumps(models), encoding="utf-8")
    return tmp_path


def llm(folder: Path, *words: str) -> str:
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "LLM_USER_PATH": str(folder), "LLM_LOAD_PLUGINS": ""}
    command = [sys.executable, "-W", "ignore", "-m", "llm", *words]
    ran = subprocess.run(
        command, env=env, cwd=folder, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


@pytest.mark.thorough
def test_it_streams_an_answer_with_a_picture_from_another_wire(folder: Path, up: Upstream) -> None:
    picture = folder / "picture.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR not much of a picture")
    assert llm(folder, "-m", f"gateway/{ANTHROPIC}", "-a", str(picture), "What is this?") == "Hello there"
    sent = up.asked[-1].body
    assert sent["stream"] is True
    assert [part["type"] for part in sent["messages"][0]["content"]] == ["text", "image"]


@pytest.mark.thorough
def test_it_waits_for_a_whole_answer(folder: Path, up: Upstream) -> None:
    assert llm(folder, "-m", f"gateway/{OLLAMA}", "--no-stream", "Say hello.") == "Hello there"
    assert up.asked[-1].wire == "ollama"


def test_it_runs_a_tool_that_the_model_calls(folder: Path, up: Upstream) -> None:
    up.scripts[ANTHROPIC] = weather
    try:
        said = llm(folder, "-m", f"gateway/{ANTHROPIC}", "--functions", FUNCTION, "How warm is it in Paris?")
    finally:
        del up.scripts[ANTHROPIC]
    assert said == "Hello there"
    assert b"21 degrees" in up.asked[-1].raw
