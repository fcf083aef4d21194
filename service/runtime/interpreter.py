"""How Python itself runs in a process that judges and writes without pause."""

import gc
import sys


def collect_less() -> None:
    """Has Python look for garbage less often.

    What is there now stays; a batch's objects made Python go through all of it time and again,
    which was half of the time that it took.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)


def change_threads_more_often() -> None:
    """DuckDB asks for the interpreter some ten times a statement; as long as a batch is judged, the
    writer waits that long each time (0.005 s by default).
    """
    sys.setswitchinterval(0.00002)
