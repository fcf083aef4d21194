"""A report as a file: its rows with their types, or its chart as a picture."""

import base64
import hashlib
from collections.abc import Mapping

import pyarrow as pa

from service.dictionary.column_types import TYPES
from service.formats.row_streams import STREAMS
from service.reports.chart_data import Chart
from service.reports.chart_png import png_of
from service.reports.chart_svg import styles, whole_svg
from service.warehouse.stored_rows import RowPage

PICTURES = {"svg": "image/svg+xml", "png": "image/png"}


def typed_file(rows: RowPage, types: Mapping[str, str], ending: str) -> bytes:
    """The rows as a file of Parquet or Arrow; `types` are those of the columns, by name."""
    columns = zip(*rows.values, strict=True) if rows.values else ([] for _ in rows.names)
    arrays = {
        name: TYPES[types[name]].array(list(values)) if types[name] in TYPES else list(values)
        for name, values in zip(rows.names, columns, strict=True)
    }
    table = pa.table(arrays)
    return b"".join(STREAMS[ending](table.to_reader()))


def picture(chart: Chart, ending: str) -> bytes:
    """The chart as SVG or PNG."""
    return whole_svg(chart).encode() if ending == "svg" else png_of(chart)


def policy_of_svg() -> str:
    """A Content-Security-Policy under which the file has its own styles, and nothing else."""
    digest = base64.b64encode(hashlib.sha256(styles().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'none'"
