"""A chart as PNG: the SVG drawn by resvg, with the font that is shipped for it."""

from pathlib import Path

import resvg_py

from service.reports.chart_data import Chart
from service.reports.chart_svg import styles, whole_svg

FONT = Path(__file__).with_name("fonts") / "DejaVuSans.ttf"
ZOOM = 2.0  # pixels for each unit of the SVG
FAMILY = "DejaVu Sans"


def png_of(chart: Chart) -> bytes:
    """The chart in its light colours, twice as large, for displays of any kind."""
    light = styles().split("@media", 1)[0].replace("system-ui, ", "")
    text = whole_svg(chart).replace(styles(), light)
    drawn = resvg_py.svg_to_bytes(
        svg_string=text,
        zoom=ZOOM,
        skip_system_fonts=True,
        font_files=[str(FONT)],
        font_family=FAMILY,
        sans_serif_family=FAMILY,
    )
    return bytes(drawn)
