"""A project with some rows, and clients that insert into its service."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.inserting import Clients, project_with_rows
from tests.support.projects import Project
from tests.support.services import serving


@pytest.fixture(scope="session")
def first(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Built once; `project` is a copy that a test may change."""
    return project_with_rows(tmp_path_factory.mktemp("first"))


@pytest.fixture
def project(first: Project, tmp_path: Path) -> Project:
    return first.copied(tmp_path)


@pytest.fixture
def clients(project: Project) -> Iterator[Clients]:
    with serving(project.settings) as client:
        yield Clients(client)
