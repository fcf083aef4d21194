"""Macros of the dbt project by themselves: called as functions, without dbt's graph."""

import re
from collections.abc import Callable, Mapping
from functools import wraps
from types import SimpleNamespace
from typing import Any

from dbt_common.clients.jinja import get_environment
from dbt_common.exceptions.macros import MacroReturn

from tests.support import CHECKOUT

MACROS = CHECKOUT / "dbt_project" / "macros"


def macros_of(*files: str, **known: Any) -> Mapping[str, Callable[..., Any]]:
    """The macros of these files by name; what else they call is `known`."""
    found: dict[str, Any] = {"modules": SimpleNamespace(re=re), "return": _give, **known}
    for file in files:
        template = get_environment().from_string((MACROS / file).read_text(), globals=found)
        for name, macro in vars(template.module).items():
            if name.startswith("dbt_macro__"):
                found[name.removeprefix("dbt_macro__")] = _called(macro)
    return found


def _give(value: Any) -> None:
    raise MacroReturn(value)


def _called(macro: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(macro)
    def call(*args: Any) -> Any:
        try:
            return macro(*args)
        except MacroReturn as given:
            return given.value

    return call
