"""A page of HTML as a test looks at it: whether it is well formed, what it says, what it loads."""

from collections.abc import Sequence
from html.parser import HTMLParser

VOID = {"br", "hr", "img", "input", "link", "meta", "rect", "path", "wbr"}
# Attributes whose values a browser follows.
FOLLOWED = {"href", "src", "action", "formaction", "poster", "data", "srcset", "ping"}


class Page(HTMLParser):
    """A page, read once; raises AssertionError where its elements do not nest.

    `html` is the source, `text` has its words with single spaces, `links` the values of attributes
    that lead elsewhere with the element's name, `ids` its places.
    """

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.html = html
        self.open: list[str] = []
        self.pieces: list[str] = []
        self.links: list[tuple[str, str]] = []
        self.ids: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.elements: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == [], f"never closed: {self.open}"
        self.text = " ".join(" ".join(self.pieces).split())

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names), f"{tag} has an attribute twice"
        for name, value in attrs:
            self.attributes.append((tag, name))
            if name == "id":
                self.ids.append(value or "")
            if name in FOLLOWED:
                self.links.append((tag, value or ""))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert tag not in VOID, f"</{tag}>"
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1] == tag, f"</{tag}> closes <{self.open[-1]}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)
