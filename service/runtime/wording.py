"""Numbers of things in messages, in the singular where there is one."""


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """``0 rows``, ``1 row``, ``2,000 rows``; `plural` is for nouns that take more than an "s"."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"
