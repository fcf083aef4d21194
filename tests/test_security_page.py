"""SECURITY.md names the tests that show what it promises: they are there."""

import ast
import re

from tests.support import CHECKOUT

PAGE = (CHECKOUT / "SECURITY.md").read_text("utf-8")


def test_each_test_that_the_page_names_is_there():
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)
    assert len(named) > 30
    for path, name in named:
        tree = ast.parse((CHECKOUT / path).read_text("utf-8"))
        assert name in {each.name for each in tree.body if isinstance(each, ast.FunctionDef)}, name


def test_each_promise_names_a_test():
    promises = PAGE.split("| promise |")[1].split("\n\n")[0].splitlines()[2:]
    assert all("`tests/" in promise for promise in promises)


def test_readers_are_led_to_the_page():
    assert "(SECURITY.md)" in (CHECKOUT / "README.md").read_text("utf-8")
