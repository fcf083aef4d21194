"""What the OpenAPI document says of the service as a whole: licence, server, subjects, keys."""

from typing import Any

from service import __version__

ABOUT = (
    "Rows come in by one rulebook, the dictionary: each that does not fit is kept out, with every "
    "reason. `/dictionary/` shows it to people: tables, columns, each rule in words.\n\n"
    "Errors are problem documents (RFC 9457). HEAD is wherever GET is. The answer to a GET has an "
    "`ETag`, and is 304 where `If-None-Match` names it; it is compressed by gzip or zstd where "
    "`Accept-Encoding` allows that. Moments are those of RFC 3339 whose offset is zero."
)
SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
SUBJECTS = {
    "tables": "The dictionary: tables, columns, rules and contracts.",
    "rows": "Rows, in and out: by batches and by files.",
    "loads": "What came in, and what became of it.",
    "rejections": "Rows that were kept out, with every reason; corrected, tried again, dismissed.",
    "audit": "Whether what is stored follows from what is on record.",
    "backups": "Avro files to go back to: made, taken in, verified, restored.",
    "lake": "Every change, for other engines and programs.",
    "builds": "Runs of dbt inside the service.",
    "copies": "Copies of the warehouse for other programs.",
    "reports": "Answers that are made of the tables.",
    "hooks": "Who is told of what happens, and what became of it.",
    "keys": "Keys and their roles.",
    "trail": "Who did what, and when.",
    "health": "Whether it lives and can do its work, and what it counts.",
    "about": "Where everything is, this document, and dbt's docs.",
    "pages": "Pages for people, and what they load.",
}


def general() -> dict[str, Any]:
    """The members of the document beside its paths and components."""
    return {
        "info": {
            "title": "Gatehouse",
            "version": __version__,
            "description": ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
            "contact": {"name": "The Gatehouse authors"},
        },
        "servers": [{"url": "/", "description": "The service that has this document."}],
        "tags": [{"name": name, "description": said} for name, said in SUBJECTS.items()],
    }
