"""Three dispatches through a running gateway, and what `tokenop costs` says of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

from tests import wire
from tests.conftest import ROOT
from tests.gateway import running, upstream
from tests.gateway.prompts.calls import RULES
from tokenop.providers.caching.boundary import MARKER

CACHE = {
    "prompt_cache": {
        "enabled": True,
        "providers": {"claude": {"breakpoints": ["system"], "ttl": "5m", "min_tokens": {"claude-haiku": 1000}}},
    }
}
PATIENT = {"default": {"connect": 5, "first_token": 20, "total": 20}}


def test_a_running_gateway_marks_the_prompt_and_its_log_says_what_was_read(tmp_path: Path, shared_data: Path) -> None:
    assert shared_data.is_dir()
    recorded = [each for each in wire.exchanges("anthropic") if "cache" in each.file and "real_api" in each.file][1:]
    with upstream.serving() as up:
        waiting = iter(recorded)
        up.scripts[running.ANTHROPIC] = lambda _: upstream.replayed(next(waiting))
        with running.gateway(tmp_path, running.config(up, cache=CACHE, timeouts=PATIENT), "--durable") as gateway:
            for number in range(3):
                said = {
                    "model": "T4", "max_tokens": 9, "unheard_of": {"kept": number},
                    "system": f"{RULES}\n{MARKER}\nIt is {number} o'clock.",
                    "messages": [{"role": "user", "content": "Hi"}],
                }  # fmt: skip
                body = json.dumps(said).encode()
                asked = urllib.request.Request(f"{gateway.url}/v1/messages", body, {"content-type": "application/json"})
                with urllib.request.urlopen(asked, timeout=10) as answer:
                    assert json.load(answer)["type"] == "message"
            bodies = [each.body for each in up.asked]
            costs = subprocess.run(
                [sys.executable, "-m", "tokenop", "costs", "--json"],
                env={**os.environ, "TOKENOP_HOME": str(gateway.home), "PYTHONPATH": str(ROOT)},
                cwd=tmp_path, capture_output=True, check=True,
            )  # fmt: skip
    for number, each in enumerate(bodies):
        stable, volatile = each["system"]
        assert (stable["text"], stable["cache_control"]) == (f"{RULES}\n", {"type": "ephemeral"})
        assert volatile == {"type": "text", "text": f"It is {number} o'clock."}
        assert each["unheard_of"] == {"kept": number}
    found = json.loads(costs.stdout)
    assert found["total"]["calls"] == 3
    assert found["prompt_cache"]["hit_ratio"] >= 0.4
