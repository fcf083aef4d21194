"""Pages, and fragments of them: a template and what it shows.

Values are escaped, and a name that a template knows and nobody gave it is an error.
"""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Request, Response
from markupsafe import Markup, escape

from service import __version__
from service.api.http.hosts import is_loopback
from service.api.http.negotiation import HTML
from service.console.forms import TOKEN
from service.console.static_files import static_url
from service.console.viewer import OPERATORS, Viewer
from service.dictionary.rules import fault_of
from service.runtime.clock import utc_now

FOLDER_OF_TEMPLATES = Path(__file__).with_name("templates")
THIN_SPACE = "\u2009"
_CODE = re.compile("`([^`\n]+)`")


def page(
    request: Request[Any, Any, Any], template: str, status: int = 200, **values: Any
) -> Response[str]:
    """The page of a template; another form of it may be had from the same URL, by ``Accept``.

    Templates have besides: `viewer`, `token` (the hidden field of each form), `operators`.
    """
    viewer = Viewer(request)
    own = {"viewer": viewer, "token": hidden(TOKEN, viewer.token), "operators": OPERATORS}
    return of_text(text(template, **own, **values), status)


def text(template: str, **values: Any) -> str:
    """What a template says of `values` alone; without a viewer it is the same for all."""
    return _environment.get_template(template).render(**values)


def of_text(text: str, status: int = 200) -> Response[str]:
    """A page, or a part of one, that has been written."""
    return Response(text, status_code=status, media_type=HTML, headers={"Vary": "Accept"})


def fragment(
    request: Request[Any, Any, Any], template: str, status: int = 200, **values: Any
) -> Response[str]:
    """A fragment, which htmx puts into a page that is there; its template's name begins with _."""
    assert template.startswith("_"), template
    return page(request, template, status, **values)


def url(path: str, /, **query: Any) -> str:
    """A path with a query; what is None is left out, and a list is there several times."""
    pairs = [(name, value) for name, value in query.items() if value is not None]
    return f"{path}?{urlencode(pairs, doseq=True)}" if pairs else path


def moment(at: datetime | str | None) -> Markup:
    """A point in time for people, and for machines: <time> with both, in UTC."""
    if at is None:
        return Markup('<span class="none">—</span>')
    shown = written(at)
    return Markup('<time datetime="{}Z">{}</time>').format(shown.replace(" ", "T"), shown)


def written(at: datetime | str) -> str:
    """A point in time in UTC, to the second; as a text it is ISO 8601."""
    return _naive(at).strftime("%Y-%m-%d %H:%M:%S")


def _naive(at: datetime | str) -> datetime:
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def duration(began: datetime | None, ended: datetime | None) -> str:
    """How long something took: 0.3 s, 12 s, 4 min 5 s, 2 h 3 min; "" where it is not known."""
    if began is None or ended is None:
        return ""
    seconds = max(0.0, (ended - began).total_seconds())
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if minutes else f"{rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def ago(at: datetime | str) -> str:
    """How long ago it was, in one unit: 5 min, 3 h, 12 days."""
    minutes = max(0, int((utc_now() - _naive(at)).total_seconds() // 60))
    if minutes < 60:
        return f"{minutes} min ago" if minutes else "just now"
    return f"{minutes // 60} h ago" if minutes < 48 * 60 else f"{minutes // (24 * 60)} days ago"


def size(number_of_bytes: int) -> str:
    """A number of bytes: 512 B, 1.5 kB, 20 MB."""
    amount, unit = float(number_of_bytes), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if amount < 1000 or unit == "TB":
            break
        amount /= 1000
    return f"{amount:.1f} {unit}" if unit != "B" and amount < 10 else f"{amount:.0f} {unit}"


def hidden(name: str, value: Any) -> Markup:
    """A field of a form that nobody sees."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(name, value)


def number(value: int) -> str:
    """A whole number with thin spaces at its thousands: 12 345."""
    return f"{value:,}".replace(",", THIN_SPACE)


def as_written(value: Any) -> str:
    """A value as one writes it: text as it is, all else as JSON has it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def sentence(text: str) -> str:
    """What a message says, as a sentence: its first letter large, with a full stop."""
    said = text.rstrip()
    return f"{said[:1].upper()}{said[1:]}{'' if said.endswith(('.', '!', '?', '…')) else '.'}"


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
        loader=FileSystemLoader(FOLDER_OF_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    filters = (ago, as_written, followed, marked, moment, number, segment, sentence, size, written)
    environment.filters.update({each.__name__: each for each in filters}, fault=fault_of)
    environment.globals.update(
        duration=duration,
        hidden=hidden,
        now=utc_now,
        static=static_url,
        url=url,
        version=__version__,
    )
    return environment


_environment = _made()
