"""A rule's `when`: one SQL expression over the facts of a call, compiled once to a Python function.

DuckDB parses and checks it (`tokenop.sqltree`); what is allowed here is the part of that whose meaning is the same in
Python, to the last null. A test compares the two on drawn facts.
"""

from __future__ import annotations

from tokenop.routing.predicates.compiling import compiled
from tokenop.routing.predicates.reading import read
from tokenop.routing.predicates.tree import Expression

__all__ = ["Expression", "compiled", "read"]
