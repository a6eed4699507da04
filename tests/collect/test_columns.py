"""Which column becomes which field."""

from __future__ import annotations

import pytest

from tokenop.collect import columns, manifest
from tokenop.collect.options import parse
from tokenop.errors import InputError, MisuseError

MANUAL = manifest.find("manual")


def resolve(*available, maps=(), constants=()):
    return columns.resolve(MANUAL, parse(maps=maps, constants=constants), available)


def test_a_column_named_as_the_field_is_taken():
    how = resolve("ts", "model")
    assert set(how.expressions) == {"ts", "model"}
    assert how.taken == {}


def test_a_well_known_name_is_taken_and_said():
    assert resolve("Timestamp", "prompt_tokens").taken == {"ts": "Timestamp", "input_tokens": "prompt_tokens"}


def test_the_field_s_own_name_wins_over_an_alias():
    assert resolve("ts", "timestamp").taken == {}


def test_two_well_known_names_are_ambiguous_and_neither_is_taken():
    how = resolve("timestamp", "created_at")
    assert "ts" not in how.expressions
    assert how.ambiguous["ts"] == ("timestamp", "created_at")


def test_prompts_are_taken_only_when_mapped():
    assert "prompt" not in resolve("ts", "prompt").expressions
    assert "prompt" in resolve("ts", "prompt", maps=["prompt=prompt"]).expressions


def test_an_empty_map_takes_no_column():
    assert "total_tokens" not in resolve("ts", "total_tokens", maps=["total_tokens="]).expressions


def test_a_constant_wins_over_a_column_that_nobody_mapped():
    assert "provider" not in resolve("ts", "provider", constants=["provider=openai"]).expressions
    assert "provider" in resolve("ts", "provider", maps=["provider=provider"], constants=["provider=x"]).expressions


@pytest.mark.parametrize(
    ("path", "available", "column"),
    [
        ("properties.main_model", ("properties",), "properties"),
        ("$.properties.main_model", ("properties",), "properties"),
        ("gen_ai.usage.input", ("gen_ai.usage.input", "gen_ai"), "gen_ai.usage.input"),
        ("gen_ai.usage.input", ("gen_ai.usage", "gen_ai"), "gen_ai.usage"),
        ("usage[0].tokens", ("usage",), "usage"),
        ('"a.b".c', ("a.b",), "a.b"),
        ("MODEL", ("model",), "model"),
    ],
)
def test_paths_start_at_the_longest_column_name(path, available, column):
    found = columns.locate(path, available)
    assert found is not None
    assert found[0] == column


def test_a_path_that_cannot_be_read_is_misuse():
    with pytest.raises(MisuseError, match="cannot be read"):
        columns.locate('a."b', ("a",))


def test_a_map_to_a_column_that_no_file_has_names_the_columns():
    options = parse(maps=["model=modle"])
    with pytest.raises(MisuseError, match="did you mean model"):
        columns.check_complete(options, [columns.resolve(MANUAL, options, ("model", "ts"))], ("model", "ts"))


def test_a_needed_field_without_a_column_names_the_flag():
    with pytest.raises(InputError, match="--map ts=created_at"):
        columns.check_complete(parse(), [resolve("timestamp", "created_at")], ("timestamp", "created_at"))
    with pytest.raises(InputError, match=r"--set output_tokens=0"):
        columns.check_complete(parse(), [resolve("ts", "input_tokens")], ("ts", "input_tokens"))
