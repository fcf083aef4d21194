"""The jars that Spark needs beside its own, by name and SHA-256; `jars.txt` has them.

They come from Maven Central by `service/spark/get_jars`, and lie in a folder that is not committed.
"""

import hashlib
from pathlib import Path

LIST = Path(__file__).with_name("jars.txt")
HINT = "`make jars` gets it from Maven Central"


class WrongJar(Exception):
    """A jar is not there, or not the one that it should be; the message says which."""


def check_jars(folder: Path) -> None:
    """Raises WrongJar where `folder` lacks one, or has one of another content or version."""
    wanted = dict(_listed())
    for name, digest in wanted.items():
        jar = folder / name
        if not jar.is_file():
            raise WrongJar(f"{jar} is not there; {HINT}")
        with jar.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != digest:
                raise WrongJar(f"{jar} is damaged, or another one; remove it, and {HINT}")
    for jar in sorted(folder.glob("*.jar")):
        kind = jar.name.rpartition("-")[0]
        if jar.name not in wanted and any(name.startswith(f"{kind}-") for name in wanted):
            raise WrongJar(f"{jar} is of another version than {LIST.name} says; remove it")


def _listed() -> list[tuple[str, str]]:
    """(name of the file, SHA-256 of its bytes)."""
    lines = LIST.read_text().splitlines()
    found = [line.split() for line in lines if line and not line.startswith("#")]
    return [(f"{artifact}-{version}.jar", digest) for _, artifact, version, digest in found]
