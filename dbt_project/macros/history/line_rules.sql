{#- The rules that a line breaks or not by itself. -#}

{#- The rules that a line breaks or not by itself, as {violated, violation}; place keeps the order. -#}
{% macro static_violations() -%}
    {% set found, last = [], 100 * model.columns | length %}
    {% set rules = rules_of(model) | rejectattr('warns') | rejectattr('kind', 'in', kinds_by_other_rows()) | list %}
    {% for column in model.columns.values() %}
        {% set place = loop.index0 * 100 %}
        {% set read, text = adapter.quote(column.name), adapter.quote(column.name ~ '__text') %}
        {% set type = column_type(column.data_type, model.name ~ '.' ~ column.name) %}
        {% do found.append(as_static('(' ~ text ~ ' is not null and ' ~ read ~ ' is null)', place, column.name,
            'type', "'" ~ column.name ~ ' ' ~ type.said ~ "'")) %}
        {#- What it lacks it is given: an id. -#}
        {% for rule in rules if rule.column == column.name and not (rule.kind == 'not_null' and is_given(column)) %}
            {% do found.append(rule_as_static(rule, place + loop.index)) %}
        {% endfor %}
    {% endfor %}
    {% for rule in rules if not rule.column %}
        {% do found.append(rule_as_static(rule, last + loop.index0)) %}
    {% endfor %}
    {% do found.append({
        'violated': '(_rest is not null)',
        'violation': violation(last + 99, no_text(), 'unknown_field',
            "'the line has more fields than " ~ model.name ~ " has columns'", '_rest')
    }) %}
    {% do found.append({
        'violated': '(_problem is not null)',
        'violation': violation(0, no_text(), 'malformed_line', "'the line cannot be read: ' || _problem", '_text')
    }) %}
    {{ return(found) }}
{%- endmacro %}

{#- Whether a line needs no value here of its own. -#}
{% macro is_given(column, table=model) -%}
    {{ return(has_generated_key(table) and column.name == primary_key(table)) }}
{%- endmacro %}

{#- The rules of severity `warn`, in the same form: what is told of a line that goes in. -#}
{% macro static_warnings() -%}
    {% set found = [] %}
    {% for rule in rules_of(model) if rule.warns %}{% do found.append(rule_as_static(rule, loop.index0)) %}{% endfor %}
    {{ return(found) }}
{%- endmacro %}

{#- Only asked where what it looks at can be read, of lines of which its `where` is true. -#}
{% macro rule_as_static(rule, place) -%}
    {% set text = adapter.quote(rule.column ~ '__text') if rule.column else none %}
    {% set judged = judged_by_kind(rule, text) if rule.predicate is not defined else {
        'violated': '(not ' ~ holds(rule, rule.predicate, true) ~ ')', 'message': text_literal(rule.message)
    } %}
    {% if rule.kind == 'not_null' and meta_of(model.columns[rule.column]).get('default') is not none %}
        {% do judged.update({'violated': '(' ~ text ~ ' is null and ' ~ adapter.quote(rule.column) ~ ' is null)'}) %}
    {% endif %}
    {% set conditions, message, violated = [], judged.message, judged.violated %}
    {% if rule.column and rule.kind != 'not_null' %}{% do conditions.append(adapter.quote(rule.column) ~ ' is not null') %}{% endif %}
    {% for name in rule.others %}
        {% do conditions.append('(' ~ adapter.quote(name) ~ ' is not null or ' ~ adapter.quote(name ~ '__text') ~ ' is null)') %}
    {% endfor %}
    {% if rule.where %}
        {% set message = message ~ ' || ' ~ text_literal(' (where ' ~ rule.where ~ ')') %}
        {% set violated = holds(rule, rule.where, false) ~ ' and ' ~ violated %}
    {% endif %}
    {% if is_failing(rule.predicate) or is_failing(rule.where) %}
        {% set message = message ~ ' || case when (' ~ violated ~ ') is null then '
            ~ text_literal(cannot_be_evaluated()) ~ " else '' end" %}
        {% set violated = 'coalesce(' ~ violated ~ ', true)' %}
    {% endif %}
    {% do conditions.append(violated) %}
    {{ return(as_static('coalesce(' ~ conditions | join(' and ') ~ ', false)', place, rule.column, rule.kind, message)) }}
{%- endmacro %}

{#- A predicate that a rule says; `if_null` stands for NULL. It is NULL itself where it cannot be evaluated for some of
    the lines: then it is asked of each by itself. -#}
{% macro holds(rule, predicate, if_null) -%}
    {% set asked = in_dialect(predicate) %}
    {% if is_failing(predicate) %}{{ return(evaluated(asked, types_looked_at(rule), if_null)) }}{% endif %}
    {{ return(applies(asked) if if_null is false else '(not ' ~ fails(asked) ~ ')') }}
{%- endmacro %}

{#- Of the columns that a rule looks at, by name. -#}
{% macro types_looked_at(rule) -%}
    {% set types = {} %}
    {% for name in ([rule.column] if rule.column else []) + rule.others %}
        {% do types.update({name: type_said(model.columns[name].data_type, model.name).name}) %}
    {% endfor %}
    {{ return(types) }}
{%- endmacro %}

{#- What a violation says besides; service/dictionary/rule.py says the same. -#}
{% macro cannot_be_evaluated() -%}{{ return('; it cannot be evaluated for this row') }}{%- endmacro %}

{#- Whether a predicate cannot be evaluated for some of the lines that are judged. -#}
{% macro is_failing(predicate) -%}
    {{ return(predicate and in_dialect(predicate) in notes_of_run().get('failing ' ~ model.unique_id, [])) }}
{%- endmacro %}

{#- Finds those out, of the lines that a load brings. -#}
{% macro note_failing_predicates(load) -%}
    {% set said = [] %}
    {% for rule in rules_of(model) %}
        {% for text in (rule.predicate, rule.where) if text and in_dialect(text) not in said %}{% do said.append(in_dialect(text)) %}{% endfor %}
    {% endfor %}
    {% set lines = '(select * from (' ~ read_lines() ~ ') as lines where line > ' ~ load.behind ~ ' and _problem is null)' %}
    {% do notes_of_run().update({
        'failing ' ~ model.unique_id: predicates_that_fail(said, lines) if said else []
    }) %}
{%- endmacro %}

{% macro as_static(violated, place, column, kind, message) -%}
    {{ return({
        'violated': violated,
        'violation': violation(place, "'" ~ column ~ "'", kind, message, adapter.quote(column ~ '__text'))
            if column else violation(place, no_text(), kind, message, no_text())
    }) }}
{%- endmacro %}

{#- The place of a rule among those of its column, as static_violations() counts it. -#}
{% macro place_of(rule) -%}
    {%- set columns = model.columns.keys() | list -%}
    {%- set own = rules_of(model) | selectattr('column', 'equalto', rule.column) | list -%}
    {%- set column = columns.index(rule.column) if rule.column in columns else columns | length + 1 -%}
    {{ return(column * 100 + 50 + own.index(rule)) }}
{%- endmacro %}

{#- The number of each static violation that a line has, else NULL. A violation is put together only where
    there is one: to make them all and throw most away takes longer than all else that is asked of the line. -#}
{% macro numbers_of(violations) -%}
    {% set cases = [] %}
    {% for found in violations %}
        {#- A line that cannot be read breaks no rule but that. -#}
        {% set alone = '' if found.violated == '(_problem is not null)' else '_problem is null and ' %}
        {% do cases.append('case when ' ~ alone ~ found.violated ~ ' then ' ~ loop.index0 ~ ' end') %}
    {% endfor %}
    {{ return(cases) }}
{%- endmacro %}

{% macro violations_by_number(violations) -%}
    {% set cases = [] %}
    {% for found in violations %}
        {% do cases.append('when ' ~ loop.index0 ~ ' then ' ~ found.violation) %}
    {% endfor %}
    {{ return(cases) }}
{%- endmacro %}

{#- A violation as a struct; `place` orders the violations of a row as the dictionary does. -#}
{% macro violation(place, column, rule, message, value) -%}
    {{ return(struct({
        'place': place, 'column': column, 'rule': text_literal(rule), 'message': message, 'value': value
    })) }}
{%- endmacro %}
