"""A project with a column of every type, keys and references of many, defaults and normal forms."""

from pathlib import Path
from typing import Any

from tests.support.projects import Project
from tests.support.rows import in_csv
from tests.support.typed_rows import TYPED, as_csv, typed_rows

KEY = "constraints: [{type: primary_key}], data_tests: [not_null, unique]"
RATES = f"""
- {{name: rate, data_type: "numeric(6, 2)", description: Rate., {KEY}}}
- {{name: label, data_type: varchar(10), description: Label.}}
"""
MOMENTS = f"""
- {{name: moment, data_type: timestamptz, description: Moment., {KEY}}}
- {{name: clock, data_type: time, description: Time of day., data_tests: [unique]}}
"""
THINGS = f"""
- {{name: id, data_type: uuid, description: Thing., {KEY}}}
- name: rate
  data_type: decimal(6,2)
  description: Its rate.
  data_tests: [{{relationships: {{arguments: {{to: ref('rates'), field: rate}}}}}}]
- name: moment
  data_type: timestamp with time zone
  description: Its moment.
  data_tests: [{{relationships: {{arguments: {{to: ref('moments'), field: moment}}}}}}]
- name: clock
  data_type: time
  description: Its time of day.
  data_tests: [{{relationships: {{arguments: {{to: ref('moments'), field: clock}}}}}}]
- name: parent
  data_type: varchar(5)
  description: Short.
  data_tests: [unique]
- {{name: doc, data_type: json, description: Whatever.}}
"""
PLACES = """
- name: code
  data_type: varchar(4)
  description: Code.
  constraints: [{type: primary_key}]
  data_tests: [not_null, unique]
  config: {meta: {normalise: [trim, upper]}}
- name: name
  data_type: varchar(12)
  description: Name.
  data_tests: [not_null, not_blank]
  config: {meta: {normalise: [trim, collapse, lower, nfc]}}
- name: amount
  data_type: decimal(6,2)
  description: Amount.
  data_tests: [not_null]
  config: {meta: {default: "1.50"}}
- {name: country, data_type: varchar, description: Country., config: {meta: {default: CH}}}
"""
# As written, and as kept: None where it is kept out.
PLACES_SENT: list[tuple[dict[str, Any], dict[str, Any] | None]] = [
    (
        {"code": " zrh ", "name": "\u00a0Zu\u0308rich\t\n HB  ", "amount": None, "country": None},
        {"code": "ZRH", "name": "zürich hb", "amount": "1.50", "country": "CH"},
    ),
    (
        {"code": "BGO", "name": "bergen", "amount": "2", "country": "NO"},
        {"code": "BGO", "name": "bergen", "amount": "2.00", "country": "NO"},
    ),
    ({"code": "Bgo", "name": "again", "amount": None, "country": None}, None),
    ({"code": "X", "name": "\u3000 \u2003", "amount": None, "country": None}, None),
    ({"code": "Y", "name": "twelve is not", "amount": None, "country": "SE"}, None),
    ({"code": "Z", "name": " ok ", "amount": "nothing", "country": "SE"}, None),
]
THING, OTHER = "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "7ba7b810-9dad-11d1-80b4-00c04fd430c8"


def typed_project(folder: Path) -> Project:
    """Built; all rows of the table `typed` are its history."""
    project = Project(folder)
    project.leave_out_tables()
    csv_said = "{delimiter: ',', quote: '\"', header: true}"
    project.model("typed", TYPED, csv=csv_said)
    project.model("rates", RATES)
    project.model("moments", MOMENTS)
    project.model("things", THINGS, parents="rates moments")
    project.write("typed", as_csv(typed_rows()))
    project.write("rates", "rate,label\n1.5,a\n1.50,b\n20,c\n20.0,c\n")
    project.write(
        "moments",
        "moment,clock\n2021-07-27T16:02:08+02:00,12:00:00\n2021-07-27T14:02:08Z,13:00:00\n"
        "2021-07-28T00:00:00Z,12:00:00.0\n2021-07-28T00:00:00.5Z,12:00:00.5\n",
    )
    project.write(
        "things",
        "id,rate,moment,clock,parent,doc\n"
        f"{THING.upper()},1.500,2021-07-27T16:02:08+02:00,12:00:00.00,abcde,"
        '"{""b"": 1, ""a"": 2}"\n'
        f"{THING},1.5,,,x,\n{OTHER},3,2021-07-29T00:00:00Z,14:00:00,abcdef,[1]\n",
    )
    project.model("places", PLACES)
    project.write("places", in_csv([row for row, _ in PLACES_SENT]))
    project.build()
    return project
