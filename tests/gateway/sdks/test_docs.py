"""The examples of docs/gateway.md run as they stand there, but for the port."""

from __future__ import annotations

import contextlib
import io
import re

import pytest

from tests.conftest import ROOT
from tests.gateway.running import Gateway

TEXT = (ROOT / "docs" / "gateway.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # a newcomer's example closes no client
@pytest.mark.parametrize("number", range(3))
def test_an_example_says_hello(number: int, gateway: Gateway) -> None:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(EXAMPLES[number].replace("http://127.0.0.1:18789", gateway.url), {})
    assert out.getvalue().strip() == "Hello there"
