{#-
    How a text is read as a column's type: in SQL here, in Python in service/dictionary/column_types.py, and
    nowhere else. A cast alone would lie ('12.5' becomes 13, an offset is dropped), so a
    regular expression guards each. NULL comes out of what cannot be read, and `said`
    is what is told of it. Years are 0001 to 9999.
-#}
{% macro column_type(data_type, where) %}
    {% set type = type_said(data_type, where) %}
    {% set day = '(000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})-[0-9]{2}-[0-9]{2}' %}
    {% set time = '([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6}0*)?' %}
    {% set offset = '([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])' %}
    {% set whole = '-?[0-9]+(\\.0+)?' %}
    {% set behind = '(\\.[0-9]{1,' ~ type.scale ~ '}0*)?' if type.scale else '(\\.0+)?' %}
    {% set types = {
        'integer': {'form': whole, 'reads': 'a whole number of 32 bits'},
        'bigint': {'form': whole, 'reads': 'a whole number of 64 bits'},
        'smallint': {'form': whole, 'reads': 'a whole number of 16 bits'},
        'tinyint': {'form': whole, 'reads': 'a whole number of 8 bits'},
        'double': {'form': '-?[0-9]+(\\.[0-9]+)?([eE][+-]?[0-9]+)?', 'reads': 'a number'},
        'decimal': {
            'form': '-?[0-9]+' ~ behind,
            'reads': 'a decimal number of at most ' ~ type.precision ~ ' digits, ' ~ type.scale
                ~ ' of them behind the point'
        },
        'boolean': {'form': '[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee]', 'reads': 'true or false'},
        'uuid': {
            'form': '[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}',
            'reads': 'a UUID written like 6ba7b810-9dad-11d1-80b4-00c04fd430c8'
        },
        'date': {'form': day, 'reads': 'a date written like 2021-07-27'},
        'time': {'form': time, 'reads': 'a time of day written like 16:02:08'},
        'timestamp': {
            'form': day ~ '[Tt ]' ~ time ~ offset ~ '?',
            'reads': 'a date and time written like 2021-07-27T16:02:08Z'
        },
        'timestamp with time zone': {
            'form': day ~ '[Tt ]' ~ time ~ offset,
            'reads': 'a date and time with its offset, written like 2021-07-27T16:02:08+02:00'
        },
        'json': {'form': none, 'reads': 'JSON but null, of at most 60 levels, in which no object has a member twice'},
        'varchar': {'form': none, 'said': 'has a NUL character, which no text may have'}
    } %}
    {% set found = types[type.kind] %}
    {{ return(dict(type, **dict(found, said=found.said or 'is not ' ~ found.reads))) }}
{% endmacro %}

{#- How the YAML writes a type, as service/dictionary/type_names.py reads it: {kind, name, precision, scale, length},
    of numbers none where there is no such. `name` is what the engine is told; the length of a varchar is a rule. -#}
{% macro type_said(data_type, where) %}
    {% set plain = modules.re.sub('[ \\t\\r\\n]+', ' ', data_type | string | lower | trim) %}
    {% set found = modules.re.match('([a-z_][a-z0-9_ ]*?) ?(?:\\( ?([0-9]+) ?(?:, ?([0-9]+) ?)?\\))?$', plain) %}
    {% set name, numbers = (found.group(1) if found else plain), [] %}
    {% for group in (2, 3) if found and found.group(group) is not none %}
        {% do numbers.append(found.group(group) | int) %}
    {% endfor %}
    {% set kind = type_aliases().get(name, name) %}
    {% set type = {'kind': kind, 'name': kind, 'precision': none, 'scale': none, 'length': none} %}
    {% if kind not in kinds_of_types() %}
        {{ exceptions.raise_compiler_error(
            where ~ ": data_type '" ~ data_type ~ "' is not known; known are " ~ kinds_of_types() | join(', ')
        ) }}
    {% elif kind == 'decimal' %}
        {% set digits = numbers + [0] if numbers else [18, 3] %}
        {% do type.update({'precision': digits[0], 'scale': digits[1]}) %}
        {% do type.update({'name': 'decimal(' ~ digits[0] ~ ',' ~ digits[1] ~ ')'}) %}
        {% set is_wrong = not (1 <= digits[0] <= 38 and digits[1] <= digits[0]) %}
    {% elif kind == 'varchar' and numbers %}
        {% do type.update({'length': numbers[0]}) %}
    {% endif %}
    {% if is_wrong or numbers and kind not in ('decimal', 'varchar') or type.length == 0 or kind == 'varchar' and numbers | length > 1 %}
        {{ exceptions.raise_compiler_error(where ~ ": data_type '" ~ data_type ~ "' has parameters that make no sense") }}
    {% endif %}
    {{ return(type) }}
{% endmacro %}

{% macro kinds_of_types() %}
    {{ return([
        'integer', 'bigint', 'smallint', 'tinyint', 'double', 'decimal', 'boolean', 'varchar', 'uuid', 'date', 'time',
        'timestamp', 'timestamp with time zone', 'json'
    ]) }}
{% endmacro %}

{#- The kinds of types whose values can tell rows apart, and be referred to. -#}
{% macro key_kinds() %}
    {{ return(kinds_of_types() | reject('in', ['double', 'boolean', 'json']) | list) }}
{% endmacro %}

{#- Those of whole numbers. -#}
{% macro whole_kinds() %}{{ return(['integer', 'bigint', 'smallint', 'tinyint']) }}{% endmacro %}

{% macro type_aliases() %}
    {{ return({
        'int1': 'tinyint',
        'int2': 'smallint', 'int16': 'smallint', 'short': 'smallint',
        'int': 'integer', 'int4': 'integer', 'int32': 'integer', 'integral': 'integer', 'signed': 'integer',
        'int8': 'bigint', 'int64': 'bigint', 'long': 'bigint',
        'float8': 'double', 'double precision': 'double',
        'numeric': 'decimal', 'dec': 'decimal',
        'bool': 'boolean', 'logical': 'boolean',
        'text': 'varchar', 'string': 'varchar', 'char': 'varchar', 'character': 'varchar', 'bpchar': 'varchar',
        'nvarchar': 'varchar', 'character varying': 'varchar',
        'guid': 'uuid',
        'time without time zone': 'time',
        'datetime': 'timestamp', 'timestamp_us': 'timestamp', 'timestamp without time zone': 'timestamp',
        'timestamptz': 'timestamp with time zone'
    }) }}
{% endmacro %}

{% macro read_as(data_type, text, where) -%}
    {%- set type = column_type(data_type, where) -%}
    {%- if type.kind == 'json' -%}
        {{ json_document(text) }}
    {%- elif type.form is none -%}
        case when not {{ has_nul(text) }} then {{ text }} end
    {%- elif type.kind in whole_kinds() -%}
        {#- Nearly all are written as a cast would write them, which is sooner known than what they look like. -#}
        {%- set number = cast_or_null(text, type.name) -%}
        case
            when {{ as_varchar(number) }} = {{ text }} then {{ number }}
            when {{ full_match(text, type.form) }} then {{ cast_guarded(type, text) }}
        end
    {%- else -%}
        case when {{ full_match(text, type.form) }} then {{ cast_guarded(type, text) }} end
    {%- endif -%}
{%- endmacro %}

{#- The cast behind the guard; `type` is what column_type() answers. -#}
{% macro cast_guarded(type, text) -%}
    {%- if type.kind in whole_kinds() -%}
        {{ cast_or_null(before_point(text), type.name) }}
    {%- elif type.kind == 'double' -%}
        {%- set number = cast_or_null(text, 'double') -%}
        case when {{ is_finite(number) }} then {{ number }} end
    {%- elif type.kind == 'boolean' -%}
        lower({{ text }}) = 'true'
    {%- elif type.kind == 'timestamp' -%}
        {{ utc_timestamp(text) }}
    {%- elif type.kind == 'timestamp with time zone' -%}
        {{ moment_in_utc(utc_timestamp(text)) }}
    {%- else -%}
        {{ cast_or_null(text, type.name) }}
    {%- endif -%}
{%- endmacro %}

{#- A value of a key column as rows are shown, where a cast to varchar would write it otherwise; else as it is. -#}
{% macro as_shown(data_type, value, where) -%}
    {%- set type = type_said(data_type, where) -%}
    {%- if type.kind == 'timestamp' -%}
        {{ return(shown_moment(value)) }}
    {%- elif type.kind == 'timestamp with time zone' -%}
        {{ return(shown_moment(wall_clock_in_utc(value))) }}
    {%- elif type.kind == 'decimal' and type.precision == type.scale -%}
        {{ return(decimal_text(value)) }}
    {%- endif -%}
    {{ return(value) }}
{%- endmacro %}
