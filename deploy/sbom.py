"""Lists what a lock file installs, as CycloneDX 1.6 in JSON: python deploy/sbom.py LOCK.

Each component has its name, version, package URL and the hashes of its files. Needs nothing but
Python, since it runs while an image is made.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;\\]+)")
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def components(lock: str) -> list[dict[str, Any]]:
    """The components of a lock file's text, in its order."""
    found: list[dict[str, Any]] = []
    for line in lock.splitlines():
        if pinned := PINNED.match(line):
            found.append(_component(*pinned.groups()))
        for digest in HASH.findall(line):
            found[-1]["hashes"].append({"alg": "SHA-256", "content": digest})
    return found


def _component(name: str, version: str) -> dict[str, Any]:
    purl = f"pkg:pypi/{re.sub(r'[-_.]+', '-', name).lower()}@{version}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
        "hashes": [],
    }


def document(lock: str) -> dict[str, Any]:
    """The document of a lock file's text."""
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": "gatehouse"}},
        "components": components(lock),
    }


if __name__ == "__main__":
    json.dump(document(Path(sys.argv[1]).read_text("utf-8")), sys.stdout, indent=1)
