{#-
    Which lines of a history file break which rules: static_violations() by a line itself,
    lines_with_exceptions() together with the tables and with the other lines.
-#}

{#- The rules that a line breaks or not by itself, as {violated, violation}; place keeps the order. -#}
{% macro static_violations() -%}
    {% set found = [] %}
    {% set rules = rules_of(model) %}
    {% for column in model.columns.values() %}
        {% set place = loop.index0 * 100 %}
        {% set read, text = adapter.quote(column.name), adapter.quote(column.name ~ '__text') %}
        {% set type = column_type(column.data_type, model.name ~ '.' ~ column.name) %}
        {% if type.form is not none %}
            {% do found.append(as_static('(' ~ text ~ ' is not null and ' ~ read ~ ' is null)', place, column.name,
                'type', "'" ~ column.name ~ ' is not ' ~ type.reads ~ "'")) %}
        {% endif %}
        {% for rule in rules if rule.column == column.name and rule.kind not in ('unique', 'relationships') %}
            {% if rule.kind == 'not_null' %}
                {% do found.append(as_static('(' ~ text ~ ' is null)', place + loop.index, column.name,
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
        'violation': violation(100 * model.columns | length, 'null', 'unknown_field',
            "'the line has more fields than " ~ model.name ~ " has columns'", '_rest')
    }) %}
    {% do found.append({
        'violated': '(_problem is not null)',
        'violation': violation(0, 'null', 'malformed_line', "'the line cannot be read: ' || _problem", '_text')
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

{#- The values of a column that more than one row has. To sort them takes a third of what counting each takes. -#}
{% macro written_twice(column, relation) -%}
    {%- set column = adapter.quote(column) -%}
    select {{ column }}
    from (select {{ column }}, lead({{ column }}) over (order by {{ column }}) as _next from {{ relation }}) as sorted
    where {{ column }} = _next
{%- endmacro %}

{% macro same_content(one, other) -%}
    {%- for column in model.columns.values() %}
    {{ one }}.{{ adapter.quote(column.name) }} is not distinct from {{ other }}.{{ adapter.quote(column.name) }}
    {{- ' and ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{% macro lines_with_exceptions() -%}
    {% set rules = rules_of(model) %}
    {% set uniques = rules | selectattr('kind', 'equalto', 'unique') | list %}
    {% set key = adapter.quote(primary_key()) %}
    {% set table = kept_rows() %}
-- What a line says that is there already.
with present as (
    select typed.line
    from {{ typed_lines() }} as typed
    inner join {{ table }} as kept on typed.{{ key }} = kept.{{ key }}
    where typed.clean and {{ same_content('typed', 'kept') }}
),

-- What is wrong with a line by itself, or for want of a parent.
own as (
    select line, case found {{ static_violations_by_number() | join(' ') }} end as violation
    from (
        select *, {{ unnested(numbers_of_static_violations()) }} as found
        from ({{ read_lines() }}) as lines
        where line in (select line from {{ typed_lines() }} where not clean)
    ) as judged
    {%- for rule in rules if rule.kind == 'relationships' %}
    {%- set column = adapter.quote(rule.column) %}
    union all
    select line, {{ key_violation(rule) }} as violation
    from (
        select typed.line, typed.{{ column }} from {{ typed_lines() }} as typed
        left join {{ ref(rule.args.parent) }} as parent on typed.{{ column }} = parent.{{ adapter.quote(rule.args.field) }}
        where typed.{{ column }} is not null and parent.{{ adapter.quote(rule.args.field) }} is null
    ) as typed
    {%- endfor %}
),

{% for rule in uniques %}
{%- set column = adapter.quote(rule.column) %}
-- The first sound line of each {{ rule.column }} that is written more than once has it.
first_{{ rule.column }} as (
    select {{ column }} as taken, min(line) as line
    from (
        select line, {{ column }} from {{ typed_lines() }} as typed
        where {{ column }} in ({{ written_twice(rule.column, typed_lines()) }})
    ) as typed
    where
        not exists (select 1 from own where own.line = typed.line)
        and not exists (select 1 from present where present.line = typed.line)
    group by {{ column }}
),
{% endfor %}
taken as (
    {%- for rule in uniques %}
    {%- set column = adapter.quote(rule.column) %}
    {{ 'union all' if not loop.first }}
    select line, {{ key_violation(rule) }} as violation
    from (
        select typed.line, typed.{{ column }} from {{ typed_lines() }} as typed
        inner join {{ table }} as kept on typed.{{ column }} = kept.{{ column }}
        union
        select typed.line, typed.{{ column }} from {{ typed_lines() }} as typed
        inner join first_{{ rule.column }} as first on typed.{{ column }} = first.taken and first.line < typed.line
    ) as typed
    {%- endfor %}
),

-- What an earlier line says that is accepted.
repeated as (
    select typed.line
    from {{ typed_lines() }} as typed
    inner join first_{{ primary_key() }} as first on typed.{{ key }} = first.taken and typed.line > first.line
    inner join {{ typed_lines() }} as earlier on first.line = earlier.line
    where
        typed.clean and {{ same_content('typed', 'earlier') }}
        and not exists (select 1 from taken where taken.line = earlier.line)
),

there_already as (
    select line from present
    union all
    select line from repeated
    where not exists (select 1 from own where own.line = repeated.line)
),

broken as (
    select line, {{ violations_as_json('violation') }} as violations
    from (
        select * from own
        union all
        select * from taken
    ) as found
    where not exists (select 1 from there_already where there_already.line = found.line)
    group by line
)

select line, 'rejected' as state, violations from broken
union all
select line, 'already_present' as state, '[]' as violations from there_already
{%- endmacro %}

{#- The table as it will be: before its first build it is empty, a new column is NULL in every row. -#}
{% macro kept_rows() -%}
    {% set kept = columns_of_table(this.schema, this.identifier) | map(attribute=0) | list %}
    {% set added = [] %}
    {% for column in model.columns.values() if column.name not in kept %}
        {% do added.append('cast(null as ' ~ column.data_type ~ ') as ' ~ adapter.quote(column.name)) %}
    {% endfor %}
    {% if not kept %}
        {{ return('(select * from ' ~ typed_lines() ~ ' limit 0)') }}
    {% endif %}
    {{ return('(select ' ~ (['*'] + added) | join(', ') ~ ' from ' ~ this ~ ')' if added else this) }}
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

{% macro key_violation(rule) -%}
    {{ return(violation(
        place_of(rule), "'" ~ rule.column ~ "'", rule.kind,
        context['rule_' ~ rule.kind](rule.column, rule.args).message,
        'cast(' ~ adapter.quote(rule.column) ~ ' as varchar)'
    )) }}
{%- endmacro %}
