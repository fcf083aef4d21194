{#- The rules that a line breaks or not by itself. -#}

{#- The rules that a line breaks or not by itself, as {violated, violation}; place keeps the order. -#}
{% macro static_violations() -%}
    {% set found = [] %}
    {% set rules = rules_of(model) %}
    {% for column in model.columns.values() %}
        {% set place = loop.index0 * 100 %}
        {% set read, text = adapter.quote(column.name), adapter.quote(column.name ~ '__text') %}
        {% set type = column_type(column.data_type, model.name ~ '.' ~ column.name) %}
        {% do found.append(as_static('(' ~ text ~ ' is not null and ' ~ read ~ ' is null)', place, column.name,
            'type', "'" ~ column.name ~ ' ' ~ type.said ~ "'")) %}
        {% for rule in rules if rule.column == column.name and rule.kind not in ('unique', 'relationships') %}
            {% if rule.kind == 'not_null' %}
                {% set is_missing = text ~ ' is null' if meta_of(column).get('default') is none
                    else text ~ ' is null and ' ~ read ~ ' is null' %}
                {% do found.append(as_static('(' ~ is_missing ~ ')', place + loop.index, column.name,
                    'not_null', "'" ~ column.name ~ " is missing'")) %}
            {% else %}
                {% set judged = context['rule_' ~ rule.kind](column.name, rule.args, text) %}
                {% do found.append(as_static('coalesce(' ~ read ~ ' is not null and ' ~ judged.violated ~ ', false)',
                    place + loop.index, column.name, rule.kind, judged.message)) %}
            {% endif %}
        {% endfor %}
    {% endfor %}
    {% do found.append({
        'violated': '(_rest is not null)',
        'violation': violation(100 * model.columns | length, no_text(), 'unknown_field',
            "'the line has more fields than " ~ model.name ~ " has columns'", '_rest')
    }) %}
    {% do found.append({
        'violated': '(_problem is not null)',
        'violation': violation(0, no_text(), 'malformed_line', "'the line cannot be read: ' || _problem", '_text')
    }) %}
    {{ return(found) }}
{%- endmacro %}

{% macro as_static(violated, place, column, kind, message) -%}
    {{ return({
        'violated': violated,
        'violation': violation(place, "'" ~ column ~ "'", kind, message, adapter.quote(column ~ '__text'))
    }) }}
{%- endmacro %}

{#- The place of a rule among those of its column, as static_violations() counts it. -#}
{% macro place_of(rule) -%}
    {%- set columns = model.columns.keys() | list -%}
    {%- set own = rules_of(model) | selectattr('column', 'equalto', rule.column) | list -%}
    {{ return(columns.index(rule.column) * 100 + 50 + own.index(rule)) }}
{%- endmacro %}

{#- The number of each static violation that a line has, else NULL. A violation is put together only where
    there is one: to make them all and throw most away takes longer than all else that is asked of the line. -#}
{% macro numbers_of_static_violations() -%}
    {% set cases = [] %}
    {% for found in static_violations() %}
        {#- A line that cannot be read breaks no rule but that. -#}
        {% set alone = '' if loop.last else '_problem is null and ' %}
        {% do cases.append('case when ' ~ alone ~ found.violated ~ ' then ' ~ loop.index0 ~ ' end') %}
    {% endfor %}
    {{ return(cases) }}
{%- endmacro %}

{% macro static_violations_by_number() -%}
    {% set cases = [] %}
    {% for found in static_violations() %}
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
