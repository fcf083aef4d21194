"""What hostile tests share: a service to be asked by all of them."""

from collections.abc import Iterator

import pytest

from tests.api.door import Door, open_door


@pytest.fixture(scope="module")
def door(built, tmp_path_factory) -> Iterator[Door]:
    """A service that the tests of a module share."""
    with open_door(built, tmp_path_factory.mktemp("hostile")) as door:
        yield door
