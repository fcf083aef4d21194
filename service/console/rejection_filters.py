"""Which rejections a page is about: its query, read and written."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, Self, cast, get_args

from service.console.pages import url
from service.errors import BadRequest

Status = Literal["open", "accepted", "dismissed"]
PLACE = "/rejections"


@dataclass(frozen=True)
class RejectionFilters:
    """A table, the column and rule of a group, a load, a status; None: any.

    A `column` of "" is a rule of the row as a whole.
    """

    table: str | None = None
    column: str | None = None
    rule: str | None = None
    load: str | None = None
    status: Status = "open"

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Self:
        """What a query or a form says.

        Raises:
            BadRequest: there is no such status.
        """
        said = {each.name: query.get(each.name) for each in fields(cls)}
        status = said.pop("status") or "open"
        if status not in get_args(Status):
            raise BadRequest(f"status is one of {', '.join(get_args(Status))}", parameter="status")
        said = {name: value or None for name, value in said.items()}
        if said["rule"]:
            said["column"] = query.get("column")
        return cls(**said, status=cast(Status, status))

    def items(self) -> dict[str, str]:
        """As a query says it; what is any is left out."""
        said = {name: value for name, value in asdict(self).items() if value is not None}
        return {name: value for name, value in said.items() if (name, value) != ("status", "open")}

    def of(self, table: str) -> Self:
        """The same of one table."""
        return replace(self, table=table)

    def link(self, path: str, **changed: Any) -> str:
        """The URL of a path with these filters, but for what is `changed`; None leaves it out."""
        return url(path, **{**self.items(), **changed})
