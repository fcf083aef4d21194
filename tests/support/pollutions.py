"""What may be done to a file: each pollution says whether what it touches may still be accepted.

And as what.
"""

from collections.abc import Callable
from dataclasses import replace
from random import Random

from tests.support.polluted import (
    MAX_QUOTED,
    Item,
    Polluted,
    fill,
    look_of,
    size_of,
    values_of,
)

Pollution = Callable[[Polluted, Random], None]
POLLUTIONS: dict[str, Pollution] = {}


def pollution(function: Pollution) -> Pollution:
    """Registers one."""
    POLLUTIONS[function.__name__.strip("_")] = function
    return function


def _some(file: Polluted, random: Random, most: int = 2) -> list[Item]:
    """One row or some that are to be polluted."""
    rows = file.rows()
    chosen = random.sample(rows, min(len(rows), random.randint(1, most)))
    for i in chosen:
        file.items[i].polluted = True
        file.items[i].must = False
    return [file.items[i] for i in chosen]


def _name(file: Polluted, item: Item) -> str:
    assert item.values is not None
    return item.values[1]


def _renamed(file: Polluted, item: Item, name: str) -> tuple[str, ...]:
    assert item.values is not None
    return (item.values[0], name, *item.values[2:])


def _stray(file: Polluted, item: Item, before: str, after: str) -> None:
    """Puts marks around a plain name that stands in no quotes."""
    plain = _renamed(file, item, "Bo")
    fields = file.line(plain).split(file.look.delimiter)
    at = file.order.index(1)
    fields[at] = before + "Bo" + after
    item.text = file.look.delimiter.join(fields)
    item.values = _renamed(file, item, before + "Bo" + after)
    item.quote = True


@pollution
def _quote_opens(file: Polluted, random: Random) -> None:
    for item in _some(file, random):
        _stray(file, item, file.look.quote, "")


@pollution
def _quote_closes(file: Polluted, random: Random) -> None:
    for item in _some(file, random):
        _stray(file, item, "", file.look.quote)


@pollution
def _quote_within(file: Polluted, random: Random) -> None:
    for item in _some(file, random):
        _stray(file, item, "x" + file.look.quote, "")


@pollution
def _text_with_breaks(file: Polluted, random: Random) -> None:
    for item in _some(file, random):
        lines = "\n".join(
            random.choice(("", "a", "b c", "- d")) for _ in range(random.randint(2, 9))
        )
        item.values = _renamed(file, item, f"note:\n{lines}\nend")
        item.text = file.line(item.values)
        item.must = True


@pollution
def _text_like_records(file: Polluted, random: Random) -> None:
    for item in _some(file, random):
        lines = "\n".join(
            _plain(file, str(900_000 + i), random) for i in range(random.randint(1, 6))
        )
        ends = random.choice(("see:\n{}", "see:\n{}\nend", "{}\nend"))
        item.values = _renamed(file, item, ends.format(lines))
        item.text = file.line(item.values)
        item.quote = True


def _plain(file: Polluted, number: str, random: Random) -> str:
    values = (number, "Eve", *values_of(file.look, 1, random)[2:])
    return file.look.delimiter.join(values[i] for i in file.order)


@pollution
def _separator_too_many(file: Polluted, random: Random) -> None:
    for item in _some(file, random):
        fields = _fields(file, item)
        at = random.randint(0, len(fields))
        item.may = at == len(fields)
        fields.insert(at, "")
        item.text = file.look.delimiter.join(fields)


def _fields(file: Polluted, item: Item) -> list[str]:
    assert item.values is not None
    item.values = _renamed(file, item, random_name(item))
    return file.line(item.values).removesuffix(file.look.delimiter).split(file.look.delimiter)


def random_name(item: Item) -> str:
    """A name that is one word, by which a line can be cut."""
    return f"Word{len(item.text)}"


@pollution
def _separator_too_few(file: Polluted, random: Random) -> None:
    for item in _some(file, random):
        fields = _fields(file, item)
        at = random.randrange(len(fields) - 1)
        fields[at : at + 2] = ["".join(fields[at : at + 2])]
        item.text = file.look.delimiter.join(fields)


@pollution
def _ragged(file: Polluted, random: Random) -> None:
    for item in _some(file, random, 4):
        fields = _fields(file, item)
        if random.random() < 0.5:
            del fields[random.randrange(1, len(fields)) :]
        else:
            fields += random.sample(("x", "7", "2021-01-01"), random.randint(1, 3))
        item.text, item.may = file.look.delimiter.join(fields), False


@pollution
def _other_delimiter(file: Polluted, random: Random) -> None:
    for item in _some(file, random):
        other = random.choice([each for each in ",;\t| " if each != file.look.delimiter])
        item.text = other.join(_fields(file, item))


@pollution
def _title(file: Polluted, random: Random) -> None:
    lines = random.sample(
        ("Employees", "As of 2021-11-30", "Report for HR: all sites"), random.randint(1, 2)
    )
    if random.random() < 0.3:
        lines = [line + file.look.delimiter * (len(file.order) - 1) for line in lines]
    if random.random() < 0.3:
        lines.append("")
    at = file.first_row()
    file.items[at:at] = [Item(text, "title", must=False, may=False) for text in lines]


@pollution
def _comments(file: Polluted, random: Random) -> None:
    lines = random.sample(("# exported by a tool", "# 2021-11-30", "#"), random.randint(1, 3))
    at = file.first_row()
    file.items[at:at] = [Item(text, "comment", must=False, may=False) for text in lines]


@pollution
def _blank_lines(file: Polluted, random: Random) -> None:
    for _ in range(random.randint(1, 4)):
        text = random.choice(("", "", " "))
        _put(file, Item(text, "blank", must=False, may=False), random)


@pollution
def _only_delimiters(file: Polluted, random: Random) -> None:
    for _ in range(random.randint(1, 4)):
        text = file.look.delimiter * (len(file.order) - 1)
        _put(file, Item(text, "blank", must=False, may=False), random)


def _put(file: Polluted, item: Item, random: Random) -> None:
    file.items.insert(random.randint(file.first_row(), len(file.items)), item)


@pollution
def _header_again(file: Polluted, random: Random) -> None:
    headers = [each for each in file.items if each.kind == "header"]
    for _ in range(random.randint(1, 2) if headers else 0):
        at = random.randint(file.first_row() + 1, len(file.items))
        file.items.insert(at, Item(headers[0].text, "header", must=False, may=False))


@pollution
def _total(file: Polluted, random: Random) -> None:
    values = [random.choice(("", str(random.randint(1, 999)))) for _ in file.order]
    values[0] = random.choice(("Total", "Sum:", "SUBTOTAL"))
    text = file.look.delimiter.join(values[i] for i in file.order)
    file.items.append(Item(text, "total", must=False, may=False))


@pollution
def _trailing(file: Polluted, random: Random) -> None:
    """Was done when the lines were written."""


@pollution
def _nul(file: Polluted, random: Random) -> None:
    for item in _some(file, random):
        item.values = _renamed(file, item, "N\x00l")
        item.text = file.line(item.values)


@pollution
def _stray_bytes(file: Polluted, random: Random) -> None:
    if file.look.encoding != "utf-8" or len(file.rows()) < 5:
        return
    for item in _some(file, random, 1):
        item.values = _renamed(file, item, "Caf\udce9")
        item.text = file.line(item.values)
    # Others show that the file is UTF-8: with less there are two readings.
    for i in random.sample(file.rows(), min(len(file.rows()), 4)):
        item = file.items[i]
        item.polluted = True  # so that nothing else takes their place
        item.values = _renamed(file, item, "Éléonore")
        item.text = file.line(item.values)


@pollution
def _dos_end(file: Polluted, random: Random) -> None:
    encoding = file.look.encoding.replace("-sig", "").replace("utf-16", "utf-16-le")
    encoding = encoding.replace("-le-le", "-le").replace("-le-be", "-be")
    file.tail = "\x1a".encode(encoding)
    if file.final_newline:
        file.items.append(Item("\x1a", "end", must=False, may=False))
        file.final_newline, file.tail = False, b""
    else:
        file.items[-1].must = False


@pollution
def _no_final_newline(file: Polluted, random: Random) -> None:
    file.final_newline = False


@pollution
def _huge_text(file: Polluted, random: Random) -> None:
    if random.random() > 0.05:
        return
    for item in _some(file, random, 1):
        line = random.choice(("x" * 99, _plain(file, "900000", random)))
        name = "\n".join([line] * (MAX_QUOTED // len(line) + 9))
        item.values = _renamed(file, item, random.choice((name, "y" * MAX_QUOTED + "z")))
        item.text, item.quote = file.line(item.values), True


def polluted(random: Random) -> Polluted:
    """A file with one to three kinds of pollution."""
    look = look_of(random)
    kinds = random.sample(sorted(POLLUTIONS), random.choice((1, 1, 2, 3)))
    if "trailing" in kinds:
        look = replace(look, trailing=random.choice(("all", "some")))
    order = list(range(len(look.expected)))
    if look.header == "reordered":
        random.shuffle(order)
    file = Polluted(look, order, [], kinds)
    fill(file, size_of(random), random)
    for kind in kinds:
        POLLUTIONS[kind](file, random)
    return file
