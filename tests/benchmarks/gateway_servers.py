"""Starts what the benchmarks of the gateway compare: the upstream alone, a bare pass-through, LiteLLM's proxy, ours.

LiteLLM comes from PyPI into an environment of its own, made once below a folder of caches. All answer at a port of
this machine; servers under load run on one core, whoever asks and the upstream on another.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import venv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LITELLM = "litellm[proxy]==1.106.2"
KEY = "sk-benchmark"
LOAD_CORE, SERVER_CORE = 0, 1
_UVICORN = [sys.executable, "-m", "uvicorn", "--no-access-log", "--log-level", "warning", "--port"]

# The rules of the shipped config with one provider behind them, and limits that count but never hold.
CONFIG = """\
---
schema_version: 1
id: benchmark
title: One provider on this machine behind the usual rules
status: draft
version: "1.0.0"
authors: [benchmark]
created: "2026-11-22"
verified_on: "2026-11-22"
stale_after: "2099-01-01"
max_quality_drop: 0.01
golden_tiers: [T2]
---
mode: route
default_tier: T2
providers: {openai: {}, anthropic: {}}
tiers:
  T1: {provider_chain: [openai], models: {openai: gpt-4o-mini}}
  T2: {provider_chain: [openai, anthropic], models: {openai: gpt-4o-mini, anthropic: claude-haiku-4-5}}
  T4: {provider_chain: [anthropic], models: {anthropic: claude-haiku-4-5}}
rules:
  pictures: {when: "image_count > 0", tier: T4}
  long-prompts: {when: "input_tokens > 32000", tier: T4}
  many-tools: {when: "tool_count >= 8", tier: T4}
  labels:
    when: "regexp_matches(lower(intent), 'classif|label|(^|[^a-z])tag|title') AND has_tools IS NOT TRUE"
    tier: T1
asked: {tiers: [T1, T2, T4], models: listed}
timeouts: {default: {connect: 5, first_token: 10, total: 30}}
retry: {attempts: 2, budget: 4, backoff_seconds: 0.05, max_backoff_seconds: 0.2, after_first_token: false}
budgets:
  everybody: {per: all, period: day, usd: 1000000, soft: 0.8, at_limit: reject}
  a-person: {per: user, period: day, usd: 1000000, soft: 0.8, at_limit: reject}
"""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server. `seconds` is from its start to its first answer."""

    name: str
    port: int
    pid: int
    seconds: float


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def pinned(core: int, command: list[str]) -> list[str]:
    """Return the command, on one core where there are two and `taskset` is installed."""
    if shutil.which("taskset") is None or not {LOAD_CORE, SERVER_CORE} <= os.sched_getaffinity(0):
        return command
    return ["taskset", "-c", str(core), *command]


@contextlib.contextmanager
def running(
    name: str, command: list[str], port: int, env: Mapping[str, str], *, core: int = SERVER_CORE, path: str = "/healthz"
) -> Iterator[Server]:
    """Start a server, wait until it answers, and end it. Raises RuntimeError with what it said where it ends itself."""
    started = time.perf_counter()
    process = subprocess.Popen(
        pinned(core, command), env={**os.environ, **env}, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        _wait(process, port, path, 120.0)
        yield Server(name, port, process.pid, time.perf_counter() - started)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _wait(process: subprocess.Popen[bytes], port: int, path: str, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not answers(port, path):
        if process.poll() is not None:
            said = process.stderr.read().decode("utf-8", "replace") if process.stderr else ""
            raise RuntimeError(f"{' '.join(map(str, process.args))} ended by itself:\n{said[-2000:]}")
        if time.monotonic() > end:
            raise RuntimeError(f"{' '.join(map(str, process.args))} does not answer at port {port}")
        time.sleep(0.005)


def answers(port: int, path: str) -> bool:
    """Return whether a server answers a GET of `path` with 200."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".encode())
        return b" 200 " in connection.recv(200)
    return False


def resident(pid: int) -> float:
    """Return the resident memory of a process and its children, in MB."""
    found = 0.0
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            found = int(line.split()[1]) / 1024
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    return found + sum(resident(int(child)) for child in children)


def processor_seconds(pid: int) -> float:
    """Return the processor time that a process and its children have used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(") ")[2].split()
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    used = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return used + sum(processor_seconds(int(child)) for child in children)


def stub(port: int) -> contextlib.AbstractContextManager[Server]:
    """Start the upstream."""
    command = [*_UVICORN, str(port), "tests.benchmarks.gateway_stub:app"]
    return running("direct", command, port, {}, core=LOAD_CORE)


def passthrough(upstream: int) -> contextlib.AbstractContextManager[Server]:
    """Start the bare pass-through."""
    port = free_port()
    command = [*_UVICORN, str(port), "tests.benchmarks.gateway_passthrough:app"]
    return running("passthrough", command, port, {"UPSTREAM": f"http://127.0.0.1:{upstream}"})


def gateway(upstream: int, folder: Path, *words: str) -> contextlib.AbstractContextManager[Server]:
    """Start ours, with routing, budgets and the log on; its state is below `folder`."""
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "benchmark.yaml"
    config.write_text(CONFIG, encoding="utf-8")
    command = [sys.executable, "-m", "tokenop", "serve", "--config", str(config), "--port", str(port), *words]
    return running("tokenop", command, port, gateway_env(upstream, folder))


def gateway_env(upstream: int, folder: Path) -> dict[str, str]:
    """Return the environment in which ours finds the upstream and its state."""
    address = f"http://127.0.0.1:{upstream}"
    return {
        "OPENAI_BASE_URL": f"{address}/v1",
        "OPENAI_API_KEY": KEY,
        "ANTHROPIC_BASE_URL": address,
        "ANTHROPIC_API_KEY": KEY,
        "TOKENOP_HOME": str(folder / "home"),
        "PYTHONPATH": str(ROOT),
    }


def litellm(upstream: int, folder: Path, caches: Path) -> contextlib.AbstractContextManager[Server]:
    """Start LiteLLM's proxy with one worker, without a database, with all that its manual says makes it quick."""
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "litellm.yaml"
    config.write_text(
        "model_list:\n"
        + "".join(
            f"- model_name: {model}\n  litellm_params: {{model: {kind}/{model}, api_base: '{base}', api_key: {KEY}}}\n"
            for kind, model, base in (
                ("openai", "gpt-4o-mini", f"http://127.0.0.1:{upstream}/v1"),
                ("anthropic", "claude-haiku-4-5", f"http://127.0.0.1:{upstream}"),
            )
        )
        + f"general_settings: {{master_key: {KEY}}}\n",
        encoding="utf-8",
    )
    environment = {
        "LITELLM_MODE": "PRODUCTION",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "PYTHONPATH": "",
        "NUM_WORKERS": "1",
    }
    command = [str(_environment(caches) / "litellm"), "--config", str(config), "--port", str(port)]
    return running("litellm", command, port, environment, path="/health/liveliness")


def _environment(caches: Path) -> Path:
    """Return the folder of programs of LiteLLM's own environment, made where it is not there yet."""
    folder = caches / LITELLM.replace("[proxy]==", "-")
    if not (folder / "ready").exists():
        sys.stderr.write(f"installing {LITELLM} once into {folder} ...\n")
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        subprocess.run([folder / "bin" / "python", "-m", "pip", "install", "--quiet", LITELLM], check=True)
        (folder / "ready").touch()
    return folder / "bin"


def caches() -> Path:
    """Return where environments are kept, outside the repository."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tokenop-benchmarks"
