"""What dbt makes anew for every node, made once, which saves a third of what a build takes.

Each stands in for a piece of dbt and gives what that gives. dbt's own commands do without them, and
so does a dbt whose pieces may be others.
"""

import sys
from collections.abc import Callable, Iterable, Mapping
from functools import cache, lru_cache
from importlib.metadata import version
from types import FrameType, SimpleNamespace
from typing import Any

from dbt.adapters.clients import jinja as jinja_of_adapters
from dbt.clients.jinja import MacroGenerator
from dbt.compilation import Linker
from dbt.context import providers
from dbt.context.macros import MacroNamespace, MacroNamespaceBuilder
from dbt.plugins.manager import PluginManager
from dbt.utils.utils import args_to_dict
from dbt_common.behavior_flags import BehaviorFlagRendered
from dbt_common.clients import agate_helper, jinja
from dbt_common.events.base_types import BaseEvent, EventLevel
from dbt_common.events.event_manager import EventManager
from dbt_common.events.event_manager_client import ctx_set_event_manager
from dbt_common.exceptions.macros import MacroReturn
from dbt_common.utils.jinja import get_dbt_macro_name
from msgspec import Struct

MADE_FOR = "1.11."  # versions of dbt-core
TEMPLATES = 2000  # a project of ours has some 700 macros and 100 tests


def are_for_this_dbt() -> bool:
    """Whether dbt is of the version that they are made for; else they stand aside."""
    return version("dbt-core").startswith(MADE_FOR)


@cache
def install() -> None:
    """Puts them into dbt, once in a process, if they are made for it."""
    if not are_for_this_dbt():
        return
    testers, environments = agate_helper.build_type_tester, _environments(jinja.get_environment)
    pieces: list[tuple[Any, str, Any]] = [
        (MacroNamespaceBuilder, "build_namespace", _build_namespace),
        (jinja.MacroFuzzTemplate, "new_context", _contexts(jinja.MacroFuzzTemplate.new_context)),
        (jinja, "get_environment", environments),
        (jinja_of_adapters, "get_environment", environments),
        (agate_helper, "build_type_tester", _type_testers(testers)),
        (agate_helper, "empty_table", cache(agate_helper.empty_table)),
        (providers, "args_to_dict", _of_the_last(args_to_dict)),
        (Linker, "get_graph_summary", _graph_summary),
        (BehaviorFlagRendered, "_default_source", staticmethod(_flags_source)),
        (PluginManager, "get_prefixed_modules", cache(PluginManager.get_prefixed_modules)),
        (BaseEvent, "pb_msg", _Message(BaseEvent.__init__)),
        (BaseEvent, "__init__", _remember),
    ]
    for where, name, piece in pieces:
        setattr(where, name, piece)


def listen_to(names: tuple[str, ...]) -> None:
    """Has dbt tell listeners of the events of these names alone, from here on.

    What it writes itself, to the terminal or a log, is not less for that. Another dbt than they are
    made for tells them of all events.
    """
    ctx_set_event_manager(_Teller(names) if are_for_this_dbt() else EventManager())


# Macros: a context has each, and is made for each node, test and hook.


class _Macro(Struct, eq=False):
    """As dbt's MacroGenerator, of a kind that is quickly made: a build makes 70,000 of them.

    Jinja makes its function once, not per call. The function looks names up in the context when it
    is called, as dbt's does.
    """

    macro: Any
    context: Any
    node: Any
    stack: Any
    function: Callable[..., Any] | None = None

    def get_macro(self) -> Callable[..., Any]:
        """The macro as Jinja calls it."""
        if self.function is None:
            template = jinja.template_cache.get_node_template(self.macro)
            module = template.make_module(vars=self.context)
            self.function = module.__dict__[get_dbt_macro_name(self.macro.name)]
        return self.function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What it returns; dbt is told that it was called, as by dbt's own."""
        stack, name = self.stack, self.macro.unique_id
        if stack is not None:
            if self.node and stack.depth == 0:
                self.node.depends_on.add_macro(name)
            stack.push(name)
        try:
            macro = self.get_macro()
            try:
                return macro(*args, **kwargs)
            except MacroReturn as returned:
                return returned.value
            except Exception:
                with MacroGenerator(self.macro).exception_handler():  # which says where it was
                    raise
        finally:
            if stack is not None:
                stack.pop(name)


class _Macros(dict[str, Any], MacroNamespace):
    """As dbt's, as one dictionary, which a context soon takes in: who has a name first, has it."""

    def __init__(self, own: Any, roots: Any, internal: Any, packages: Any) -> None:
        MacroNamespace.__init__(self, roots, own, internal, packages)
        self.update({**internal, "dbt": internal, **packages, **roots, **own})


def _build_namespace(
    builder: MacroNamespaceBuilder, macros: Mapping[str, Mapping[str, Any]], context: Any
) -> MacroNamespace:
    node, stack = builder.node, builder.thread_ctx
    made = {
        package: {name: _Macro(macro, context, node, stack) for name, macro in each.items()}
        for package, each in macros.items()
    }
    internal: dict[str, Any] = {}
    for package in reversed(builder.internal_package_names_order):
        internal.update(made.pop(package, {}))
    own, roots = (made.get(name, {}) for name in (builder.search_package, builder.root_package))
    return _Macros(own, roots, internal, made)


# Templates: dbt renders the same few texts for each test and hook, and looks each name up in two
# dictionaries, one of which has a few names of Jinja's.


def _contexts(make: Callable[..., Any]) -> Callable[..., Any]:
    def new_context(template: Any, names: dict[str, Any] | None = None, *others: object) -> Any:
        given, of_jinja = template.globals.maps
        if names is None or any(others) or (given and given is not names):
            return make(template, names, *others)
        for name, value in of_jinja.items():
            names.setdefault(name, value)
        environment = template.environment
        return environment.context_class(environment, names, template.name, template.blocks)

    return new_context


def _environments(make: Callable[..., Any]) -> Callable[..., Any]:
    @cache
    def kept(native: bool) -> Any:
        environment = make(native=native)
        environment.compile = lru_cache(TEMPLATES)(environment.compile)
        return environment

    def environment(node: Any = None, capture_macros: bool = False, native: bool = False) -> Any:
        return make(node, capture_macros, native) if capture_macros else kept(native)

    return environment


# Contexts: each has the arguments of the run.


def _of_the_last(make: Callable[[Any], dict[str, Any]]) -> Callable[[Any], dict[str, Any]]:
    kept: list[Any] = [None, {}]

    def arguments(given: Any) -> dict[str, Any]:
        if kept[0] is not given:
            kept[:] = given, make(given)
        return dict(kept[1])

    return arguments


# Diagnostics: of the graph, for which dbt would write out each node, twice; and of whose a flag is,
# for which it would read the source of all callers.


def _graph_summary(linker: Linker, manifest: Any) -> dict[int, dict[str, Any]]:
    numbers = {name: number for number, name in enumerate(linker.graph)}
    nodes = {}
    for name, number in numbers.items():
        nodes[number] = {"name": name, "type": str(manifest.expect(name).resource_type)}
        if after := [numbers[each] for each in linker.graph.successors(name)]:
            nodes[number]["succ"] = after
    return nodes


def _flags_source() -> str:
    frame: FrameType | None = sys._getframe(1)
    while frame and frame.f_globals["__name__"] == BehaviorFlagRendered.__module__:
        frame = frame.f_back
    return frame.f_globals["__name__"] if frame else "Unknown"


# Answers of the engine: a tester of types is made of texts that are read by 400 patterns.


def _type_testers(build: Callable[..., Any]) -> Callable[..., Any]:
    kept = lru_cache(TEMPLATES)(build)

    def type_tester(
        text_columns: Iterable[str], string_null_values: Iterable[str] | None = ("null", "")
    ) -> Any:
        nulls = None if string_null_values is None else tuple(string_null_values)
        return kept(frozenset(text_columns), nulls)

    return type_tester


# Events: a thousand in a build of three tables, of which a listener wants a hundred.


class _Message:
    """The message of an event, made when someone wants it."""

    def __init__(self, make: Callable[..., None]) -> None:
        self._make = make

    def __get__(self, event: Any, _: type) -> Any:
        if event is None:
            return self
        self._make(event, *event.__dict__["args"], **event.__dict__["kwargs"])
        return event.__dict__["pb_msg"]


def _remember(event: BaseEvent, *args: Any, **kwargs: Any) -> None:
    event.__dict__.update(args=args, kwargs=kwargs)


class _Teller(EventManager):
    """As dbt's, for listeners who hear few events."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__()
        self._names = names

    def fire_event(
        self,
        e: BaseEvent,
        level: EventLevel | None = None,
        node: Any = None,
        force_warn_or_error_handling: bool = False,
    ) -> None:
        """Does nothing where no one would hear it; a warning may be made an error.

        Listeners are told the name and the data, without what stands around them in a log.
        """
        warns = force_warn_or_error_handling or (level or e.level_tag()) == EventLevel.WARN
        name = type(e).__name__
        if warns or self.loggers:
            super().fire_event(e, level, node, force_warn_or_error_handling)
        elif name in self._names:
            told: Any = SimpleNamespace(info=SimpleNamespace(name=name), data=e.pb_msg)
            for tell in self.callbacks:
                tell(told)
