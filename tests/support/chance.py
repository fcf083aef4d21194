"""Where the chance of these tests comes from, so that what failed can be done again.

GATEHOUSE_FUZZ_SEED is the seed (else always the same, so that the tests are; `new` draws one; it is
told at the end), GATEHOUSE_FUZZ_CASES multiplies the cases: `make fuzz` sets both. They are taken
out of the environment: they are no settings.
"""

import os
from collections import Counter
from random import Random


def _seed(said: str) -> int:
    return int.from_bytes(os.urandom(4)) if said == "new" else int(said or 1)


SEED = _seed(os.environ.pop("GATEHOUSE_FUZZ_SEED", ""))
TIMES = float(os.environ.pop("GATEHOUSE_FUZZ_CASES", "") or 1)

done: Counter[str] = Counter()  # how many cases of each kind there were


def cases(number: int) -> int:
    """How many cases to try where `number` are enough for CI."""
    return max(1, int(number * TIMES))


def chance(name: str) -> Random:
    """Random numbers that depend on the seed and on `name` only, whatever else runs."""
    return Random(f"{SEED} {name}")


def repeat() -> str:
    """For the message of a failure."""
    return f"GATEHOUSE_FUZZ_SEED={SEED}"
