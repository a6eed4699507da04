"""The engine as the linter asks it (`Surroundings.replay`): a draft in, percentages out."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from tokenop.catalogue import loader
from tokenop.catalogue.model import LAYERS
from tokenop.catalogue.rules.surroundings import Replayed
from tokenop.trials.replay import Engine, replayed

if TYPE_CHECKING:
    from tokenop.catalogue.draft import Draft
    from tokenop.catalogue.model import Template


def replayer(drafts: Iterable[Draft] = ()) -> Callable[[Draft], Replayed]:
    """Return a function that replays a draft on all reference workloads.

    Of a draft that is not sound nothing is said (`Replayed({})`): what is wrong with it is for other rules, and none of
    its expressions is run. What a draft says is replayed once, whatever else changes in its file.

    Args:
        drafts: those that will be asked about. All of them are replayed in one pass when the first is asked about.
    """
    waiting = list(drafts)
    known: dict[object, Replayed] = {}

    def ask(draft: Draft) -> Replayed:
        template = sound(draft)
        if template is None:
            return Replayed({})
        if _key(template) not in known:
            _learn(known, [template, *(one for one in map(sound, waiting) if one is not None)])
            waiting.clear()
        return known[_key(template)]

    return ask


def sound(draft: Draft) -> Template | None:
    """Return the template of a draft, None where the catalogue would refuse it."""
    name, layer = draft.get("id"), draft.get("layer")
    if draft.broken or layer not in LAYERS or not _slug(name):
        return None
    with tempfile.TemporaryDirectory(prefix="tokenop-draft-") as folder:
        path = Path(folder) / layer / f"{name}.md"
        path.parent.mkdir()
        # Those that it names may be as new as it is: whether they are there is not asked here.
        for field in ("requires", "conflicts", "supersedes"):
            for other in filter(_slug, draft.get(field) or ()):
                (path.parent / f"{other}.md").touch()
        path.write_text(draft.document.text, encoding="utf-8")
        return loader.read([path]).get(name)


def _slug(name: object) -> bool:
    return isinstance(name, str) and re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) is not None


def _learn(known: dict[object, Replayed], templates: list[Template]) -> None:
    new = {_key(template): template for template in templates if _key(template) not in known}
    # Two files may have one id, which is a finding of its own.
    while new:
        batch = {template.id: (key, template) for key, template in new.items()}
        with Engine() as engine:
            found = engine.replay([template for _, template in batch.values()])
        for key, template in batch.values():
            known[key] = replayed(found[template.id])
            del new[key]


def _key(template: Template) -> object:
    """Return all of a template that its replay depends on."""
    return template.id, template.applies_when, repr(template.levers)
