"""What a request says of a report's parameters, as values of their types."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from service.dictionary import Report, ReportParameter
from service.dictionary.column_types import ColumnType, type_of
from service.dictionary.report_nodes import NAMES_OF_TYPES
from service.dictionary.written_values import Unreadable
from service.errors import BadRequest, shortened
from service.warehouse.row_filters import parameter_of

# By parameter, as the engine takes them; a parameter that was left out has none.
Arguments = Mapping[str, tuple[Any, ...]]


def type_of_parameter(parameter: ReportParameter) -> ColumnType:
    """The type of a parameter's values."""
    return type_of(NAMES_OF_TYPES.get(parameter.type, parameter.type))


def as_asked(value: Any) -> str:
    """A value of a parameter's type, or one that YAML has, as a request says it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat() + "Z"  # DuckDB's times are in UTC
    return str(value)


def read_arguments(report: Report, items: Iterable[tuple[str, str]]) -> dict[str, tuple[Any, ...]]:
    """The values of the parameters, each once but where a report takes several.

    Raises:
        BadRequest: one is missing, unknown, there twice, or of another type; it names it.
    """
    takes = {each.name: each for each in report.takes}
    found: dict[str, tuple[Any, ...]] = {}
    for name, text in items:
        if name not in takes:
            raise _wrong(report, name, f"{report.name} has no parameter {shortened(name)!r}")
        if name in found and not takes[name].several:
            raise _wrong(report, name, f"the parameter {name} is there twice")
        if not text and not takes[name].required:
            continue  # as a form sends what was left empty
        found[name] = (*found.get(name, ()), _read(report, takes[name], text))
    for each in report.takes:
        if each.required and each.name not in found:
            raise _wrong(report, each.name, f"{report.name} needs the parameter {each.name}")
    return found


def _read(report: Report, parameter: ReportParameter, text: str) -> Any:
    kind = type_of_parameter(parameter)
    try:
        value = parameter_of(kind, text)
    except Unreadable:
        detail = f"{parameter.name} is not {kind.reads}: {shortened(text, 40)!r}"
        raise _wrong(report, parameter.name, detail) from None
    choices = [parameter_of(kind, as_asked(each)) for each in parameter.choices]
    if choices and value not in choices:
        listed = ", ".join(map(as_asked, parameter.choices))
        raise _wrong(report, parameter.name, f"{parameter.name} is one of {listed}")
    return value


def _wrong(report: Report, name: str, detail: str) -> BadRequest:
    return BadRequest(detail, parameter=shortened(name), known=list(report.parameters))
