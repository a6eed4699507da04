"""One thread for small matrices."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
from collections.abc import Iterator


@contextlib.contextmanager
def single() -> Iterator[None]:
    """Keep numpy's linear algebra to one thread, where that can be set (scikit-learn brings what sets it).

    The matrices here are small: several threads wait for each other more than they work, ten times as long on a machine
    that has other things to do, and add up in another order on each.
    """
    if importlib.util.find_spec("threadpoolctl") is None:
        yield
        return
    with importlib.import_module("threadpoolctl").threadpool_limits(1):
        yield
