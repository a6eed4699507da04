"""A trained policy as one JSON file: plain numbers, no pickle. A file is hostile until it is checked."""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tokenop.applying.showing import visible
from tokenop.errors import Finding, FindingsError, InputError
from tokenop.files import write_text
from tokenop.research.routers import features
from tokenop.research.routers.policy import Arrays, Model, Trained
from tokenop.research.routers.registry import POLICIES

FORMAT = "tokenop-router/1"
LARGEST = 64 * 1024 * 1024
"""Bytes of a file that is read: a file may come from a pull request."""

_TYPES = {"<f8": 8, "<f4": 4, "|i1": 1}
_KEYS = frozenset(
    {"format", "policy", "weak", "strong", "threshold", "features", "options", "settings", "arrays", "training"}
)
_OPTIONAL = frozenset({"figures"})


def save(policy: Trained, path: Path) -> None:
    """Write the policy, whole or not at all; the same policy gives the same bytes.

    Raises:
        InputError: the file cannot be written.
    """
    write_text(path, dumped(policy))


def dumped(policy: Trained) -> str:
    """Return the policy as the text of its file."""
    document = {
        "format": FORMAT,
        "policy": policy.name,
        "weak": policy.weak,
        "strong": policy.strong,
        "threshold": policy.threshold,
        "features": policy.features,
        "options": dict(policy.options),
        "settings": dict(policy.model.settings),
        "arrays": {name: _packed(array) for name, array in sorted(policy.model.arrays.items())},
        "training": {
            "sha256": policy.trained_on,
            "prompts": policy.prompts,
            "seed": policy.seed,
            "folds": list(policy.folds),
        },
        "figures": dict(policy.figures),
    }
    return json.dumps(document, indent=1, sort_keys=True, allow_nan=False) + "\n"


def load(path: Path) -> Trained:
    """Return the policy of a file, checked.

    Raises:
        InputError: the file cannot be read, or is no file of a router.
        FindingsError: it is one, with what is wrong in it.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise InputError(f"{path}: is larger than {LARGEST // 2**20} MiB; no router is")
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(visible(f"{path}: is no JSON of a router: {error}")) from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise InputError(f"{path}: is no file of a router in the format {FORMAT}; train one with `tokenop route trial`")
    return _Reader(path).trained(document)


def _packed(array: np.ndarray[Any, Any]) -> dict[str, Any]:
    kind = {"f8": "<f8", "f4": "<f4", "i1": "|i1"}[array.dtype.str[1:]]
    raw = np.ascontiguousarray(array, dtype=kind).tobytes()
    return {"type": kind, "shape": list(array.shape), "base64": base64.b64encode(raw).decode()}


class _Reader:
    """Reads one document; every objection names its field."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.findings: list[Finding] = []

    def trained(self, document: Mapping[str, Any]) -> Trained:
        training = document.get("training")
        training = training if isinstance(training, dict) else {}
        for name in sorted(_KEYS - document.keys()):
            self._object(name, "is missing")
        for name in sorted(document.keys() - _KEYS - _OPTIONAL):
            self._object(name, "is not known")
        if document.get("features") != features.VERSION:
            self._object("features", f"is not {features.VERSION}, what this version computes: train the router again")
        words = {name: self._text(name, document.get(name)) for name in ("policy", "weak", "strong")}
        threshold = self._number("threshold", document.get("threshold"))
        model = self._model(words["policy"], document)
        seed, prompts = training.get("seed"), training.get("prompts")
        folds = training.get("folds")
        sound = all(isinstance(value, int) and not isinstance(value, bool) for value in (seed, prompts))
        if not sound or not isinstance(training.get("sha256"), str) or not isinstance(folds, list):
            self._object("training", "must say sha256, prompts, seed and folds")
        steps = tuple(self._number("training.folds", value) for value in folds) if isinstance(folds, list) else ()
        if self.findings or model is None:
            raise FindingsError(sorted(self.findings))
        return Trained(
            name=words["policy"],
            model=model,
            threshold=threshold,
            weak=words["weak"],
            strong=words["strong"],
            options=document["options"],
            folds=steps,
            trained_on=str(training["sha256"]),
            prompts=int(training["prompts"]),
            seed=int(training["seed"]),
            features=features.VERSION,
            figures=document.get("figures", {}),
        )

    def _model(self, name: str, document: Mapping[str, Any]) -> Model | None:
        kind = POLICIES.get(name)
        if kind is None:
            self._object("policy", f"is none of {', '.join(POLICIES)}")
            return None
        packed, settings = document.get("arrays"), document.get("settings")
        if not isinstance(packed, dict) or not isinstance(settings, dict):
            self._object("arrays", "arrays and settings must be objects")
            return None
        arrays: Arrays = {
            key: array for key in sorted(packed) if (array := self._unpacked(key, packed[key])) is not None
        }
        try:
            return kind.load(settings, arrays) if len(arrays) == len(packed) else None
        except (ValueError, TypeError, OverflowError) as error:
            self._object("arrays", str(error))
        except KeyError as error:
            self._object("arrays", f"{error.args[0]} is missing")
        return None

    def _unpacked(self, name: str, packed: Any) -> np.ndarray[Any, Any] | None:
        where = f"arrays.{name}"
        if not isinstance(packed, dict) or packed.keys() != {"type", "shape", "base64"}:
            self._object(where, "must hold type, shape and base64")
            return None
        shape, width = packed["shape"], _TYPES.get(str(packed["type"]))
        sizes = isinstance(shape, list) and all(type(size) is int and 0 <= size <= LARGEST for size in shape)
        if width is None or not sizes or len(shape) > 2:
            self._object(where, f"must be of type {', '.join(_TYPES)}, with one or two sizes")
            return None
        try:
            raw = base64.b64decode(str(packed["base64"]), validate=True)
        except (binascii.Error, ValueError):
            self._object(where, "is not base64")
            return None
        if len(raw) != math.prod(shape) * width:
            self._object(where, f"holds {len(raw)} bytes, its shape asks for {math.prod(shape) * width}")
            return None
        array: np.ndarray[Any, Any] = np.frombuffer(raw, dtype=packed["type"]).reshape(shape)
        if not np.isfinite(array).all():
            self._object(where, "holds what is no finite number")
            return None
        return array

    def _text(self, name: str, value: object) -> str:
        if isinstance(value, str) and value:
            return value
        self._object(name, "must be a text")
        return ""

    def _number(self, name: str, value: object) -> float:
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return float(value)
        self._object(name, "must be a finite number")
        return 0.0

    def _object(self, field: str, message: str) -> None:
        self.findings.append(Finding(str(self.path), 0, visible(field), "RT-FILE", "error", visible(message)))
