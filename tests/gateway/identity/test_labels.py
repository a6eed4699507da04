"""What a caller says of a call: bounded, cleaned, and never against what its key says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st

from tests.thoroughness import examples
from tokenop.gateway.identity import labels
from tokenop.gateway.model import Identity, Wire

NOBODY = Identity()
OPENAI: Wire = "openai-chat"
ANTHROPIC: Wire = "anthropic-messages"
HEADERS = ["intent", "session", "task", "agent", "domain", "region", "user", "department", "tenant"]


def test_headers_say_all_there_is(tmp_path: Any) -> None:
    headers = {f"x-tokenop-{name}": name.upper() for name in HEADERS}
    said, identity = labels(headers, {}, NOBODY, OPENAI)
    assert said == {"intent": "INTENT", "session_id": "SESSION", "task_id": "TASK", "agent_id": "AGENT",
                    "domain": "DOMAIN", "region": "REGION"}  # fmt: skip
    assert identity == Identity(None, "USER", "DEPARTMENT", "TENANT")


def test_metadata_says_it_as_well_and_goes_no_further(tmp_path: Any) -> None:
    body = {"metadata": {"intent": "i", "session_id": "s", "task_id": 7, "agent_id": "a", "user_id": "u", "own": "x"}}
    said, identity = labels({"x-tokenop-intent": "header"}, body, NOBODY, OPENAI)
    assert said == {"intent": "header", "session_id": "s", "task_id": "7", "agent_id": "a"}
    assert identity.user_id == "u"
    assert body == {"metadata": {"own": "x"}}


def test_what_anthropic_knows_of_metadata_stays() -> None:
    body = {"metadata": {"user_id": "u", "session_id": "s"}}
    said, identity = labels({}, body, NOBODY, ANTHROPIC)
    assert (said, identity.user_id, body) == ({"session_id": "s"}, "u", {"metadata": {"user_id": "u"}})


def test_metadata_of_labels_alone_is_gone() -> None:
    body: dict[str, Any] = {"metadata": {"intent": "i"}, "model": "m"}
    labels({}, body, NOBODY, OPENAI)
    assert body == {"model": "m"}


def test_openais_user_is_the_user_where_nothing_else_says() -> None:
    assert labels({}, {"user": "u"}, NOBODY, OPENAI)[1].user_id == "u"
    assert labels({"x-tokenop-user": "h"}, {"user": "u"}, NOBODY, OPENAI)[1].user_id == "h"


def test_a_key_wins_over_what_its_caller_says() -> None:
    key = Identity("k", "ann", None, "acme")
    headers = {"x-tokenop-user": "root", "x-tokenop-department": "d", "x-tokenop-tenant": "other"}
    said, identity = labels(headers, {"metadata": {"tenant": "x"}}, key, OPENAI)
    assert (said, identity) == ({}, Identity("k", "ann", "d", "acme"))


def test_a_call_of_which_nothing_is_said_keeps_its_identity() -> None:
    key = Identity("k", "ann")
    assert labels({}, {}, key, OPENAI)[1] is key


@pytest.mark.parametrize(
    ("value", "kept"),
    [("x" * 600, "x" * 512), (" a\nb\x1b[2J ", "ab[2J"), ("\u202e", None), ("  ", None), ("", None), (True, None),
     (1.5, None), (10**400, None), (["a"], None), ({"a": 1}, None), ("\ud800", None), (12, "12"), ("é ü", "é ü")],
)  # fmt: skip
def test_labels_are_cut_to_what_an_event_holds(value: object, kept: str | None) -> None:
    assert labels({}, {"metadata": {"intent": value}}, NOBODY, OPENAI)[0].get("intent") == kept


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NAMED = st.dictionaries(
    st.sampled_from(["intent", "session_id", "task_id", "user_id", "tenant", "other"]), JSON, max_size=5
)


@how(max_examples=examples(100, 2000), deadline=None)
@given(st.dictionaries(st.sampled_from([f"x-tokenop-{one}" for one in HEADERS]), st.text()), JSON | NAMED, JSON)
def test_whatever_is_sent_gives_short_printable_labels(headers: dict[str, str], metadata: Any, user: Any) -> None:
    for wire in (OPENAI, ANTHROPIC):
        said, identity = labels(headers, {"metadata": metadata, "user": user}, NOBODY, wire)
        values = [*said.values(), *(one for one in (identity.user_id, identity.department, identity.tenant) if one)]
        assert all(value and len(value) <= 512 and value.isprintable() and value == value.strip() for value in values)
        assert set(said) <= {"intent", "session_id", "task_id", "agent_id", "domain", "region"}
