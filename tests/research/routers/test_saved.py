"""A router's file: the same policy and bytes again, and nothing in a hostile one that runs or passes."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.research.routers.worlds import helpful
from tokenop.errors import FindingsError, InputError
from tokenop.research.routers import load, save, train
from tokenop.research.routers.saved import dumped

PROMPTS = ["prove the following theorem: pencil", "translate the following sentence: window", "", "\x00"]


@pytest.fixture(scope="module")
def documents() -> dict[str, Any]:
    learned = helpful(80, 1)
    return {name: json.loads(dumped(train(name, learned, 3))) for name in ("static", "rules", "knn", "logistic")}


@pytest.mark.parametrize("name", ["static", "rules", "knn", "logistic"])
def test_a_saved_router_decides_as_before_and_has_the_same_bytes(name: str, tmp_path: Path) -> None:
    policy = train(name, helpful(80, 1), 3)
    save(policy, tmp_path / "router.json")
    again = load(tmp_path / "router.json")
    assert again.score(PROMPTS) == pytest.approx(policy.score(PROMPTS), abs=1e-6)
    assert again.decide(PROMPTS).tolist() == policy.decide(PROMPTS).tolist()
    assert dumped(again) == dumped(policy) == (tmp_path / "router.json").read_text()
    assert again.trained_on == helpful(80, 1).sha256
    assert (again.prompts, again.seed, len(again.folds)) == (80, 3, 5)


def test_the_file_holds_no_prompt(documents: dict[str, Any]) -> None:
    # Rows of neighbours are hashed: a team may commit the file without what its people asked.
    for document in documents.values():
        text = json.dumps(document)
        assert "theorem" not in text
        assert "pencil" not in text


def change(path: str, value: Any) -> Callable[[Any], None]:
    def apply(document: Any) -> None:
        *parents, last = path.split(".")
        for name in parents:
            document = document[name]
        if value is None:
            del document[last]
        else:
            document[last] = value

    return apply


def packed(kind: str, shape: list[int], array: np.ndarray) -> dict[str, Any]:
    return {"type": kind, "shape": shape, "base64": base64.b64encode(array.tobytes()).decode()}


NAN = np.full(14, np.nan)
HOSTILE = [
    ("rules", change("threshold", "0.5"), "threshold"),
    ("rules", change("threshold", None), "threshold"),
    ("rules", change("policy", "os.system"), "policy"),
    ("rules", change("features", 2), "features"),
    ("rules", change("surprise", 1), "surprise"),
    ("rules", change("settings.fact", "heart beat"), "arrays"),
    ("rules", change("settings", []), "arrays"),
    ("rules", change("training.seed", True), "training"),
    ("rules", change("training.folds", ["x"]), "training.folds"),
    ("rules", change("arrays.edges", None), "arrays"),
    ("rules", change("arrays.edges.base64", "!!"), "arrays.edges"),
    ("rules", change("arrays.edges.type", "|O"), "arrays.edges"),
    ("rules", change("arrays.edges.shape", [-1]), "arrays.edges"),
    ("rules", change("arrays.edges.shape", [10**12]), "arrays.edges"),
    ("rules", change("arrays.edges.shape", [True]), "arrays.edges"),
    ("rules", change("arrays.levels", packed("<f8", [0], np.empty(0))), "arrays"),
    ("static", change("arrays.more", packed("<f8", [1], np.ones(1))), "arrays"),
    ("static", change("settings.value", [1]), "arrays"),
    ("logistic", change("arrays.facts", packed("<f8", [14], NAN)), "arrays.facts"),
    ("logistic", change("arrays.facts", packed("<f8", [13], np.ones(13))), "arrays"),
    ("logistic", change("arrays.spread", packed("<f8", [14], np.zeros(14))), "arrays"),
    ("logistic", change("settings.intercept", "x"), "arrays"),
    ("logistic", change("settings.intercept", None), "arrays"),
    ("knn", change("settings.k", 10**9), "arrays"),
    ("knn", change("settings.k", 0), "arrays"),
    ("knn", change("arrays.target", packed("<f4", [80], np.full(80, 7, np.float32))), "arrays"),
    ("knn", change("arrays.rows", packed("|i1", [80, 1], np.ones((80, 1), np.int8))), "arrays"),
]


@pytest.mark.parametrize(("name", "spoil", "field"), HOSTILE, ids=range(len(HOSTILE)))
def test_a_spoiled_file_is_refused_naming_the_field(
    name: str, spoil: Callable[[Any], None], field: str, documents: dict[str, Any], tmp_path: Path
) -> None:
    document = json.loads(json.dumps(documents[name]))
    spoil(document)
    path = tmp_path / "router.json"
    path.write_text(json.dumps(document))
    with pytest.raises(FindingsError) as caught:
        load(path)
    assert field in {finding.field for finding in caught.value.findings}


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b"\x80\x04\x95pickle", b"[" * 100_000, b'{"format": "other"}'])
def test_what_is_no_router_is_refused(raw: bytes, tmp_path: Path) -> None:
    path = tmp_path / "router.json"
    path.write_bytes(raw)
    with pytest.raises(InputError, match="router"):
        load(path)


def test_an_absent_or_enormous_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load(tmp_path / "absent.json")
    with (tmp_path / "large.json").open("wb") as file:
        file.truncate(65 * 1024 * 1024)
    with pytest.raises(InputError, match="larger than"):
        load(tmp_path / "large.json")
