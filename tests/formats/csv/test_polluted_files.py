"""Files that are polluted at random: nothing is misread, no clean row is lost, lines add up."""

from pathlib import Path
from random import Random

import pytest

from service.formats.csv import opening, reader
from tests.support import chance
from tests.support.pollutions import polluted
from tests.support.verdicts import faults, read, smallest

FILES, SEEDS = 1_000, 50  # each kind of pollution is in 69 or more
BLOCKS = (64, 200, 1 << 10, 1 << 14)
MOST_BLOCKS = 100
WHOLE = opening.BLOCK


def _block(size: int, random: Random) -> int:
    """The bytes of a block: half of the files are in many."""
    block = random.choice(BLOCKS)
    return max(block, size // MOST_BLOCKS) if random.random() < 0.5 else WHOLE


@pytest.mark.parametrize("seed", range(SEEDS))
def test_what_is_accepted_is_true_and_what_is_clean_is_accepted_and_lines_add_up(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file.csv"
    random = chance.chance(f"polluted files {seed}")
    for number in range(chance.cases(FILES // SEEDS)):
        file = polluted(random)
        block = _block(len(file.content()), random)
        monkeypatch.setattr(reader, "BLOCK", block)
        monkeypatch.setattr(opening, "BLOCK", block)
        wrong = faults(file, read(file, path))
        if wrong:
            least = smallest(file, path, wrong[0].split(":")[0])
            pytest.fail(
                f"file {number} of {seed}, {file}, in blocks of {block} bytes: {wrong[0]};"
                f" as {least.content()[:2000]!r} does ({chance.repeat()})"
            )
        chance.done["polluted files"] += 1
