"""What others made for pages: which package and version, to the byte, and how to take it anew.

``make vendor`` does that by npm; tests hash the files that are committed. ``vendor.json`` says what
there is: the SHA-512 of each package is the one that npm's registry promises, the SHA-384 of each
file is that of the file beside our own in ``static/``.
"""

import base64
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from service.console.static_files import FOLDER

LIST = Path(__file__).with_name("vendor.json")


def vendored() -> list[dict[str, Any]]:
    """The packages: name, version, licence, sha512, and files (path in it, name here, sha384)."""
    packages: list[dict[str, Any]] = json.loads(LIST.read_text("utf-8"))
    return packages


def digest(algorithm: str, content: bytes) -> str:
    """As npm and browsers write it: the algorithm, and the digest in base64."""
    return f"{algorithm}-{base64.b64encode(hashlib.new(algorithm, content).digest()).decode()}"


def take(package: dict[str, Any]) -> dict[str, Any]:
    """Puts the files of a package into ``static/``; what is to be said of it now.

    Raises:
        ValueError: it is not the package that the registry promises.
    """
    wanted = f"{package['package']}@{package['version']}"
    promised = json.loads(_npm("view", wanted, "dist.integrity", "--json"))
    with tempfile.TemporaryDirectory() as folder:
        (said,) = json.loads(_npm("pack", wanted, "--json", "--pack-destination", folder))
        packed = (Path(folder) / said["filename"]).read_bytes()
        if digest("sha512", packed) != promised:
            raise ValueError(f"{wanted} is not what the registry promises")
        with tarfile.open(Path(folder) / said["filename"]) as archive:
            files = [_put(archive, each) for each in package["files"]]
    return {**package, "sha512": promised, "files": files}


def _put(archive: tarfile.TarFile, file: dict[str, str]) -> dict[str, str]:
    member = archive.extractfile(f"package/{file['path']}")
    assert member, file
    content = member.read()
    (FOLDER / file["name"]).write_bytes(content)
    return {**file, "sha384": digest("sha384", content)}


def _npm(*arguments: str) -> str:
    return subprocess.run(("npm", *arguments), check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    packages = [take(each) for each in vendored()]
    LIST.write_text(json.dumps(packages, indent=2, ensure_ascii=False) + "\n", "utf-8")
    sys.stdout.writelines(f"{each['package']} {each['version']}\n" for each in packages)
