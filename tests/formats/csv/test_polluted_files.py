"""Files that are polluted at random: nothing is misread, no clean row is lost, lines add up."""

from pathlib import Path

import pytest

from service.formats.csv import opening, reader
from tests.support import chance
from tests.support.polluted import polluted
from tests.support.verdicts import faults, read, smallest

FILES, SEEDS = 5_000, 50
BLOCKS = (64, 200, 1 << 10, 1 << 14)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_what_is_accepted_is_true_and_what_is_clean_is_accepted_and_lines_add_up(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file.csv"
    random = chance.chance(f"polluted files {seed}")
    whole = reader.BLOCK
    for number in range(chance.cases(FILES // SEEDS)):
        file = polluted(random)
        block = random.choice((*BLOCKS, whole, whole, whole, whole))
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
