{#- DuckDB, for one machine. engines/_dispatch.sql says what each macro is for. Here: values and JSON. -#}

{% macro duckdb__text_literal(text) -%}
    {{ return("'" ~ text | replace("'", "''") ~ "'") }}
{%- endmacro %}

{% macro duckdb__no_text() -%}
    {{ return('cast(null as varchar)') }}
{%- endmacro %}

{% macro duckdb__type_name(type) -%}
    {{ return(type) }}
{%- endmacro %}

{% macro duckdb__decimal_text(value) -%}
    {{ return("regexp_replace(" ~ as_varchar(value) ~ ", '^(-?)[.]', '\\1' || '0.')") }}
{%- endmacro %}

{% macro duckdb__as_varchar(value) -%}
    {{ return('cast(' ~ value ~ ' as varchar)') }}
{%- endmacro %}

{% macro duckdb__typed_literal(text, type) -%}
    {{ return('cast(' ~ text_literal(text) ~ ' as ' ~ type ~ ')') }}
{%- endmacro %}

{% macro duckdb__cast_or_null(text, type) -%}
    {{ return('try_cast(' ~ text ~ ' as ' ~ type ~ ')') }}
{%- endmacro %}

{% macro duckdb__full_match(text, form) -%}
    {{ return("regexp_full_match(" ~ text ~ ", " ~ text_literal(form) ~ ")") }}
{%- endmacro %}

{% macro duckdb__has_nul(text) -%}
    {{ return('contains(' ~ text ~ ', chr(0))') }}
{%- endmacro %}

{% macro duckdb__before_point(text) -%}
    {{ return('split_part(' ~ text ~ ", '.', 1)") }}
{%- endmacro %}

{% macro duckdb__is_finite(number) -%}
    {{ return('isfinite(' ~ number ~ ')') }}
{%- endmacro %}

{% macro duckdb__utc_timestamp(text) -%}
    {#- It knows no t and no z. -#}
    {%- set in_utc = "timezone('UTC', try_cast(upper(" ~ text ~ ") as timestamptz))" -%}
    case
        when {{ text }} like '%T%Z' then try_cast({{ text }} as timestamp)
        when {{ has_year_of_four_digits(in_utc) }}
            then {{ in_utc }}
    end
{%- endmacro %}

{% macro duckdb__moment_in_utc(timestamp) -%}
    {{ return("timezone('UTC', " ~ timestamp ~ ")") }}
{%- endmacro %}

{% macro duckdb__wall_clock_in_utc(moment) -%}
    {{ return("timezone('UTC', " ~ moment ~ ")") }}
{%- endmacro %}

{% macro duckdb__shown_moment(timestamp) -%}
    {{ return("replace(" ~ as_varchar(timestamp) ~ ", ' ', 'T') || 'Z'") }}
{%- endmacro %}

{#- By Python (service/engines/sql_functions.py): what DuckDB takes for JSON is more than is, as NaN. -#}
{% macro duckdb__json_document(text) -%}
    {{ return('cast(' ~ duckdb_copied('gatehouse_json(' ~ text ~ ')') ~ ' as json)') }}
{%- endmacro %}

{% macro duckdb__names_kept_apart(table) -%}{{ return([]) }}{%- endmacro %}

{#- By Python, too: letters have cases that engines do not agree on. -#}
{% macro duckdb__as_kept(column, alias) -%}
    {% set text, steps = alias ~ adapter.quote(column.name), meta_of(column).get('normalise') %}
    {% set normalised = 'gatehouse_normalised(' ~ text ~ ', ' ~ text_literal(steps | join(',')) ~ ')' if steps %}
    {{ return(or_default(column, duckdb_copied(normalised) if steps else text)) }}
{%- endmacro %}

{#- A text that Python has made. What coalesce() makes of it points to memory that is given back (DuckDB 1.5.6). -#}
{% macro duckdb_copied(text) -%}
    {{ return('(' ~ text ~ " || '')") }}
{%- endmacro %}

{% macro duckdb__has_year_of_four_digits(timestamp) -%}
    {{ return(timestamp ~ " between timestamp '0001-01-01' and timestamp '9999-12-31 23:59:59.999999'") }}
{%- endmacro %}

{% macro duckdb__value_as_shown(value, type) -%}
    {#- service/engines/sql.py says the same. -#}
    {% set text = 'cast(' ~ value ~ ' as varchar)' %}
    {% if type == 'timestamp with time zone' %}
        {{ return("replace(cast(timezone('UTC', " ~ value ~ ") as varchar), ' ', 'T') || 'Z'") }}
    {% elif type.startswith('timestamp') %}
        {{ return("replace(" ~ text ~ ", ' ', 'T') || 'Z'") }}
    {% elif type.startswith('decimal') %}
        {{ return("regexp_replace(" ~ text ~ ", '^(-?)\\.', '\\10.')") }}
    {% endif %}
    {{ return(text if type in ('uuid', 'time') else value) }}
{%- endmacro %}

{% macro duckdb__utc_now() -%}
    {{ return("cast(timezone('UTC', now()) as timestamp)") }}
{%- endmacro %}

{% macro duckdb__new_id() -%}
    {{ return('cast(uuid() as varchar)') }}
{%- endmacro %}

{% macro duckdb__is_same(one, other) -%}
    {{ return(one ~ ' is not distinct from ' ~ other) }}
{%- endmacro %}

{% macro duckdb__joined(separator, values) -%}
    {{ return('concat_ws(' ~ text_literal(separator) ~ ', ' ~ values | join(', ') ~ ')') }}
{%- endmacro %}

{% macro duckdb__digest(text) -%}
    {{ return('md5(' ~ text ~ ')') }}
{%- endmacro %}

{% macro duckdb__sha_256(text) -%}
    {{ return('sha256(' ~ text ~ ')') }}
{%- endmacro %}

{#- To sort them takes a third of what counting each takes. -#}
{% macro duckdb__written_twice(column, relation) -%}
    {%- set column = adapter.quote(column) -%}
    select {{ column }}
    from (select {{ column }}, lead({{ column }}) over (order by {{ column }}) as _next from {{ relation }}) as sorted
    where {{ column }} = _next
{%- endmacro %}

{% macro duckdb__struct(members) -%}
    {% set pairs = [] %}
    {% for name, value in members.items() %}{% do pairs.append("'" ~ name ~ "': " ~ value) %}{% endfor %}
    {{ return('{' ~ pairs | join(', ') ~ '}') }}
{%- endmacro %}

{% macro duckdb__list_of(item) -%}
    {{ return('coalesce(list(' ~ item ~ '), [])') }}
{%- endmacro %}

{% macro duckdb__json_value(text) -%}
    {{ return('cast(' ~ text ~ ' as json)') }}
{%- endmacro %}

{% macro duckdb__json_text(value) -%}
    {{ return('cast(to_json(' ~ value ~ ') as varchar)') }}
{%- endmacro %}

{% macro duckdb__json_member(json, member) -%}
    {{ return('json_extract_string(' ~ json ~ ", '$." ~ member ~ "')") }}
{%- endmacro %}

{% macro duckdb__row_as_json(columns, rest) -%}
    {% set pairs = [] %}
    {% for name in columns %}{% do pairs.append(adapter.quote(name) ~ ' := ' ~ adapter.quote(name)) %}{% endfor %}
    cast(case
        when {{ rest }} is null then to_json(struct_pack({{ pairs | join(', ') }}))
        else to_json(struct_pack({{ pairs | join(', ') }}, {{ rest }} := {{ rest }}))
    end as varchar)
{%- endmacro %}

{% macro duckdb__unnested(values) -%}
    unnest(list_filter([
        {{ values | join(',\n        ') }}
    ], lambda x: x is not null))
{%- endmacro %}

{% macro duckdb__each_violation(violations) -%}
    unnest(list_transform(
        from_json({{ violations }}, '[{"column": "varchar", "rule": "varchar"}]'),
        lambda x: {'column_name': x.column, 'rule': x.rule}
    ))
{%- endmacro %}

{% macro duckdb__violations_as_json(violation) -%}
    {#- Sorted by their first field, place: six times as fast as an aggregate with an order. -#}
    cast(to_json(list_transform(
        list_sort(list({{ violation }})),
        lambda x: {'column': x.column, 'rule': x.rule, 'message': x.message, 'value': x.value}
    )) as varchar)
{%- endmacro %}
