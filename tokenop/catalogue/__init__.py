"""Optimisation templates: what they may say, how they are checked, and the catalogue of those that are sound."""

from tokenop.catalogue.loader import load
from tokenop.catalogue.model import Catalogue, Lever, Patch, Range, Template

__all__ = ["Catalogue", "Lever", "Patch", "Range", "Template", "load"]
