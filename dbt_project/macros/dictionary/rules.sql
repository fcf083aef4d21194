{#-
    The rule kinds, in SQL. Each macro rule_<kind>(name, args, text, type) of kinds_of_rules() answers
      violated: a condition on the read value {{ name }} (and on what was written, {{ text }}),
      message:  an expression that says so,
      types:    those of the columns that it can be a rule of; without it of any
      unfit:    but those,
      of_rows:  whether it is of the row as a whole,
      lacks:    what is missing among its arguments, if anything is,
    and is never asked about a value that is NULL or cannot be read: that is not_null's and type's
    to say. service/dictionary/rules.py says the same in Python, where that is quicker; tests/ looks for
    the row on which they differ.

    A kind of one's own is a macro rule_<kind>(column, …) that answers a predicate, as text: true, or
    NULL, of a row that fits. `column` is quoted; a rule of the row as a whole has none. See docs/rules.md.
    A kind that has no macro fails the build.
-#}
{% macro kinds_of_rules() -%}
    {{ return([
        'not_null', 'not_blank', 'min_length', 'max_length', 'matches', 'in_range', 'accepted_values',
        'not_in_future', 'utc_datetime', 'unique', 'relationships'
    ]) }}
{%- endmacro %}

{#- Those that the line alone cannot tell. -#}
{% macro kinds_by_other_rows() -%}
    {{ return(['unique', 'relationships']) }}
{%- endmacro %}

{#- Those whose arguments say values of the column's type, which the engine has to know. -#}
{% macro kinds_by_literals() -%}{{ return(['in_range', 'accepted_values', 'matches']) }}{%- endmacro %}

{% macro rule_not_null(name, args={}, text=none, type=none) -%}
    {{ return({
        'violated': (text or adapter.quote(name)) ~ ' is null',
        'message': "'" ~ name ~ " is missing'"
    }) }}
{%- endmacro %}

{#- An expression of dbt_utils' test; a column stands before it. -#}
{% macro rule_expression_is_true(column='', expression=none) -%}
    {{ column }} {{ expression }}
{%- endmacro %}

{#- Texts of characters that are not seen: those of service/dictionary/blank.py, which says what they are. -#}
{% macro blank_form() -%}
    {{ return(
        '[' ~ '\\x00-\\x20\\x7f-\\x{a0}\\x{ad}\\x{34f}\\x{61c}\\x{115f}\\x{1160}\\x{1680}\\x{17b4}\\x{17b5}'
        ~ '\\x{180b}-\\x{180f}\\x{2000}-\\x{200f}\\x{2028}-\\x{202f}\\x{205f}-\\x{206f}\\x{2800}\\x{3000}\\x{3164}'
        ~ '\\x{fe00}-\\x{fe0f}\\x{feff}\\x{ffa0}\\x{fff0}-\\x{fffb}\\x{13430}-\\x{1343f}\\x{16fe4}'
        ~ '\\x{1bca0}-\\x{1bca3}\\x{1d159}\\x{1d173}-\\x{1d17a}\\x{e0000}-\\x{e0fff}' ~ ']*'
    ) }}
{%- endmacro %}

{% macro rule_not_blank(name, args={}, text=none, type=none) -%}
    {%- set column = adapter.quote(name) -%}
    {#- Most texts begin with a character of ASCII that is seen. -#}
    {{ return({
        'violated': "case when " ~ column ~ " between '!' and '~' then false else " ~ full_match(column, blank_form()) ~ " end",
        'message': "'" ~ name ~ " is blank'",
        'types': ['varchar']
    }) }}
{%- endmacro %}

{% macro rule_max_length(name, args, text=none, type=none) -%}
    {{ return(judged_by_length(name, args, '>', 'longer')) }}
{%- endmacro %}

{% macro rule_min_length(name, args, text=none, type=none) -%}
    {{ return(judged_by_length(name, args, '<', 'shorter')) }}
{%- endmacro %}

{#- What a text must not be: of a length that compares so with the argument, which `than` says in a word. -#}
{% macro judged_by_length(name, args, sign, than) -%}
    {% set characters = args.length ~ (' character' if args.length == 1 else ' characters') %}
    {{ return({
        'violated': 'length(' ~ adapter.quote(name) ~ ') ' ~ sign ~ ' ' ~ args.length,
        'message': "'" ~ name ~ " is " ~ than ~ " than " ~ characters ~ "'",
        'types': ['varchar'],
        'lacks': none if args.length is integer else 'length, a whole number'
    }) }}
{%- endmacro %}

{% macro rule_matches(name, args, text=none, type=none) -%}
    {{ return({
        'violated': 'not ' ~ full_match(adapter.quote(name), args.regex),
        'message': text_literal(name ~ ' is not of the form ' ~ args.regex),
        'types': ['varchar'],
        'lacks': none if args.regex is string else 'regex, a text'
    }) }}
{%- endmacro %}

{#- A value that an argument says, as a literal of the column's type. -#}
{% macro value_literal(value, type) -%}
    {% if value is string and type == 'decimal' %}
        {{ return(value) }}
    {% elif value is string and type != 'varchar' %}
        {{ return(typed_literal(one_form(value) if type == 'json' else value, type)) }}
    {% endif %}
    {{ return(text_literal(value) if value is string else value | string | lower) }}
{%- endmacro %}

{#- A document as columns have it; one that is none, the service refuses. -#}
{% macro one_form(document) -%}
    {#- The x keeps a number from being read as one. -#}
    {% set query = "select 'x' || " ~ as_varchar(json_document(text_literal(document))) %}
    {% set found = run_query(query).columns[0].values()[0] if execute %}
    {{ return(found[1:] if found else document) }}
{%- endmacro %}

{% macro rule_in_range(name, args, text=none, type=none) -%}
    {% set column = adapter.quote(name) %}
    {% set outside, bounds, limits = [], [], [] %}
    {% set ends = [('min', '<', 'at least '), ('max', '>', 'at most ')] %}
    {% if args.inclusive is false %}{% set ends = [('min', '<=', 'more than '), ('max', '>=', 'less than ')] %}{% endif %}
    {% for end, sign, words in ends if args[end] is not none and args[end] is defined %}
        {% do limits.append(args[end]) %}
        {% do outside.append(column ~ ' ' ~ sign ~ ' ' ~ value_literal(args[end], type)) %}
        {% do bounds.append(words ~ args[end]) %}
    {% endfor %}
    {{ return({
        'violated': '(' ~ outside | join(' or ') ~ ')',
        'message': text_literal(name ~ ' must be ' ~ bounds | join(' and ')),
        'unfit': ['varchar', 'boolean', 'uuid', 'json'],
        'lacks': none if limits and are_values(limits, type) else 'min or max, ' ~ values_of_type(type)
    }) }}
{%- endmacro %}

{% macro rule_accepted_values(name, args, text=none, type=none) -%}
    {% set values, told = [], [] %}
    {% for value in args['values'] %}
        {% do values.append(value_literal(value, type)) %}
        {% do told.append(value if value is not boolean else value | string) %}
    {% endfor %}
    {{ return({
        'violated': '(' ~ adapter.quote(name) ~ ' not in (' ~ values | join(', ') ~ '))',
        'message': text_literal(name ~ ' must be one of ' ~ told | join(', ')),
        'lacks': none if args['values'] and are_values(args['values'], type) else 'values, ' ~ values_of_type(type)
    }) }}
{%- endmacro %}

{#- Whether arguments say values of a type: numbers, true or false, else texts. YAML reads NO as false. -#}
{% macro are_values(values, type) -%}
    {% for value in values %}
        {% set whole = value is integer and value is not boolean %}
        {% if type in whole_kinds() %}{% set fits = whole %}
        {% elif type == 'double' %}{% set fits = whole or value is float %}
        {% elif type == 'decimal' %}{% set fits = whole or says_decimal(value) %}
        {% elif type == 'boolean' %}{% set fits = value is boolean %}
        {% elif type is none %}{% set fits = true %}
        {% else %}{% set fits = value is string %}
        {% endif %}
        {% if not fits %}{{ return(false) }}{% endif %}
    {% endfor %}
    {{ return(true) }}
{%- endmacro %}

{#- Whether a text or a binary number says a decimal with every digit. -#}
{% macro says_decimal(value) -%}
    {% if value is not string and value is not float %}{{ return(false) }}{% endif %}
    {% set found = modules.re.match('-?([0-9]+)(?:[.]([0-9]+))?$', value | string) %}
    {% set digits = ((found.group(1) ~ (found.group(2) or '')) | length) if found else 99 %}
    {{ return(digits <= (38 if value is string else 15)) }}
{%- endmacro %}

{% macro values_of_type(type) -%}
    {% set numbers = {'double': 'numbers', 'boolean': 'true or false', 'varchar': 'texts'} %}
    {% if type in whole_kinds() %}{{ return('whole numbers') }}{% endif %}
    {% if type == 'decimal' %}{{ return('numbers, those of more than 15 digits as texts') }}{% endif %}
    {{ return(numbers.get(type, 'texts, each a ' ~ type)) }}
{%- endmacro %}

{#- What is in core was judged when it came. -#}
{% macro rule_not_in_future(name, args={}, text=none, type=none) -%}
    {% set now = utc_now() if type != 'date' else 'cast(' ~ utc_now() ~ ' as date)' %}
    {{ return({
        'violated': '(' ~ adapter.quote(name) ~ ' > ' ~ now ~ ')',
        'message': "'" ~ name ~ " is in the future'",
        'types': ['date', 'timestamp', 'timestamp with time zone']
    }) }}
{%- endmacro %}

{#- Judges what was written: once read, every timestamp is in UTC. Nearly all are written in one way. -#}
{% macro rule_utc_datetime(name, args={}, text=none, type=none) -%}
    {% set in_utc = "case when " ~ text ~ " like '%T%Z' then true else "
        ~ full_match(text, '.{10}[Tt].*([Zz]|[+-]00:00)') ~ " end" %}
    {{ return({
        'violated': ('not ' ~ in_utc) if text else 'false',
        'message': "'" ~ name ~ " must be in UTC, written like 2021-07-27T16:02:08Z'",
        'types': ['timestamp']
    }) }}
{%- endmacro %}

{#- A value in a message: its first hundred characters, and that it goes on. -#}
{% macro shortened(value) -%}
    {%- set text = as_varchar(value) -%}
    {{ return("case when length(" ~ text ~ ") > 100 then substring(" ~ text ~ ", 1, 100) || '…' else " ~ text ~ " end") }}
{%- endmacro %}

{#- The rules that need other rows are judged by set (see judge_keys); here is only what they say. -#}
{% macro rule_unique(name, args={}, text=none, type=none) -%}
    {{ return({
        'message': "'" ~ name ~ " ' || " ~ shortened(adapter.quote(name)) ~ " || ' is taken by another row'",
        'types': key_kinds()
    }) }}
{%- endmacro %}

{% macro rule_relationships(name, args, text=none, type=none) -%}
    {{ return({
        'message': "'" ~ args.parent ~ " has no row with " ~ args.field ~ " ' || " ~ shortened(adapter.quote(name)),
        'types': key_kinds()
    }) }}
{%- endmacro %}
