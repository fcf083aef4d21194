"""Where something is kept: a folder, or a URL of object storage."""

import re
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

AZURE, S3, GOOGLE = frozenset({"az", "abfss"}), frozenset({"s3"}), frozenset({"gs"})
SCHEMES = tuple(sorted(AZURE | S3 | GOOGLE))
_begins_as_url = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://").match


class Location:
    """A folder or a URL. It is shown without query and password, where secrets may stand."""

    def __init__(self, said: "str | Path | Location") -> None:
        """`said` is a path, ``file://…``, or a URL of one of SCHEMES.

        Raises:
            ValueError: it is another URL, or one that names no container.
        """
        self.url = ""  # with all that was said: no text for people
        self.folder: Path | None = None
        if isinstance(said, Location):
            self.url, self.folder = said.url, said.folder
        elif isinstance(said, str) and _begins_as_url(said):
            self._take_url(said)
        else:
            self.folder = Path(said)

    def _take_url(self, said: str) -> None:
        parts = urlsplit(said)
        if parts.scheme == "file" and not parts.netloc:
            self.folder = Path(parts.path)
        elif parts.scheme not in SCHEMES:
            raise ValueError(f"expected a folder, or a URL of {', '.join(SCHEMES)}")
        elif not parts.hostname or (parts.scheme == "abfss" and not parts.username):
            raise ValueError(
                "expected abfss://<container>@<account>.dfs.core.windows.net/<folder>"
                if parts.scheme == "abfss"
                else f"expected {parts.scheme}://<container>/<folder>"
            )
        else:
            self.url = said

    @property
    def path(self) -> Path:
        """The folder.

        Raises:
            ValueError: it is a URL.
        """
        if self.folder is None:
            raise ValueError(f"{self} is no folder")
        return self.folder

    @property
    def scheme(self) -> str:
        """The scheme of the URL; empty for a folder."""
        return urlsplit(self.url).scheme

    @property
    def query(self) -> str:
        """What stands behind the ``?`` of the URL: a shared access signature."""
        return urlsplit(self.url).query

    @property
    def plain(self) -> str:
        """The URL without query, fragment and password."""
        parts = urlsplit(self.url)
        host = parts.netloc.rpartition("@")[2]
        user = f"{parts.username}@" if parts.scheme == "abfss" else ""
        return urlunsplit((parts.scheme, user + host, parts.path.rstrip("/"), "", ""))

    def within(self, folder: Path) -> "Location":
        """The same, its path absolute: a relative one starts at `folder`."""
        return self if self.folder is None else Location((folder / self.folder).resolve())

    def is_within(self, other: "Location") -> bool:
        """Whether it is `other`, or lies in it."""
        if self.folder is not None and other.folder is not None:
            return self.folder.is_relative_to(other.folder)
        if self.folder is not None or other.folder is not None:
            return False
        return f"{self.plain}/".startswith(f"{other.plain}/")

    def __str__(self) -> str:
        return self.plain if self.url else str(self.folder)

    def __repr__(self) -> str:
        return f"Location({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Location):
            return (self.url, self.folder) == (other.url, other.folder)
        return isinstance(other, Path) and self.folder == other

    def __hash__(self) -> int:
        return hash((self.url, self.folder))
