"""The SQL engine under the warehouse: what it has to offer, and DuckDB, which offers it."""

import sys
from importlib.util import find_spec

import pyarrow as pa


def _have_pandas_missed_at_once() -> None:
    """Where pandas is not installed, an import of it fails at once.

    DuckDB tries one or two for each value that a query is given, also of those in lists. To look
    through the path takes 0.17 ms each time, and no other thread runs meanwhile: a page of loads
    took 104 ms, of which 78 were that. PyArrow looks once, and does not expect None.
    """
    if "pandas" not in sys.modules and find_spec("pandas") is None:
        pa.scalar(0)
        sys.modules["pandas"] = None  # type: ignore[assignment]


_have_pandas_missed_at_once()
