{#- Spark with Iceberg, for what is bigger than a machine. engines/_dispatch.sql says what each macro is for.
    Here: values and JSON. The session's time zone is UTC (profiles.yml). -#}

{#- A backslash escapes there, and two quotes are none. -#}
{% macro spark__text_literal(text) -%}
    {{ return("'" ~ text | replace('\\', '\\\\') | replace("'", "\\'") ~ "'") }}
{%- endmacro %}

{% macro spark__no_text() -%}
    {{ return('cast(null as string)') }}
{%- endmacro %}

{% macro spark__type_name(type) -%}
    {% if type | lower in ('uuid', 'time', 'json', 'timestamp with time zone') %}
        {{ exceptions.raise_compiler_error('Spark builds no column of type ' ~ type) }}
    {% endif %}
    {{ return({'varchar': 'string', 'integer': 'int', 'blob': 'binary'}.get(type | lower, type | lower)) }}
{%- endmacro %}

{% macro spark__decimal_text(value) -%}{{ return(as_varchar(value)) }}{%- endmacro %}

{% macro spark__as_varchar(value) -%}
    {{ return('cast(' ~ value ~ ' as string)') }}
{%- endmacro %}

{% macro spark__cast_or_null(text, type) -%}
    {{ return('try_cast(' ~ text ~ ' as ' ~ type_name(type) ~ ')') }}
{%- endmacro %}

{#- Java's; (?d): a point stands for all but a line feed, as RE2 has it. -#}
{% macro spark__full_match(text, form) -%}
    {#- A quote cannot stand in it; (?i) is of ASCII alone there, without u. -#}
    {%- set form = form | replace("'", '\\x27') | replace('(?i)', '(?iu)') -%}
    {{ return('(' ~ text ~ " rlike r'(?d)\\A(?:" ~ form ~ ")\\z')") }}
{%- endmacro %}

{% macro spark__fails(predicate) -%}
    {{ return('(not coalesce((\n' ~ predicate ~ '\n), true))') }}
{%- endmacro %}

{% macro spark__applies(condition) -%}
    {{ return('coalesce((\n' ~ condition ~ '\n), false)') }}
{%- endmacro %}

{#- Spark has no try() of a whole expression: such a predicate ends the build. -#}
{% macro spark__predicates_that_fail(predicates, rows) -%}{{ return([]) }}{%- endmacro %}

{% macro spark__evaluated(predicate, types, if_null) -%}
    {{ return('coalesce((\n' ~ predicate ~ '\n), ' ~ if_null ~ ')') }}
{%- endmacro %}

{#- DuckDB's build refuses what is no predicate over one row. Here those columns are meant whose names stand in it. -#}
{% macro spark__look_at_predicate(predicate, columns) -%}
    {% set seen = [] %}
    {% for name in columns if modules.re.search('\\b' ~ name ~ '\\b', predicate) %}{% do seen.append(name) %}{% endfor %}
    {{ return({'columns': seen, 'problem': none}) }}
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
    {%- set minutes = "(cast(regexp_extract(" ~ text ~ ", " ~ offset ~ ", 2) as int) * 60"
        ~ " + cast(regexp_extract(" ~ text ~ ", " ~ offset ~ ", 3) as int))" -%}
    {%- set in_utc = local ~ " - make_dt_interval(0, 0, coalesce(" ~ minutes
        ~ " * case regexp_extract(" ~ text ~ ", " ~ offset ~ ", 1) when '-' then -1 else 1 end, 0))" -%}
    case
        when {{ text }} like '____-__-__T__:__:__Z' then try_cast({{ text }} as timestamp)
        when {{ has_year_of_four_digits(in_utc) }}
            then {{ in_utc }}
    end
{%- endmacro %}

{#- No column of these types is built there; see type_name. -#}
{% macro spark__moment_in_utc(timestamp) -%}{{ return(timestamp) }}{%- endmacro %}
{% macro spark__wall_clock_in_utc(moment) -%}{{ return(moment) }}{%- endmacro %}
{% macro spark__json_document(text) -%}{{ return(type_name('json')) }}{%- endmacro %}

{% macro spark__shown_moment(timestamp) -%}
    {{ return("concat(replace(" ~ as_varchar(timestamp) ~ ", ' ', 'T'), 'Z')") }}
{%- endmacro %}

{% macro spark__normalised(text, steps) -%}
    {{ exceptions.raise_compiler_error('Spark normalises no texts (meta.normalise: ' ~ steps | join(', ') ~ ')') }}
{%- endmacro %}

{% macro spark__has_year_of_four_digits(timestamp) -%}
    {{ return(timestamp ~ " between timestamp '0001-01-01' and timestamp '9999-12-31 23:59:59.999999'") }}
{%- endmacro %}

{% macro spark__value_as_shown(value, type) -%}
    {{ return("concat(replace(cast(" ~ value ~ " as string), ' ', 'T'), 'Z')" if type.startswith('timestamp') else value) }}
{%- endmacro %}

{#- What history changes there, ops.changes could not tell in the same commit. -#}
{% macro spark__changes_rows() -%}
    {{ return(false) }}
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
