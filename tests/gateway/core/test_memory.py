"""What a call took is free when it is over: nothing of it waits for somebody to look for circles."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.core.rig import CHAT, MESSAGES, Rig, rig, serving_of
from tests.gateway.upstream import CLOSE, Upstream, failed, hello


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
@pytest.mark.parametrize("model", ["auto", "T4", "gpt-none"])
@pytest.mark.parametrize("stream", [False, True])
def test_no_call_leaves_a_circle(up: Upstream, tmp_path: Path, path: str, model: str, stream: bool) -> None:
    """A circle that holds a request of ten megabytes would hold it until thousands of calls later."""

    async def main() -> Counter[str]:
        async with rig(serving_of(up, tmp_path), tmp_path) as made:
            return await left_by(made, path, model=model, stream=stream)

    left = asyncio.run(main())
    assert not {name: count for name, count in left.items() if name.startswith("tokenop.")}


@pytest.mark.parametrize("alone", ["", "-alone"])
@pytest.mark.parametrize("fault", ["refused", "e500", "cut"])
@pytest.mark.parametrize("stream", [False, True])
def test_no_failure_leaves_a_circle(up: Upstream, tmp_path: Path, fault: str, alone: str, stream: bool) -> None:
    up.scripts["e500"] = lambda _asked: failed(500)
    up.scripts["cut"] = lambda asked: [*hello(asked)[:3], CLOSE] if asked.streaming else [CLOSE]

    async def main() -> Counter[str]:
        async with rig(serving_of(up, tmp_path, ["refused", "e500", "cut"]), tmp_path) as made:
            return await left_by(made, CHAT, stream=stream, headers={"x-tokenop-intent": fault + alone})

    left = asyncio.run(main())
    assert not {name: count for name, count in left.items() if name.startswith("tokenop.")}


async def left_by(made: Rig, path: str, **fields: Any) -> Counter[str]:
    """Return what one more call leaves to be found, by type."""
    await made.ask(path, **fields)  # what is made once and kept is made
    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        await made.ask(path, **fields)
        await asyncio.sleep(0)
        gc.collect()
        return Counter(f"{type(one).__module__}.{type(one).__qualname__}" for one in gc.garbage)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
