"""Work that is done ahead comes in order, as do failures, and ends when nobody wants it."""

import threading
from collections.abc import Iterator

import pytest

from service.runtime.prefetch import ahead


def test_the_next_one_is_made_meanwhile_and_no_more():
    made: list[int] = []
    asked_again = threading.Event()

    def numbers() -> Iterator[int]:
        for number in range(4):
            made.append(number)
            yield number
            asked_again.set()

    taken = ahead(numbers(), 1)
    assert next(taken) == 0
    assert asked_again.wait(10)
    taken.close()
    assert made == [0, 1]


def test_a_failure_comes_in_its_turn():
    def numbers() -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError("three")

    taken = ahead(numbers(), 1)
    assert [next(taken), next(taken)] == [1, 2]
    with pytest.raises(ValueError, match="three"):
        next(taken)


def test_once_closed_nothing_is_asked_for_any_more():
    over = threading.Event()

    def numbers() -> Iterator[int]:
        try:
            yield from range(1000)
        finally:
            over.set()

    taken = ahead(numbers(), 1)
    next(taken)
    taken.close()
    assert over.is_set()
