"""dbt's docs site as one page, which works from a disk, from a static host, and within a policy.

``dbt docs generate --static`` makes such a page, too. Ours has no favicon that is not there, says
when it was made, names no folder of this machine, and its data cannot end the script they are in.
"""

import base64
import gzip
import hashlib
import json
import re
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from service.dbt.cancelling import Cancel
from service.dbt.runner import (
    BuildFailed,
    BuildResult,
    build_offline,
    one_at_a_time,
    parse,
    run,
)
from service.dbt.writers_lock import NoLock, WritersLock
from service.dictionary import DictionaryError
from service.runtime.clock import utc_now
from service.runtime.durable_files import READABLE, make_folder, write_whole
from service.runtime.settings import Settings, SettingsError, load_settings

# What is compiled, and looked up in the warehouse: data tests are shown without their SQL.
GENERATE = (
    *("docs", "generate", "--select"),
    *("resource_type:model", "resource_type:seed", "resource_type:source"),
)
OVERVIEW = "doc.{project}.__overview__"
MACHINE = ("build_path", "compiled_path", "root_path", "patch_path")  # paths of this machine
# AngularJS is told to do without eval, and not to ask for a picture before it knows its name.
PATCHES = {
    '<html dir="ltr"': '<html ng-csp="no-unsafe-eval" dir="ltr"',
    "${require('./assets/favicons/favicon.ico')}": "data:,",
    '<use xlink:href="{{': '<use ng-attr-xlink:href="{{',
}
# The page's only script may run, and speak to no one. Its styles are its own, set by its script.
POLICY = (
    "default-src 'none'; script-src '{script}'; style-src 'unsafe-inline'; font-src data:; "
    "img-src data:; connect-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; sandbox allow-scripts allow-popups allow-downloads "
    "allow-top-navigation-by-user-activation"
)


class DocsPage(msgspec.Struct, frozen=True):
    """The page, compressed by gzip, and what is sent with it."""

    gzipped: bytes
    etag: str  # of the text, with its quotes (RFC 9110, section 8.8.3)
    policy: str  # its Content-Security-Policy

    @property
    def html(self) -> bytes:
        """The text of the page, in UTF-8."""
        return gzip.decompress(self.gzipped)


def generate(settings: Settings, lock: WritersLock, cancel: Cancel) -> DocsPage:
    """The page of the project and of its warehouse, as both are now.

    Waits for what dbt does in this process, and writes nothing into the warehouse.

    Raises:
        BuildFailed: dbt cannot read the project, or not look into the warehouse.
        Cancelled: `cancel` was asked for.
    """
    with one_at_a_time:
        cancel.check()
        manifest = parse(settings)
        made = BuildResult("docs", "queued")
        run(
            settings,
            made,
            lock,
            lambda node: None,
            what=GENERATE,
            project=manifest,
            cancel=cancel,
        )
        if made.status != "done":
            cancel.check()
            raise BuildFailed(made.message or "dbt reports a failure")
        nodes = manifest.writable_manifest().to_dict(omit_none=False)
        catalog = json.loads((settings.target / "catalog.json").read_text("utf-8"))
    return page_of(nodes, catalog, utc_now())


def page_of(manifest: Mapping[str, Any], catalog: Mapping[str, Any], now: datetime) -> DocsPage:
    """dbt's page with these artefacts in it; `now`, in UTC, goes into the overview."""
    from dbt.task.docs import DOCS_INDEX_FILE_PATH

    text = Path(DOCS_INDEX_FILE_PATH).read_text("utf-8")
    data = {"MANIFEST": _shown(manifest, now), "CATALOG": catalog}
    inlined = {f'"{name}.JSON INLINE DATA"': _inline(value) for name, value in data.items()}
    for old, new in {**PATCHES, **inlined}.items():
        if old not in text:
            raise BuildFailed(f"the docs page of this version of dbt has no {old}")
        text = text.replace(old, new)
    html = text.encode()
    return DocsPage(
        gzip.compress(html, compresslevel=6, mtime=0),
        f'"{hashlib.sha256(html).hexdigest()[:32]}"',
        POLICY.format(script=f"sha256-{_digest(_only_script(text))}"),
    )


def _shown(manifest: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The manifest without what is no one's business, and with the time in its overview."""
    shown = {key: _without_paths(value) for key, value in manifest.items()}
    shown["metadata"] = {**manifest["metadata"], "user_id": None, "env": {}}
    name = OVERVIEW.format(project=manifest["metadata"]["project_name"])
    if overview := shown["docs"].get(name):
        made = f"\n\nThese pages were made at {now:%Y-%m-%d %H:%M} UTC."
        text = {**overview, "block_contents": overview["block_contents"] + made}
        shown["docs"] = {**shown["docs"], name: text}
    return shown


def _without_paths(part: Any) -> Any:
    if not isinstance(part, dict):
        return part
    return {
        key: {name: None if name in MACHINE else value for name, value in node.items()}
        if isinstance(node, dict)
        else node
        for key, node in part.items()
    }


def _inline(data: Any) -> str:
    """JSON that may stand in a script: what would end it, or begin a comment, is escaped."""
    return json.dumps(data, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")


def _only_script(html: str) -> str:
    """The text of the page's script that is there for a browser to run."""
    begins = re.search(r"<script[^>]*>", html)
    if begins is None:
        raise BuildFailed("the docs page of this version of dbt has no script")
    return html[begins.end() : html.index("</script>", begins.end())]


def _digest(text: str) -> str:
    """Base64 of the SHA-256, as CSP Level 3, section 2.3.1, wants it."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def write_site(folder: Path, settings: Settings) -> Path:
    """Writes the page into ``<folder>/dictionary/dbt/index.html``, where no service runs.

    Builds the warehouse where there is none.

    Raises:
        BuildFailed: it cannot be built, or looked into; a service may have it open.
    """
    if not settings.warehouse.exists():
        built = build_offline(settings)
        if built.status != "done":
            raise BuildFailed(built.message or "dbt reports a failure")
    page = generate(settings, NoLock(), Cancel())
    path = folder / "dictionary" / "dbt" / "index.html"
    make_folder(path.parent, READABLE)
    write_whole(path, page.html, 0o666)
    return path


if __name__ == "__main__":
    try:
        write_site(Path(sys.argv[1]), load_settings())
    except (BuildFailed, DictionaryError, SettingsError) as error:
        sys.exit(f"dbt's docs: {error}")
