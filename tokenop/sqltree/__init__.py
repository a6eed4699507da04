"""Contributed SQL, checked as a syntax tree before any of it runs.

Two kinds of SQL come from contributors: a template's predicate (`check_predicate`: one expression over named columns)
and a collector's `map.sql` (`check_select`: one SELECT over declared relations). DuckDB parses the text
(`json_serialize_sql`), and the tree is compared with allow-lists: a node, key, function, operator or type that is not
listed is refused, so that a construct nobody thought of is refused as well. What passes can only compute on the
data it is given: it reaches no file, no setting, no clock and no network, and makes no rows out of nothing.

A predicate that passes is total (it was also evaluated over a few odd rows) and may run in this process. A SELECT that
passes can still be slow (a join is a join): `tokenop.collect.confined` runs it under limits.
"""

from __future__ import annotations

from tokenop.sqltree.predicate import check_predicate, check_predicates
from tokenop.sqltree.problem import Problem
from tokenop.sqltree.query import check_select
from tokenop.sqltree.text import statement
from tokenop.sqltree.typenames import check_type

__all__ = ["Problem", "check_predicate", "check_predicates", "check_select", "check_type", "statement"]
