"""Pages: a template and what it shows.

Values are escaped, and a name that a template knows and nobody gave it is an error.
"""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Response
from markupsafe import Markup, escape

from service import __version__
from service.api.http.hosts import is_loopback
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


def followed(url: str | None) -> str | None:
    """A URL that a link may have: of the web, or of here. One that names this machine is of here,
    by whatever name people have come.
    """
    try:
        parts = urlsplit(url or "")
        is_here = is_loopback(parts.hostname or "")
    except ValueError:  # half an address of IPv6
        return None
    if not url:
        return None
    if is_here or (url.startswith("/") and not parts.netloc):
        return urlunsplit(("", "", parts.path or "/", parts.query, parts.fragment))
    return url if parts.scheme in ("http", "https") and parts.netloc else None


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
    filters = (as_written, followed, marked, number, segment)
    environment.filters.update({each.__name__: each for each in filters})
    environment.globals.update(static=static_url, version=__version__)
    return environment


_environment = _made()
