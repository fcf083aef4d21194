"""What others made for pages is, to the byte, what their packages hold."""

from service.console.static_files import FOLDER
from service.console.vendoring import digest, vendored

OURS = {
    "app.css",
    "app.js",
    "differences.css",
    "grid.css",
    "grid.js",
    "icon.svg",
    "try.css",
    "try.js",
}


def test_each_file_is_that_of_its_package():
    for package in vendored():
        assert package["sha512"].startswith("sha512-")
        assert package["license"]
        for file in package["files"]:
            content = (FOLDER / file["name"]).read_bytes()
            assert digest("sha384", content) == file["sha384"], file["name"]


def test_there_is_nothing_else_that_is_not_ours():
    taken = {file["name"] for package in vendored() for file in package["files"]}
    assert {path.name for path in FOLDER.iterdir()} == OURS | taken
