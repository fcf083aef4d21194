"""What stands in for pieces of dbt gives what they give."""

import json
from datetime import date
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from dbt import compilation
from dbt.adapters.events.types import SQLQuery, SQLQueryStatus
from dbt.clients import jinja as jinja_of_dbt
from dbt.context import macros as macros_of_dbt
from dbt.context import providers
from dbt.context.base import BaseContext
from dbt.events.types import JinjaLogInfo, JinjaLogWarning, LogStartLine
from dbt.utils import utils as utils_of_dbt
from dbt_common import behavior_flags
from dbt_common.clients import agate_helper, jinja
from dbt_common.events import base_types
from dbt_common.events.event_manager_client import get_event_manager
from dbt_common.events.functions import fire_event, warn_or_error
from dbt_common.exceptions import DbtRuntimeError
from dbt_common.exceptions.events import EventCompilationError

from service.dbt import shortcuts
from service.dbt.runner import HEARD, parse

pytestmark = pytest.mark.skipif(
    not shortcuts.are_for_this_dbt(), reason="they stand aside: it is another dbt"
)
EVENTS: list[tuple[Any, dict[str, Any]]] = [
    (SQLQuery, {"conn_name": "master", "sql": "select 1", "node_info": {"node_name": "jobs"}}),
    (SQLQueryStatus, {"status": "OK", "elapsed": 0.5, "query_id": None}),
    (LogStartLine, {"description": "a", "index": 1, "total": 2, "node_info": {"node_name": "a"}}),
    (JinjaLogInfo, {"msg": ValueError("no text"), "node_info": {}}),
]
INTERNAL = ["dbt_duckdb", "dbt"]


def as_shipped(module: ModuleType) -> Any:
    """A module of dbt once more, where nothing stands in for a piece of it."""
    spec = spec_from_file_location(f"{module.__name__}_anew", module.__file__)
    assert spec
    assert spec.loader
    anew = module_from_spec(spec)
    spec.loader.exec_module(anew)
    return anew


@pytest.fixture(scope="module", autouse=True)
def installed():
    shortcuts.install()


@pytest.fixture
def heard():
    """What a listener has heard since the test began."""
    said = []
    shortcuts.listen_to(HEARD)
    get_event_manager().add_callback(lambda message: said.append(message.info.name))
    yield said
    shortcuts.listen_to(())


@pytest.mark.parametrize("package", ["gatehouse", "dbt", "dbt_duckdb", "elsewhere"])
def test_each_macro_is_found_by_the_name_it_has_in_dbt(built, package):
    macros = parse(built).get_macros_by_package()
    builders = [
        module.MacroNamespaceBuilder("gatehouse", package, None, INTERNAL)
        for module in (as_shipped(macros_of_dbt), macros_of_dbt)
    ]
    theirs, ours = [each.build_namespace(macros, {}) for each in builders]
    assert type(ours) is not type(theirs)
    assert _macros(ours) == _macros(theirs)
    assert len(ours) == len(theirs) > 300
    for name in (None, "dbt", "gatehouse"):
        for macro in macros["gatehouse"], macros["dbt"]:
            assert [_id(ours.get_from_package(name, each)) for each in macro] == [
                _id(theirs.get_from_package(name, each)) for each in macro
            ]


def test_of_names_that_come_twice_the_first_in_dbts_order_counts():
    packages = ("own", "root", "other", "dbt_duckdb", "dbt")
    for missing in range(len(packages)):
        macros = {
            package: {"same": SimpleNamespace(name="same", package_name=package, unique_id=package)}
            for package in packages[missing:]
        }
        found = [
            module.MacroNamespaceBuilder("root", "own", None, INTERNAL).build_namespace(macros, {})
            for module in (as_shipped(macros_of_dbt), macros_of_dbt)
        ]
        assert _macros(found[0]) == _macros(found[1])


def _macros(namespace):
    return {
        name: {key: _id(macro) for key, macro in value.items()}
        if isinstance(value, dict)
        else _id(value)
        for name, value in namespace.items()
    }


def _id(macro):
    return macro and macro.macro.unique_id


def test_a_macro_is_made_once_and_sees_its_context_as_it_is_when_it_is_called():
    sql = "{% macro same(a) %}{{ a }}{{ b }}{{ range(c | default(1)) | list }}{% endmacro %}"
    macro: Any = SimpleNamespace(
        name="same", package_name="own", unique_id="macro.own.same", macro_sql=sql
    )
    context: dict[str, Any] = {"b": 2}
    stack = jinja_of_dbt.MacroStack()
    theirs = jinja_of_dbt.MacroGenerator(macro, context, None, stack)
    builder = macros_of_dbt.MacroNamespaceBuilder("root", "own", stack, INTERNAL)
    ours: Any = builder.build_namespace({"own": {"same": macro}}, context)["same"]
    for changed in ({}, {"b": 3}, {"c": 2}, {"range": lambda number: [number, number]}):
        context.update(changed)
        assert ours(1) == theirs(1)
    assert ours.get_macro() is ours.get_macro()
    with pytest.raises(DbtRuntimeError) as told:
        ours(1, 2, 3)
    assert "takes not more than 1 argument" in str(told.value)


def fail():
    raise DbtRuntimeError("no")


BODIES = """other() return([1,2]) a.b.c other(1) 1//0 fail()"""


@pytest.mark.parametrize("body", [f"{{{{ {each} }}}}" for each in BODIES.split()])
def test_a_call_of_a_macro_is_told_of_and_ends_as_in_dbt(body):
    node: Any = SimpleNamespace(depends_on=SimpleNamespace(add_macro=None))
    macros: dict[str, Any] = {
        name: SimpleNamespace(name=name, package_name="own", unique_id=name, macro_sql=sql)
        for name, sql in (
            ("same", f"{{% macro same() %}}{body}{{% endmacro %}}"),
            ("other", "{% macro other() %}{{ seen(stack.call_stack) }}{% endmacro %}"),
        )
    }
    found = []
    for module in (as_shipped(macros_of_dbt), macros_of_dbt):
        told: list[Any] = []
        stack = jinja_of_dbt.MacroStack()
        seen = lambda calls, told=told: told.append([*calls])  # noqa: E731
        context = {"stack": stack, "seen": seen, "return": BaseContext._return, "fail": fail}
        node.depends_on.add_macro = told.append
        builder = module.MacroNamespaceBuilder("root", "own", stack, INTERNAL, node)
        built = builder.build_namespace({"own": macros}, context)
        context.update(built)
        try:
            told.append(built["same"]())
        except (DbtRuntimeError, ArithmeticError) as error:
            told.append((type(error), str(error)))
        found.append((told, [*stack.call_stack]))
    assert found[0] == found[1]
    assert found[0][0][0] == "same"


@pytest.mark.parametrize("texts", [(), ("a",), ("a", "b")])
@pytest.mark.parametrize("nulls", [("null", ""), ()])
def test_answers_have_the_types_that_dbt_gives_them(texts, nulls):
    rows = [("1", "null", 2, date(2024, 2, 29)), ("true", "", 2.5, None)]
    names = ["a", "b", "c", "d"]
    found = []
    for module in (as_shipped(agate_helper), agate_helper, agate_helper):
        types = module.build_type_tester({*texts}, string_null_values=nulls)
        table = module.agate.Table(rows, names, column_types=types)
        kinds = [type(kind).__name__ for kind in table.column_types]
        found.append((kinds, [tuple(row) for row in table.rows]))
    assert found[0] == found[1] == found[2]


def test_a_text_is_compiled_once_and_rendered_with_what_it_is_given():
    text = "{{ a }}{% do b.append(a) %}"
    for number in (1, 2):
        given: dict[str, Any] = {"a": number, "b": []}
        template = jinja.get_template(text, given)
        assert jinja.render_template(template, given) == str(number)
        assert given["b"] == [number]
    assert jinja.get_environment() is jinja.get_environment()
    assert jinja.get_environment(native=True) is not jinja.get_environment()
    assert jinja.get_environment(capture_macros=True) is not jinja.get_environment()
    once = jinja.get_template(text, {}).root_render_func.__code__
    assert jinja.get_template(text, {}).root_render_func.__code__ is once


@pytest.mark.parametrize("names", [None, {"a": 1}])
def test_a_name_that_a_template_is_told_of_later_is_known(names):
    text, known = "{% macro say() %}{{ a }}{{ b }}{{ range(2) | list }}{% endmacro %}", {"a": 0}
    template = jinja.get_environment().from_string(text, globals=known)
    module: Any = template.make_module(names)
    known |= {"a": 2, "b": 3}
    assert module.dbt_macro__say() == f"{1 if names else 2}3[0, 1]"
    with pytest.raises(Exception, match="cannot use the shared or locals parameters"):
        jinja.get_environment().from_string("").new_context({}, True)


@pytest.mark.parametrize(("kind", "said"), EVENTS)
def test_the_message_of_an_event_says_what_dbt_says(kind, said):
    event = kind(**said)
    members = {"PROTO_TYPES_MODULE": kind.PROTO_TYPES_MODULE}
    theirs = type(kind.__name__, (as_shipped(base_types).BaseEvent,), members)
    assert event.pb_msg == theirs(**said).pb_msg
    assert event.pb_msg is event.pb_msg
    assert base_types.msg_from_base_event(event).info.name == kind.__name__


def test_listeners_hear_what_they_listen_to(heard):
    for kind, said in EVENTS:
        fire_event(kind(**said))
    assert heard == ["LogStartLine", "JinjaLogInfo"]


def test_a_warning_may_be_an_error(heard):
    get_event_manager().warn_error = True
    with pytest.raises(EventCompilationError, match="not good"):
        warn_or_error(JinjaLogWarning(msg="not good", node_info={}))
    get_event_manager().require_warn_or_error_handling = True
    with pytest.raises(EventCompilationError, match="not good"):
        fire_event(JinjaLogWarning(msg="not good", node_info={}))
    assert heard == []


def test_an_event_that_no_one_hears_costs_nothing(heard, monkeypatch):
    monkeypatch.delattr(base_types.BaseEvent, "pb_msg")
    fire_event(SQLQuery(conn_name="master", sql=object()))
    assert heard == []


def test_listeners_are_told_the_same_data_as_by_dbt():
    told: list[Any] = []
    shortcuts.listen_to(HEARD)
    get_event_manager().add_callback(told.append)
    for kind, said in EVENTS:
        fire_event(kind(**said))
    heard = [kind(**said) for kind, said in EVENTS if kind.__name__ in HEARD]
    wanted = [base_types.msg_from_base_event(event) for event in heard]
    shortcuts.listen_to(())
    assert [each.info.name for each in told] == [each.info.name for each in wanted]
    assert [each.data for each in told] == [each.data for each in wanted]


def test_the_summary_of_a_graph_says_what_dbt_says(built):
    manifest = parse(built)
    found = []
    for module in (as_shipped(compilation), compilation):
        linker = module.Linker()
        linker.link_graph(manifest)
        found.append(json.dumps(linker.get_graph_summary(manifest)))
    assert found[0] == found[1]
    assert '"succ"' in found[0]


def test_a_flag_is_its_callers():
    flag: Any = {"name": "a", "default": True, "docs_url": "b"}
    shipped = as_shipped(behavior_flags)
    shipped.__name__ = behavior_flags.__name__  # as which it knows itself
    found = [
        module.BehaviorFlagRendered(flag, {})._behavior_change_event.flag_source
        for module in (shipped, behavior_flags)
    ]
    assert found == [__name__, __name__]


def test_the_arguments_of_a_run_are_those_of_that_run():
    runs = [SimpleNamespace(which="build", select=[each], vars={}) for each in "ab"]
    for run in (runs[0], runs[0], runs[1], runs[0]):
        said = vars(providers)["args_to_dict"](run)
        assert said == utils_of_dbt.args_to_dict(run)
        said.clear()  # it is the caller's own


def test_an_empty_answer_is_empty():
    theirs, ours = as_shipped(agate_helper).empty_table(), agate_helper.empty_table()
    assert (len(ours.rows), ours.column_names) == (len(theirs.rows), theirs.column_names) == (0, ())
    assert agate_helper.empty_table() is ours
