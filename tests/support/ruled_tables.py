"""Tables with every type of column and kind of rule, for whoever compares two judges."""

from tests.support.projects import Project

CITIES = """
- name: code
  data_type: varchar
  description: Short name.
  constraints: [{type: primary_key}]
  data_tests: [not_null, unique, {max_length: {arguments: {length: 255}}}]
- name: country
  data_type: varchar
  description: No rule at all.
"""
EVERYTHING = """
- name: id
  data_type: bigint
  description: A number of 64 bits, negative ones too.
  constraints: [{type: primary_key}]
  data_tests: [unique, not_null]
- name: size
  data_type: integer
  description: A range with both ends.
  data_tests: [{in_range: {arguments: {min: -5, max: 2147483646}}}]
- name: distance
  data_type: bigint
  description: A range with an upper end.
  data_tests: [{in_range: {arguments: {max: 9223372036854775806}}}]
- name: ratio
  data_type: double
  description: A range of fractions.
  data_tests: [not_null, {in_range: {arguments: {min: -1.5, max: 1.0e+30}}}]
- name: weight
  data_type: double
  description: No rule at all.
- name: flag
  data_type: boolean
  description: Required.
  data_tests: [not_null]
- name: mark
  data_type: boolean
  description: Not required.
- name: day
  data_type: date
  description: Required.
  data_tests: [not_null]
- name: moment
  data_type: timestamp
  description: In UTC.
  data_tests: [not_null, utc_datetime]
- name: local_moment
  data_type: timestamp
  description: With any offset, or none.
- name: label
  data_type: varchar
  description: Short, and not blank.
  data_tests: [not_blank, not_null, {max_length: {arguments: {length: 5}}}]
- name: note
  data_type: varchar
  description: No rule at all.
- name: colour
  data_type: varchar
  description: One of few.
  data_tests: [{accepted_values: {arguments: {values: [red, "it's", "grün, hell", " ", '"']}}}]
- name: grade
  data_type: integer
  description: One of few numbers.
  data_tests: [{accepted_values: {arguments: {values: [1, 2, 8], quote: false}}}]
- name: code
  data_type: varchar
  description: Unique, and not required.
  data_tests: [unique]
- name: serial
  data_type: integer
  description: Unique, not required, may be negative.
  data_tests: [unique]
- name: department_id
  data_type: integer
  description: A reference to numbers.
  data_tests: [{relationships: {arguments: {to: ref('departments'), field: id}}}]
- name: city
  data_type: varchar
  description: A reference to texts.
  data_tests: [not_null, {relationships: {arguments: {to: ref('cities'), field: code}}}]
"""

OWN_KINDS = """
{% test no_multiple_of(model, column_name, n) %}
{{ rows_that_break(model, rule_no_multiple_of(column_name, n), column_name) }}
{% endtest %}
{% macro rule_no_multiple_of(column, n) %}{{ column }} % {{ n }} <> 0 -- 0 is one{% endmacro %}

{% test apart(model, one, other) %}{{ rows_that_break(model, rule_apart(one, other)) }}{% endtest %}
{% macro rule_apart(one, other) %}{{ return(one ~ ' <> ' ~ other) }}{% endmacro %}
"""
RULED = """
- name: id
  data_type: integer
  description: Number.
  constraints: [{type: primary_key}]
  data_tests: [not_null, unique]
- name: size
  data_type: integer
  description: A kind of one's own, and an expression.
  data_tests:
    - no_multiple_of: {arguments: {n: 7}}
    - no_multiple_of: {arguments: {n: 11}, config: {where: "weight > 0 or day is null"}}
    - expression_is_true: {arguments: {expression: "* 250000::bigint < 2000000000"}}
    - in_range: {arguments: {max: 5000}, config: {severity: warn}}
- name: weight
  data_type: double
  description: Without its bounds.
  data_tests:
    - accepted_range: {arguments: {min_value: -9.0e+8, max_value: 9.0e+8, inclusive: false}}
- name: code
  data_type: varchar
  description: Of a form, and not too short.
  data_tests:
    - matches: {arguments: {regex: "(?i)[^0-9'\\"]*[a-züß京]"}}
    - min_length: {arguments: {length: 3}}
- name: day
  data_type: date
  description: A range of days, and none of two.
  data_tests:
    - in_range: {arguments: {min: "0100-01-01", max: "9899-12-31"}}
    - expression_is_true:
        arguments: {expression: "not in (date '2021-02-28', date '2024-02-29')"}
        description: No such day.
- name: moment
  data_type: timestamp
  description: Passed, and in the second half of a year where there is a label.
  data_tests:
    - not_in_future
    - in_range: {arguments: {min: "2021-06-01T00:00:00Z"}, config: {where: "label = 'a b'"}}
    - utc_datetime: {config: {where: "label = 'Öl'"}}
    - utc_datetime: {name: moment_told, config: {severity: warn, where: "label = '東京'"}}
- name: flag
  data_type: boolean
  description: One of one.
  data_tests: [{accepted_values: {arguments: {values: [true]}}}]
- name: label
  data_type: varchar
  description: Only needed of heavy ones.
  data_tests:
    - not_null: {config: {where: "weight > 5e8"}}
    - not_blank: {config: {severity: warn}}
"""
ROW_RULES = """[
      history_accounted_for,
      {apart: {arguments: {one: label, other: code}}},
      {expression_is_true:
        {arguments: {expression: "not (flag and size < 0)"}, config: {where: "id > 50"}}},
      {expression_is_true: {name: fails, config: {where: "size % 2 = 0"}, arguments: {
        expression: "case when id % 40 = 0 then coalesce(cast(code as integer), id) > 0 end"}}},
      {expression_is_true: {name: fails_where, arguments: {expression: "id % 60 <> 0"},
        config: {where: "case when id % 30 = 0 then cast(label as integer) > 0 end"}}},
      {expression_is_true: {name: fails_and_warns, config: {severity: warn}, arguments: {
        expression: "case when id % 40 = 1 then coalesce(cast(label as date), day) > day end"}}},
      {expression_is_true: {arguments: {expression: "code is not null or day is null"},
        description: "A row with a day has a code.", config: {severity: warn}}}]"""
EXACT = """
- name: id
  data_type: uuid
  description: Key.
  constraints: [{type: primary_key}]
  data_tests: [not_null, unique]
- name: level
  data_type: tinyint
  description: A range, and a kind of one's own.
  data_tests: [{in_range: {arguments: {min: -9, max: 99}}}, {no_multiple_of: {arguments: {n: 7}}}]
- name: size
  data_type: smallint
  description: One of few.
  data_tests: [not_null, {accepted_values: {arguments: {values: [1, -2, 32767], quote: false}}}]
- name: price
  data_type: decimal(10,2)
  description: A range, and an expression.
  data_tests:
    - in_range: {arguments: {min: -999.5, max: 9999.25}}
    - expression_is_true: {arguments: {expression: "<> 1.10"}, config: {where: "level < 50"}}
    - in_range: {arguments: {min: 0}, config: {severity: warn}}
- name: number
  data_type: decimal(10,2)
  description: Unique, and not required.
  data_tests: [unique]
- name: other
  data_type: uuid
  description: One that is none.
  data_tests: [{expression_is_true: {arguments: {
    expression: "<> uuid '123e4567-e89b-12d3-a456-426614174000'"}}}]
- name: clock
  data_type: time
  description: Required in the morning's shift.
  data_tests:
    - not_null: {config: {where: "label = 'a b'"}}
    - expression_is_true: {arguments: {expression: "< time '23:59:59'"}}
- name: moment
  data_type: timestamp with time zone
  description: Passed.
  data_tests: [not_in_future]
- name: label
  data_type: varchar(5)
  description: Short.
  data_tests: [not_blank]
"""
ADJUSTED = """
- name: id
  data_type: bigint
  description: Key.
  constraints: [{type: primary_key}]
  data_tests: [not_null, unique]
- name: country
  data_type: varchar(6)
  description: One of few, whatever its letters.
  data_tests: [not_null, {accepted_values: {arguments: {values: [CH, "ÖL", "東京", A B]}}}]
  config: {meta: {default: CH, normalise: [trim, upper]}}
- name: title
  data_type: varchar
  description: In one form.
  data_tests: [not_blank, {max_length: {arguments: {length: 12}}}]
  config: {meta: {normalise: [nfc, collapse, trim, lower]}}
- name: code
  data_type: varchar
  description: Unique in one form.
  data_tests: [unique]
  config: {meta: {normalise: [trim, lower]}}
- name: price
  data_type: decimal(10,2)
  description: Has a default that fits.
  data_tests: [not_null, {in_range: {arguments: {min: -999.5, max: 9999.25}}}]
  config: {meta: {default: 0.50}}
- name: day
  data_type: date
  description: Has a default.
  data_tests: [not_null]
  config: {meta: {default: "2021-01-02"}}
- name: more
  data_type: json
  description: Required.
  data_tests: [not_null]
- name: settings
  data_type: json
  description: Has a default.
  config: {meta: {default: '{"b": [1, "x"], "a": 1.50}'}}
"""


def add_to(project: Project) -> None:
    """Adds the tables, and kinds of rules of the project's own."""
    project.model("cities", CITIES)
    project.model("everything", EVERYTHING, parents="departments cities")
    project.model("ruled", RULED)
    project.model("exact", EXACT)
    project.model("adjusted", ADJUSTED)
    project.change("ruled", "[history_accounted_for]", ROW_RULES)
    (project.folder / "dbt_project" / "macros" / "own_kinds.sql").write_text(OWN_KINDS)
