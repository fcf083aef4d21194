"""Pages: a template and what it shows.

Values are escaped, and a name that a template knows and nobody gave it is an error.
"""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Response
from markupsafe import Markup, escape

from service import __version__
from service.api.http.negotiation import HTML
from service.console.static_files import static_url

THIN_SPACE = "\u2009"
_CODE = re.compile("`([^`\n]+)`")


def page(template: str, **values: Any) -> Response[str]:
    """The page of a template; another form of it may be had from the same URL, by ``Accept``."""
    text = _environment.get_template(template).render(values)
    return Response(text, media_type=HTML, headers={"Vary": "Accept"})


def number(value: int) -> str:
    """A whole number with thin spaces at its thousands: 12 345."""
    return f"{value:,}".replace(",", THIN_SPACE)


def as_written(value: Any) -> str:
    """A value as one writes it: text as it is, all else as JSON has it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def marked(text: str) -> Markup:
    """A text in which what stands between backticks is code, as in Markdown; all of it escaped."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - it is escaped


def segment(name: str) -> str:
    """A name as one segment of a URL's path, or as a place within a page."""
    return quote(name, safe="")


def _made() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    filters: dict[str, Any] = {
        "marked": marked,
        "number": number,
        "as_written": as_written,
        "segment": segment,
    }
    environment.filters.update(filters)
    environment.globals.update(static=static_url, version=__version__)
    return environment


_environment = _made()
