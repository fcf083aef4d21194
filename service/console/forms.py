"""Forms of pages: what was filled in, once it is known that a page of ours sent it."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

from litestar import Request, Response

from service.api.http.app_state import sessions_of
from service.api.http.bodies import media_type
from service.api.http.letting_in import check_form
from service.api.http.limits import body_of
from service.errors import BadRequest, UnsupportedFormat

URLENCODED = "application/x-www-form-urlencoded"
TOKEN = "token"  # noqa: S105 - the name of the field
MAX_BYTES = 4 * 1024 * 1024  # of a form without files
MAX_FIELDS = 20_000


class Form(Mapping[str, str]):
    """The fields of a form, as texts; of a name that is there several times, `[]` is the last."""

    def __init__(self, fields: list[tuple[str, str]]) -> None:
        self._fields = fields
        self._by_name = dict(fields)

    def __getitem__(self, name: str) -> str:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def text(self, name: str) -> str:
        """What was filled in, without blanks around it; "" where there is no such field."""
        return self._by_name.get(name, "").strip()

    def all(self, name: str) -> list[str]:
        """What each of the fields of that name holds."""
        return [value for each, value in self._fields if each == name]


async def form_of(request: Request[Any, Any, Any]) -> Form:
    """The form that a request brings; what handlers get that ask for `form`.

    Raises:
        UnsupportedFormat, BadRequest: it is none that a page sends.
        Forbidden: it does not bring the token of the session.
    """
    if media_type(request) != URLENCODED:
        raise UnsupportedFormat(f"a form comes as {URLENCODED}")
    body = await body_of(request).all(MAX_BYTES)
    try:
        text = body.decode("ascii")
        fields = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError:
        raise BadRequest("the form cannot be read") from None
    form = Form(fields)
    check_form(request.scope, sessions_of(request), form.text(TOKEN))
    return form


def see_other(url: str) -> Response[bytes]:
    """What a form is answered with when it is done: where to go on (303), by GET."""
    return Response(b"", status_code=303, headers={"Location": url}, media_type="text/plain")
