"""What the YAML of a mart says of its reports: parameters, rows, chart (``meta.reports``)."""

import re
from collections.abc import Mapping
from typing import Any

from service.dictionary import DictionaryError, Report, ReportChart, ReportParameter, ReportSort
from service.dictionary.type_names import KINDS_OF_TYPES, UnknownType, read_type_name

Said = Mapping[str, Any]
# Names of types beside those of columns, of which a parameter may have any but json.
NAMES_OF_TYPES: Mapping[str, str] = {"text": "varchar", "number": "double", "year": "integer"}
COMPARISONS = ("eq", "gt", "gte", "lt", "lte")
CHARTS = ("bars", "line")
# What every report takes: none of its own parameters may be called so.
RESERVED_NAMES = ("limit", "after", "format")
_REPORT = {
    *("description", "parameters", "columns", "order_by", "where", "scalars", "chart"),
}
_PARAMETER = {
    *("name", "type", "column", "compare", "description", "required", "several", "choices"),
}
_sorted = re.compile(
    r"(?P<column>\w+)(\s+(?P<way>asc|desc))?(\s+nulls\s+(?P<nulls>first|last))?", re.IGNORECASE
).fullmatch
_CHART = {"kind", "label", "values", "parts", "mean", "sort"}


def read_report(name: str, model: str, said: Said, grain: tuple[str, ...] = ()) -> Report:
    """A report of the mart `model`, whose `grain` are the columns that name one row of it.

    Raises:
        DictionaryError: it says what makes no sense; names report and what it is.
    """
    where = f"{model}: report {name}"
    _check_known(where, said, _REPORT)
    takes = tuple(_parameter(where, each) for each in said.get("parameters", ()))
    if len({each.name for each in takes}) < len(takes):
        raise DictionaryError(f"{where} has a parameter twice")
    columns, scalars = tuple(said["columns"]), dict(said.get("scalars", {}))
    chart = said.get("chart")
    return Report(
        name,
        said.get("description", ""),
        model,
        takes,
        columns,
        _order(where, said["order_by"], grain or columns),
        said.get("where"),
        scalars,
        None if chart is None else _chart(f"{where}: chart", chart, {*columns}, {*scalars}),
    )


def _check_known(where: str, said: Said, known: set[str]) -> None:
    if unknown := sorted(said.keys() - known):
        raise DictionaryError(
            f"{where} says {', '.join(unknown)}; it may say {', '.join(sorted(known))}"
        )


def _order(where: str, said: Any, grain: tuple[str, ...]) -> tuple[ReportSort, ...]:
    """What is said, then what is left of the grain: each row has a place of its own."""
    parts: list[ReportSort] = []
    for each in said:
        found = _sorted(each.strip()) if isinstance(each, str) else None
        if found is None:
            raise DictionaryError(f"{where}: order_by takes columns, as `hired desc`, not {each}")
        way, nulls = (found.group(name) or "" for name in ("way", "nulls"))
        parts.append(ReportSort(found["column"], way.lower() == "desc", nulls.lower() == "first"))
    named = {part.column for part in parts}
    return (*parts, *(ReportSort(name) for name in grain if name not in named))


def _parameter(where: str, said: Any) -> ReportParameter:
    """A name alone is that of a whole number, which has to be given."""
    if isinstance(said, str):
        said = {"name": said, "type": "integer"}
    if not isinstance(said, Mapping) or "name" not in said:
        raise DictionaryError(f"{where} has a parameter without a name")
    name = said["name"]
    where = f"{where}: parameter {name}"
    _check_known(where, said, _PARAMETER)
    if name in RESERVED_NAMES:
        raise DictionaryError(f"{where}: every report takes one of that name")
    kind, compare = said.get("type", "integer"), said.get("compare", "eq")
    choices, several = said.get("choices", ()), bool(said.get("several", False))
    _check_parameter(where, kind, compare, choices, several)
    lists_values = choices == "values"
    return ReportParameter(
        name,
        kind,
        said.get("column", name),
        compare,
        said.get("description", ""),
        bool(said.get("required", True)),
        several,
        () if lists_values else tuple(choices),
        lists_values,
    )


def _check_parameter(where: str, kind: Any, compare: Any, choices: Any, several: bool) -> None:
    _check_type(where, kind)
    if compare not in COMPARISONS:
        raise DictionaryError(f"{where}: compare is one of {', '.join(COMPARISONS)}")
    if several and compare != "eq":
        raise DictionaryError(f"{where}: several values can only be compared by eq")
    if choices != "values" and not isinstance(choices, list | tuple):
        raise DictionaryError(f"{where}: choices is a list, or `values` for those of the column")


def _check_type(where: str, said: Any) -> None:
    try:
        kind = read_type_name(NAMES_OF_TYPES.get(str(said), str(said))).kind
    except UnknownType as error:
        names = ", ".join((*NAMES_OF_TYPES, *KINDS_OF_TYPES))
        raise DictionaryError(f"{where}: {error}; type is one of {names}") from error
    if kind == "json":
        raise DictionaryError(f"{where}: a document cannot be compared: type is any but json")


def _chart(where: str, said: Said, columns: set[str], scalars: set[str]) -> ReportChart:
    _check_known(where, said, _CHART)
    if said.get("kind") not in CHARTS:
        raise DictionaryError(f"{where}: kind is one of {', '.join(CHARTS)}")
    label, values = _names(said.get("label")), _names(said.get("values"))
    parts, mean, sort = said.get("parts"), said.get("mean"), said.get("sort", "value")
    named = {*label, *values, *([] if parts is None else [parts])}
    if unknown := sorted(named - columns):
        raise DictionaryError(f"{where}: the report has no column {', '.join(unknown)}")
    if not label or not values or (parts is not None and len(values) != 1):
        raise DictionaryError(f"{where} needs label and values; with parts, one value")
    if mean is not None and mean not in scalars:
        raise DictionaryError(f"{where}: the report has no scalar {mean}")
    if sort not in ("value", "label"):
        raise DictionaryError(f"{where}: sort is value or label")
    return ReportChart(said["kind"], label, values, parts, mean, sort == "label")


def _names(said: Any) -> tuple[str, ...]:
    return (said,) if isinstance(said, str) else tuple(said or ())
