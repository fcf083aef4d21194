"""How a request wants its rows handled, as its ``Prefer`` header says (RFC 7240)."""

from dataclasses import dataclass
from typing import Any, Self

from litestar import Request

from service.api.http.middleware import header
from service.api.http.negotiation import preference, preference_said
from service.api.http.scopes import check_deed
from service.runtime.resolutions import RESOLUTIONS, OnConflict


@dataclass(frozen=True)
class RowPreferences:
    """`handling` is lenient or strict; `resolution` a word of RESOLUTIONS, None: nothing said."""

    handling: str
    resolution: str | None

    @classmethod
    def of(cls, request: Request[Any, Any, Any]) -> Self:
        """Those of a request.

        Raises:
            BadRequest: it asks for something that is not known.
            Forbidden: it asks for changes of rows, and its key may not change any.
        """
        said = header(request, "prefer") or ""
        handling = preference(said, "handling", ("lenient", "strict"))
        preferred = cls(handling, preference_said(said, "resolution", RESOLUTIONS))
        if preferred.on_conflict == "merge":
            check_deed(request, "change")
        return preferred

    @property
    def on_conflict(self) -> OnConflict | None:
        """What is to become of rows whose key is there; None: nothing said."""
        return RESOLUTIONS[self.resolution] if self.resolution else None

    @property
    def applied(self) -> str:
        """The header ``Preference-Applied``."""
        handling = f"handling={self.handling}"
        return f"{handling}, resolution={self.resolution}" if self.resolution else handling
