"""docs/console.md has a picture of every page, and no other picture is kept."""

import re

from service.console.pages import FOLDER_OF_TEMPLATES
from tests.screenshots import FOLDER, PICTURES
from tests.support import CHECKOUT

PAGE = (CHECKOUT / "docs" / "console.md").read_text("utf-8")
SHOWN = set(re.findall(r"screenshots/([\w-]+)\.webp", PAGE))
NO_PAGES = {"base", "again"}  # what all have in common, and a way to another one
LARGEST = 60_000  # bytes


def test_each_page_has_a_picture():
    templates = {path.stem for path in FOLDER_OF_TEMPLATES.glob("[!_]*.html")}
    assert set(PICTURES) == templates - NO_PAGES
    assert set(PICTURES.values()) <= SHOWN


def test_each_picture_is_there_is_shown_and_is_small():
    assert {path.stem for path in FOLDER.glob("*.webp")} == SHOWN
    assert [path.name for path in FOLDER.iterdir() if path.stat().st_size > LARGEST] == []
