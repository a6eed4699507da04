"""The manifest's keys `extract` and `egress` are read strictly, with a finding for each mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.extract.running import HERE
from tokenop.collect import manifest, manifest_extract
from tokenop.errors import FindingsError
from tokenop.extract.sources import SOURCES, find

TEXT = (HERE / "data" / "snowflake" / "README.md").read_text()


def changed(tmp_path: Path, old: str, new: str) -> str:
    """Return what is said of the manifest with one text changed."""
    assert old in TEXT
    folder = tmp_path / "snowflake"
    folder.mkdir()
    (folder / "README.md").write_text(TEXT.replace(old, new, 1))
    with pytest.raises(FindingsError) as raised:
        manifest.load(folder)
    assert all(finding.line > 1 for finding in raised.value.findings)
    return str(raised.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"*.snowflakecomputing.com"', '"*.com"', "egress[0]: COLLECTOR-MANIFEST: '*.com' is not a host"),
        ('"*.snowflakecomputing.com"', '"https://x.example.com"', "is not a host"),
        ('"*.snowflakecomputing.com"', '"x.example.com:443"', "is not a host"),
        ('"*.snowflakecomputing.com"', '"*"', "is not a host"),
        ('"*.snowflakecomputing.com"', '"127.0.0.1"', "is not a host"),
        ('"*.snowflakecomputing.com"', '"localhost"', "is not a host"),
        ('"env:SNOWFLAKE_HOST"', '"env:snowflake host"', "is not a host"),
        ('egress: ["*.snowflakecomputing.com", "env:SNOWFLAKE_HOST", "env:SNOWFLAKE_STAGE_HOST"]', "egress: []",
         "egress: COLLECTOR-MANIFEST: is empty, but extract talks to a network"),
        ("slice: day", "slice: week", "extract.streams[0].slice: COLLECTOR-MANIFEST: 'week' is not known"),
        ("lag: 6h", "lag: soon", "'soon' is not a duration"),
        ("lag: 6h", "lag: 0h", "'0h' is not a duration"),
        ("time: START_TIME", "tme: START_TIME", "extract.streams[0].tme: COLLECTOR-MANIFEST: is not a key here"),
        ("slice: day", "slice: all", "goes with slices of an hour or a day"),
        ("METRICS, CREDITS]", "METRICS, PROMPT]", "PROMPT is not declared in input.columns"),
        ("columns: [QUERY_ID, START_TIME, FUNCTION_NAME, MODEL_NAME, METRICS, CREDITS]", 'columns: ["*"]',
         "all of them cannot be asked for"),
        ("columns: [QUERY_ID, START_TIME, FUNCTION_NAME, MODEL_NAME, METRICS, CREDITS]", "columns: []", "is empty"),
        ("optional_columns: [QUERY_TAG]", "optional_columns: [CREDITS]", "CREDITS is not among columns"),
        ("instead_of: ai_functions", "instead_of: rest", "is not a stream above this one"),
        ("- name: aisql", "- name: ai_functions", "is used twice"),
        ("- name: aisql", "- name: ../aisql", "is not a name"),
        ('reads: "{view}"', 'reads: "{viw}"', "{viw} is not a setting"),
        ("reads: SNOWFLAKE.ACCOUNT_USAGE.CORTEX_AI_FUNCTIONS_USAGE_HISTORY", 'reads: "x; DROP TABLE y"',
         "is neither a view nor the path of a URL"),
        ("reads: SNOWFLAKE.ACCOUNT_USAGE.CORTEX_AI_FUNCTIONS_USAGE_HISTORY", 'reads: "/v1/../x"', "is neither a view"),
        ("[SNOWFLAKE_ACCOUNT,", "[snowflake-account,", "extract.environment[0]"),
        ("  extra: snowflake", "  extra: 5", "extract.extra: COLLECTOR-MANIFEST: must be a str"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert said in changed(tmp_path, old, new)


def test_two_mistakes_are_told_at_once(tmp_path: Path) -> None:
    said = changed(tmp_path, "slice: day\n      lag: 6h", "slice: week\n      lag: soon")
    assert "week" in said
    assert "soon" in said


def test_the_manifest_says_what_is_read() -> None:
    found = manifest.load(HERE / "data" / "snowflake").extract
    assert found is not None
    assert (found.extra, found.environment[0], len(found.streams)) == ("snowflake", "SNOWFLAKE_ACCOUNT", 4)
    assert found.streams[0].lag.total_seconds() == 6 * 3600
    assert (found.streams[1].optional, found.streams[1].instead_of) == (True, "ai_functions")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["extra", "environment", "streams", "name", "reads", "time", "slice", "lag", "columns", "optional",
         "instead_of", "optional_columns"]), inner, max_size=5),
    max_leaves=12,
)  # fmt: skip


@given(JSON, JSON)
def test_any_shape_is_judged_without_a_crash(block: Any, egress: Any) -> None:
    found = list(
        manifest_extract.troubles({"extract": block, "egress": egress, "input": {"columns": {"a": "VARCHAR"}}})
    )
    assert all(len(trouble) == 3 for trouble in found)
    if isinstance(block, dict) and not found:
        manifest_extract.parse({"extract": block})


@pytest.mark.parametrize("name", [name for name in sorted(SOURCES) if name in manifest.names()])
def test_every_shipped_source_says_what_it_asks_without_credentials(name: str) -> None:
    from tests.extract.test_snowflake import DAY

    found = manifest.load(manifest.settings.content("collectors") / name)
    if found.extract is None:
        pytest.skip(f"{name} has no extract block")
    settings = found.values({})
    for stream in found.extract.streams:
        for request in find(name).requests(found, stream, DAY, settings):
            assert request.method in ("SQL", "GET", "POST")
            assert request.target


def test_manifests_of_tests_and_shipped_ones_are_yaml_that_any_parser_reads() -> None:
    for folder in (HERE / "data" / "snowflake", HERE / "data" / "databricks"):
        text = (folder / "README.md").read_text().split("---")[1]
        assert yaml.safe_load(text)["name"] == folder.name
