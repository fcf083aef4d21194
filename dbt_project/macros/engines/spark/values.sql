{#- Spark with Iceberg, for what is bigger than a machine. engines/_dispatch.sql says what each macro is for.
    Here: values and JSON. The session's time zone is UTC (profiles.yml). -#}

{#- A backslash escapes there, and two quotes are none. -#}
{% macro spark__text_literal(text) -%}
    {{ return("'" ~ text | replace('\\', '\\\\') | replace("'", "\\'") ~ "'") }}
{%- endmacro %}

{% macro spark__no_text() -%}
    {{ return('cast(null as string)') }}
{%- endmacro %}

{#- Iceberg has no whole number of less than 32 bits; a moment is one in UTC. What is text there is so in one form. -#}
{% macro spark__type_name(type) -%}
    {% set type = type_aliases().get(type | lower, type | lower) %}
    {{ return({
        'varchar': 'string', 'uuid': 'string', 'time': 'string', 'json': 'string', 'blob': 'binary',
        'integer': 'int', 'smallint': 'int', 'tinyint': 'int', 'timestamp with time zone': 'timestamp'
    }.get(type, type)) }}
{%- endmacro %}

{% macro spark__decimal_text(value) -%}{{ return(as_varchar(value)) }}{%- endmacro %}

{% macro spark__as_varchar(value) -%}
    {{ return('cast(' ~ value ~ ' as string)') }}
{%- endmacro %}

{% macro spark__typed_literal(text, type) -%}
    {% if type_name(type) == 'string' %}{{ return(spark__cast_or_null(text_literal(text), type)) }}{% endif %}
    {{ return('cast(' ~ text_literal(text) ~ ' as ' ~ type_name(type) ~ ')') }}
{%- endmacro %}

{% macro spark__cast_or_null(text, type) -%}
    {% if type == 'uuid' %}{{ return('lower(' ~ text ~ ')') }}
    {% elif type == 'time' %}{{ return('regexp_replace(' ~ text ~ ", r'([.]0+|([.][0-9]*[1-9])0+)$', '$2')") }}
    {% elif type in ('smallint', 'tinyint') %}{{ return('cast(try_cast(' ~ text ~ ' as ' ~ type ~ ') as int)') }}
    {% endif %}
    {{ return('try_cast(' ~ text ~ ' as ' ~ type_name(type) ~ ')') }}
{%- endmacro %}

{% macro spark__has_nul(text) -%}
    {{ return('(instr(' ~ text ~ ', chr(0)) > 0)') }}
{%- endmacro %}

{% macro spark__before_point(text) -%}
    {{ return('split_part(' ~ text ~ ", '.', 1)") }}
{%- endmacro %}

{% macro spark__is_finite(number) -%}
    {{ return('(not isnan(' ~ number ~ ') and abs(' ~ number ~ ") != double('Infinity'))") }}
{%- endmacro %}

{#- A cast knows no t and z, no offset of more than 18 hours, and no fraction of more than nine digits. -#}
{% macro spark__utc_timestamp(text) -%}
    {%- set offset = "r'([+-])([0-9]{2}):([0-9]{2})$'" -%}
    {%- set local = "try_cast(regexp_replace(regexp_replace(upper(" ~ text ~ "), r'(Z|[+-][0-9]{2}:[0-9]{2})$', ''),"
        ~ " r'([.][0-9]{6})0+$', '$1') as timestamp)" -%}
    {%- set minutes = "(try_cast(regexp_extract(" ~ text ~ ", " ~ offset ~ ", 2) as int) * 60"
        ~ " + try_cast(regexp_extract(" ~ text ~ ", " ~ offset ~ ", 3) as int))" -%}
    {%- set in_utc = local ~ " - make_dt_interval(0, 0, coalesce(" ~ minutes
        ~ " * case regexp_extract(" ~ text ~ ", " ~ offset ~ ", 1) when '-' then -1 else 1 end, 0))" -%}
    case
        when {{ text }} like '____-__-__T__:__:__Z' then try_cast({{ text }} as timestamp)
        when {{ has_year_of_four_digits(in_utc) }}
            then {{ in_utc }}
    end
{%- endmacro %}

{% macro spark__moment_in_utc(timestamp) -%}{{ return(timestamp) }}{%- endmacro %}
{% macro spark__wall_clock_in_utc(moment) -%}{{ return(moment) }}{%- endmacro %}

{#- service/spark/landed_history.py makes them, as the history is landed, with the columns' defaults. -#}
{% macro spark__names_kept_apart(table) -%}
    {% set names = [] %}
    {% for column in table.columns.values() if is_kept_apart(column) %}{% do names.append(column.name ~ '__kept') %}{% endfor %}
    {{ return(names) }}
{%- endmacro %}

{% macro is_kept_apart(column) -%}
    {{ return(meta_of(column).get('normalise') or type_said(column.data_type, column.name).kind == 'json') }}
{%- endmacro %}

{% macro spark__as_kept(column, alias) -%}
    {% if is_kept_apart(column) %}{{ return(alias ~ adapter.quote(column.name ~ '__kept')) }}{% endif %}
    {{ return(or_default(column, alias ~ adapter.quote(column.name))) }}
{%- endmacro %}

{#- It comes as one. -#}
{% macro spark__json_document(text) -%}{{ return(text) }}{%- endmacro %}

{% macro spark__shown_moment(timestamp) -%}
    {{ return("concat(replace(" ~ as_varchar(timestamp) ~ ", ' ', 'T'), 'Z')") }}
{%- endmacro %}

{% macro spark__has_year_of_four_digits(timestamp) -%}
    {{ return(timestamp ~ " between timestamp '0001-01-01' and timestamp '9999-12-31 23:59:59.999999'") }}
{%- endmacro %}

{% macro spark__value_as_shown(value, type) -%}
    {{ return("concat(replace(cast(" ~ value ~ " as string), ' ', 'T'), 'Z')" if type.startswith('timestamp') else value) }}
{%- endmacro %}

{% macro spark__utc_now() -%}
    {{ return('current_timestamp()') }}
{%- endmacro %}

{% macro spark__new_id() -%}
    {{ return('uuid()') }}
{%- endmacro %}

{% macro spark__is_same(one, other) -%}
    {{ return('(' ~ one ~ ' <=> ' ~ other ~ ')') }}
{%- endmacro %}

{% macro spark__joined(separator, values) -%}
    {{ return('concat_ws(' ~ text_literal(separator) ~ ', ' ~ values | join(', ') ~ ')') }}
{%- endmacro %}

{% macro spark__digest(text) -%}
    {{ return('md5(' ~ text ~ ')') }}
{%- endmacro %}

{% macro spark__sha_256(text) -%}
    {{ return('sha2(' ~ text ~ ', 256)') }}
{%- endmacro %}

{#- To sort them all would be one task's. -#}
{% macro spark__written_twice(column, relation) -%}
    {%- set column = adapter.quote(column) -%}
    select {{ column }} from {{ relation }} where {{ column }} is not null group by {{ column }} having count(*) > 1
{%- endmacro %}

{% macro spark__struct(members) -%}
    {% set pairs = [] %}
    {% for name, value in members.items() %}{% do pairs.append("'" ~ name ~ "', " ~ value) %}{% endfor %}
    {{ return('named_struct(' ~ pairs | join(', ') ~ ')') }}
{%- endmacro %}

{% macro spark__list_of(item) -%}
    {{ return('collect_list(' ~ item ~ ')') }}
{%- endmacro %}

{#- JSON has no type of its own there: violations are all that it is asked of. -#}
{% macro spark__json_value(text) -%}
    {{ return("from_json(" ~ text ~ ", 'array<struct<`column`:string,rule:string,message:string,value:string>>')") }}
{%- endmacro %}

{#- to_json() takes no text: each value is written as a list of one, without the brackets. -#}
{% macro spark__json_text(value) -%}
    {{ return('regexp_extract(' ~ spark_to_json('array(' ~ value ~ ')') ~ ", r'(?s)^\\[(.*)\\]$', 1)") }}
{%- endmacro %}

{% macro spark_to_json(value) -%}
    {{ return('to_json(' ~ value ~ ", map('ignoreNullFields', 'false'))") }}
{%- endmacro %}

{% macro spark__json_member(json, member) -%}
    {{ return('get_json_object(' ~ json ~ ", '$." ~ member ~ "')") }}
{%- endmacro %}

{% macro spark__row_as_json(columns, rest) -%}
    {% set members = {} %}
    {% for name in columns %}{% do members.update({name: adapter.quote(name)}) %}{% endfor %}
    case
        when {{ rest }} is null then {{ spark_to_json(struct(members)) }}
        else {{ spark_to_json(struct(dict(members, **{rest: rest}))) }}
    end
{%- endmacro %}

{% macro spark__unnested(values) -%}
    explode(filter(array(
        {{ values | join(',\n        ') }}
    ), x -> x is not null))
{%- endmacro %}

{% macro spark__each_violation(violations) -%}
    explode(transform(
        from_json({{ violations }}, 'array<struct<`column`:string,rule:string>>'),
        x -> named_struct('column_name', x.`column`, 'rule', x.rule)
    ))
{%- endmacro %}

{% macro spark__violations_as_json(violation) -%}
    {%- set sorted -%}
    transform(
        array_sort(collect_list({{ violation }})),
        x -> named_struct('column', x.`column`, 'rule', x.rule, 'message', x.message, 'value', x.value)
    )
    {%- endset -%}
    {{ return(spark_to_json(sorted)) }}
{%- endmacro %}
