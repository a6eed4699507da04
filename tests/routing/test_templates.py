"""What templates write into router.yaml and cache.yaml is read by the router, and nothing in it is wrong."""

from __future__ import annotations

from datetime import date
from pathlib import Path, PurePosixPath

import pytest

from tokenop import catalogue, routing
from tokenop.applying import filling
from tokenop.catalogue.model import Template
from tokenop.prices import book, retirements
from tokenop.routing.lint.run import check
from tokenop.trials import projects

TEMPLATES = tuple(
    template
    for template in catalogue.load().templates
    if any(patch.target in ("tokenop/router.yaml", "tokenop/cache.yaml") for patch in template.patches)
)


@pytest.mark.parametrize("template", TEMPLATES, ids=[template.id for template in TEMPLATES])
def test_the_router_reads_what_a_template_writes(template: Template, tmp_path: Path) -> None:
    given = {name: str(value) for name, value in projects.standins(template).items()}
    values = filling.values(template, given)
    for patch in template.patches:
        name = PurePosixPath(patch.target)
        if str(name) not in ("tokenop/router.yaml", "tokenop/cache.yaml"):
            continue
        path = tmp_path / name.name
        path.write_text(filling.filled(template, patch, values), encoding="utf-8")
        result = check(
            routing.shipped(), [path], prices=book.load(), retirements=retirements.shipped(),
            today=date(2026, 11, 22), env={},
        )  # fmt: skip
        # Two parts of cascades are carried only, and a workspace of one's own has prices of its own.
        allowed = {"RT020"} | ({"RT012"} if template.id == "databricks-vllm-optimization" else set())
        assert {finding.rule for finding in result.findings} <= allowed, result.findings
        assert result.config is not None


def test_more_than_one_template_writes_there() -> None:
    assert len(TEMPLATES) >= 10
