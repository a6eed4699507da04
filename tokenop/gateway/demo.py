"""`tokenop serve --demo`: a gateway that answers from samples, a handful of calls, and what became of them in the log.

No key is needed and nothing leaves this machine. The gateway is the real one, in a process of its own, on the shipped
config, in a scratch folder. The answers are samples: written by hand, no model was asked.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tokenop.errors import InputError
from tokenop.gateway import demo_calls
from tokenop.gateway.demo_asking import Answer, ask
from tokenop.gateway.demo_calls import CALLS, DemoCall

Say = Callable[[str], None]

# What a project may lay over the shipped config: here a small limit that warns soon, and answers that are kept.
_OVERLAYS = {
    "router.yaml": "budgets:\n  demo: {per: user, period: day, usd: 0.05, soft: 0.1, at_limit: downgrade}\n",
    "cache.yaml": "response_cache: {enabled: true}\n",
}
STEPS: tuple[str, ...] = (
    "discover --collectors tokenop-gateway --input home/gateway/log",
    "profile",
    "plan",
    "costs today",
)
_REASONS = "Left out, and why"  # the longest part of a plan, and of so few calls it says nothing


def run(say: Say, *, port: int, stay: bool) -> int:
    """Run the demo and return its exit code.

    Args:
        say: takes the lines of the result.
        port: where to serve; 0 takes any port.
        stay: go on serving after the calls, until Ctrl-C.

    Raises:
        InputError: the gateway or a command did not do what it should; its own words say why.
    """
    with tempfile.TemporaryDirectory(prefix="tokenop-serve-demo-") as made:
        scratch = Path(made)
        demo_calls.write_recordings(scratch / "answers")
        (scratch / "project" / "tokenop").mkdir(parents=True)
        for name, text in _OVERLAYS.items():
            (scratch / "project" / "tokenop" / name).write_text(text, encoding="utf-8")
        env = {**os.environ, "TOKENOP_HOME": str(scratch / "home"), "NO_COLOR": "1"}
        with _serving(scratch, port, env) as (process, url):
            say(f"serving {url} on the shipped config; all answers are samples, no provider is asked\n")
            for number, call in enumerate(CALLS, 1):
                _tell(say, number, call, ask(url, call))
            say("")
            for step in STEPS:
                _step(say, step, scratch, env)
            if stay:
                _stay(say, process, url)
    say("Next, with your own providers: tokenop serve --check, then tokenop serve. docs/gateway.md says how.")
    return 0


@contextlib.contextmanager
def _serving(scratch: Path, port: int, env: Mapping[str, str]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "tokenop", "serve", "--durable", "--port", str(port)]
    command += ["--recordings", str(scratch / "answers"), "--root", str(scratch / "project")]
    with (scratch / "said.txt").open("w+", encoding="utf-8") as said:
        process = subprocess.Popen(  # noqa: S603 this program itself
            command, env=env, stdout=subprocess.PIPE, stderr=said, text=True, encoding="utf-8"
        )
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            if not first.startswith("serving "):
                said.seek(0)
                raise InputError(f"the gateway did not start: {said.read().strip() or first.strip()}")
            yield process, first.split()[1].rstrip(":")
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate()


def _tell(say: Say, number: int, call: DemoCall, answer: Answer) -> None:
    headers = answer.headers

    def said(name: str) -> str:
        return headers.get(f"x-tokenop-{name}", "")

    who = " ".join(word for word in (said("tier"), f"{said('provider')}/{said('model')}") if word)
    attempt = said("attempt")
    parts = [who, *([f"attempt {attempt}"] if attempt else []), f"cache {said('cache')}"]
    if answer.cost_usd is not None:  # an SDK does not show what a stream's last comment says
        parts.append(f"${answer.cost_usd.normalize():f}")
    say(f"{number}. {call.title} ({answer.client})")
    say(f"   {', '.join(parts)}")
    if said("warning"):
        say(f"   warning: {said('warning')}")
    say(f"   {answer.text}")


def _step(say: Say, step: str, scratch: Path, env: Mapping[str, str]) -> None:
    say(f"$ tokenop {step}")
    ran = subprocess.run(  # noqa: S603 this program itself
        [sys.executable, "-m", "tokenop", *step.split()],
        cwd=scratch,
        env={"COLUMNS": "100", **env},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if ran.returncode not in (0, 1):
        raise InputError(f"tokenop {step} did not work: {ran.stderr.strip()}")
    shown, reasons, rest = ran.stdout.rstrip().partition(_REASONS)
    say(f"{shown}… {rest.splitlines()[-1]}\n" if reasons else f"{shown}\n")


def _stay(say: Say, process: subprocess.Popen[str], url: str) -> None:
    say(f"still serving {url}; try: curl {url}/v1/models. Ctrl-C ends it.")
    with contextlib.suppress(KeyboardInterrupt):
        process.wait()
