{#-
    How a text is read as a column's type: in SQL here, in Python in service/dictionary/column_types.py, and
    nowhere else. A cast alone would lie ('12.5' becomes 13, an offset is dropped), so a
    regular expression guards each. NULL comes out of what cannot be read, and `said`
    is what is told of it. Years are 0001 to 9999.
-#}
{% macro column_type(data_type, where) %}
    {% set day = '(000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})-[0-9]{2}-[0-9]{2}' %}
    {% set types = {
        'integer': {'form': '-?[0-9]+(\\.0+)?', 'reads': 'a whole number of 32 bits'},
        'bigint': {'form': '-?[0-9]+(\\.0+)?', 'reads': 'a whole number of 64 bits'},
        'double': {'form': '-?[0-9]+(\\.[0-9]+)?([eE][+-]?[0-9]+)?', 'reads': 'a number'},
        'boolean': {'form': '[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee]', 'reads': 'true or false'},
        'date': {'form': day, 'reads': 'a date written like 2021-07-27'},
        'timestamp': {
            'form': day ~ '[Tt ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6}0*)?'
                ~ '([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])?',
            'reads': 'a date and time written like 2021-07-27T16:02:08Z'
        },
        'varchar': {'form': none, 'said': 'has a NUL character, which no text may have'}
    } %}
    {% if data_type | lower not in types %}
        {{ exceptions.raise_compiler_error(
            where ~ ": data_type '" ~ data_type ~ "' is not known; known are " ~ types.keys() | join(', ')
        ) }}
    {% endif %}
    {% set type = types[data_type | lower] %}
    {{ return(dict(type, said=type.said or 'is not ' ~ type.reads)) }}
{% endmacro %}

{% macro read_as(data_type, text, where) -%}
    {%- set type = column_type(data_type, where) -%}
    {%- if type.form is none -%}
        case when not {{ has_nul(text) }} then {{ text }} end
    {%- elif data_type | lower in ('integer', 'bigint') -%}
        {#- Nearly all are written as a cast would write them, which is sooner known than what they look like. -#}
        {%- set number = cast_or_null(text, data_type | lower) -%}
        case
            when {{ as_varchar(number) }} = {{ text }} then {{ number }}
            when {{ full_match(text, type.form) }} then {{ cast_guarded(data_type | lower, text) }}
        end
    {%- else -%}
        case when {{ full_match(text, type.form) }} then {{ cast_guarded(data_type | lower, text) }} end
    {%- endif -%}
{%- endmacro %}

{#- The cast behind the guard. -#}
{% macro cast_guarded(data_type, text) -%}
    {%- if data_type in ('integer', 'bigint') -%}
        {{ cast_or_null(before_point(text), data_type) }}
    {%- elif data_type == 'double' -%}
        {%- set number = cast_or_null(text, 'double') -%}
        case when {{ is_finite(number) }} then {{ number }} end
    {%- elif data_type == 'boolean' -%}
        lower({{ text }}) = 'true'
    {%- elif data_type == 'date' -%}
        {{ cast_or_null(text, 'date') }}
    {%- elif data_type == 'timestamp' -%}
        {{ utc_timestamp(text) }}
    {%- endif -%}
{%- endmacro %}
