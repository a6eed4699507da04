"""The page names the metrics that there are."""

from __future__ import annotations

import re

from tests.conftest import ROOT
from tokenop.gateway.seen.metrics import Metrics

_ROW = re.compile(r"^\| `tokenop_(\w+)` \| *([\w, ]*?) *\|", re.MULTILINE)


def test_each_metric_and_its_labels_stand_on_the_page() -> None:
    page = (ROOT / "docs" / "observing.md").read_text(encoding="utf-8")
    written = {name.removesuffix("_total"): labels for name, labels in _ROW.findall(page)}
    known = {name: ", ".join(one._labelnames) for name, one in Metrics()._of.items()}
    assert written == known
