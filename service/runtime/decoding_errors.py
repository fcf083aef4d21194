"""What msgspec says of something that does not fit, in words for people."""

import re

TYPES = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "text",
    "array": "a list",
    "object": "an object",
    "null": "null",
    "datetime": "a date and time",
    "date": "a date",
    "bytes": "bytes",
}
SAID = (
    (r"Expected `(?P<wanted>.+?)`(?: (?P<bound>.+?))?, got `(?P<got>.+?)`", "{wanted}{bound} is"
     " needed, not {got}"),
    (r"Expected `(?P<wanted>.+?)` (?P<bound>of length .+|matching .+|[<>]=? .+)", "{wanted}{bound}"
     " is needed"),
    (r"Invalid enum value (?P<value>.+)", "{value} is none of its values"),
    (r"Invalid RFC3339 encoded datetime", "it is no date and time such as 2021-07-27T16:02:08Z"),
    (r"Object missing required field `(?P<value>.+?)`", "{value} is missing"),
    (r"Object contains unknown field `(?P<value>.+?)`", "there is no {value}"),
    (r"Input data was truncated", "it ends too soon"),
    (r"JSON is malformed: (?P<value>.+)", "{value}"),
)  # fmt: skip
BOUNDS = ((r"^>= ", "from "), (r"^<= ", "up to "), (r"^of length ", "of length "))
PLACE = re.compile(r" - at `\$?\.?(?P<place>.*)`$")


def in_words(error: object) -> str:
    """The message of an error without types of Python, with its place in front: ``a.b: …``.

    What is not known stays as it is.
    """
    text, place = str(error), ""
    if found := PLACE.search(text):
        text, place = text[: found.start()], found["place"]
    for pattern, words in SAID:
        if said := re.fullmatch(pattern, text):
            text = words.format(
                **{name: _word(name, value) for name, value in said.groupdict().items()}
            )
            break
    return f"{place}: {text}" if place else text


def _word(name: str, value: str | None) -> str:
    if name == "bound":
        return f" {_bound(value)}" if value else ""
    if name == "value":
        return str(value)
    return " or ".join(TYPES.get(each, each) for each in str(value).split(" | "))


def _bound(text: str) -> str:
    for pattern, words in BOUNDS:
        text = re.sub(pattern, words, text)
    return text.replace("<= ", "up to ").replace(">= ", "from ")
