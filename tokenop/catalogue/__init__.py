"""Optimisation templates: what they may say, how they are checked, and the catalogue of those that are sound."""

from __future__ import annotations

from pathlib import Path

from tokenop.catalogue.model import Catalogue, Lever, Patch, Range, Template

__all__ = ["Catalogue", "Lever", "Patch", "Range", "Template", "load"]


def load(folder: Path | None = None) -> Catalogue:
    """Return the templates of `folder` (its layer folders), the shipped ones by default.

    A template with errors is left out; its findings are in the catalogue, so that one bad file does not hide the rest.

    Raises:
        InputError: the folder does not exist.
    """
    from tokenop.catalogue import loader  # all rules come with it, which a look at the names in here must not pay for

    return loader.load(folder)
