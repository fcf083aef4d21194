{#-
    The rule kinds, in SQL. Each macro rule_<kind>(name, args, text) answers
      violated: a condition on the read value {{ name }} (and on what was written, {{ text }}),
      message:  an expression that says so,
      types:    those of the columns that it can be a rule of,
      lacks:    what is missing among its arguments, if anything is,
    and is never asked about a value that is NULL or cannot be read: that is not_null's and type's
    to say. service/dictionary/rules.py says the same in Python; tests/ looks for the row on which
    they differ. A kind that has no macro here fails the build.
-#}

{#- Texts of characters that are not seen: those of service/dictionary/blank.py, which says what they are. -#}
{% macro blank_form() -%}
    {{ return(
        '[' ~ '\\x00-\\x20\\x7f-\\x{a0}\\x{ad}\\x{34f}\\x{61c}\\x{115f}\\x{1160}\\x{1680}\\x{17b4}\\x{17b5}'
        ~ '\\x{180b}-\\x{180f}\\x{2000}-\\x{200f}\\x{2028}-\\x{202f}\\x{205f}-\\x{206f}\\x{2800}\\x{3000}\\x{3164}'
        ~ '\\x{fe00}-\\x{fe0f}\\x{feff}\\x{ffa0}\\x{fff0}-\\x{fffb}\\x{13430}-\\x{1343f}\\x{16fe4}'
        ~ '\\x{1bca0}-\\x{1bca3}\\x{1d159}\\x{1d173}-\\x{1d17a}\\x{e0000}-\\x{e0fff}' ~ ']*'
    ) }}
{%- endmacro %}

{% macro rule_not_blank(name, args={}, text=none) -%}
    {%- set column = adapter.quote(name) -%}
    {#- Most texts begin with a character of ASCII that is seen. -#}
    {{ return({
        'violated': "case when " ~ column ~ " between '!' and '~' then false else " ~ full_match(column, blank_form()) ~ " end",
        'message': "'" ~ name ~ " is blank'",
        'types': ['varchar']
    }) }}
{%- endmacro %}

{% macro rule_max_length(name, args, text=none) -%}
    {{ return({
        'violated': 'length(' ~ adapter.quote(name) ~ ') > ' ~ args.length,
        'message': "'" ~ name ~ " is longer than " ~ args.length ~ " characters'",
        'types': ['varchar'],
        'lacks': none if args.length is integer else 'length, a whole number'
    }) }}
{%- endmacro %}

{% macro rule_in_range(name, args, text=none) -%}
    {% set column = adapter.quote(name) %}
    {% set outside, bounds, limits = [], [], [] %}
    {% for end, sign, words in [('min', '<', 'at least '), ('max', '>', 'at most ')] if args[end] is not none and args[end] is defined %}
        {% do limits.append(args[end]) %}
        {% do outside.append(column ~ ' ' ~ sign ~ ' ' ~ args[end]) %}
        {% do bounds.append(words ~ args[end]) %}
    {% endfor %}
    {% set whole = limits | reject('integer') | list | length == 0 %}
    {{ return({
        'violated': '(' ~ outside | join(' or ') ~ ')',
        'message': "'" ~ name ~ " must be " ~ bounds | join(' and ') ~ "'",
        'types': whole_kinds() + ['double'] if whole else ['double'],
        'lacks': none if limits and limits | reject('number') | list | length == 0 else 'min or max, numbers'
    }) }}
{%- endmacro %}

{% macro rule_accepted_values(name, args, text=none) -%}
    {% set values = [] %}
    {% for value in args['values'] %}
        {% do values.append(text_literal(value | string)) %}
    {% endfor %}
    {#- YAML reads NO as false. -#}
    {% set texts = args['values'] | reject('string') | list | length == 0 %}
    {% set whole = args['values'] | reject('integer') | list | length == 0 %}
    {{ return({
        'violated': as_varchar(adapter.quote(name)) ~ ' not in (' ~ values | join(', ') ~ ')',
        'message': text_literal(name ~ ' must be one of ' ~ args['values'] | join(', ')),
        'types': ['varchar'] if texts else whole_kinds(),
        'lacks': none if args['values'] and (texts or whole) else 'values, all texts or all whole numbers'
    }) }}
{%- endmacro %}

{#- Judges what was written: once read, every timestamp is in UTC. Nearly all are written in one way. -#}
{% macro rule_utc_datetime(name, args={}, text=none) -%}
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
{% macro rule_unique(name, args={}, text=none) -%}
    {{ return({
        'message': "'" ~ name ~ " ' || " ~ shortened(adapter.quote(name)) ~ " || ' is taken by another row'",
        'types': key_kinds()
    }) }}
{%- endmacro %}

{% macro rule_relationships(name, args, text=none) -%}
    {{ return({
        'message': "'" ~ args.parent ~ " has no row with " ~ args.field ~ " ' || " ~ shortened(adapter.quote(name)),
        'types': key_kinds()
    }) }}
{%- endmacro %}
