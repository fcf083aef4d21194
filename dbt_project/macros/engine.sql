{#- What differs between engines, each in one small macro: another engine is another prefix here. -#}

{% macro full_match(text, form) -%}
    {{ return(adapter.dispatch('full_match')(text, form)) }}
{%- endmacro %}

{% macro default__full_match(text, form) -%}
    {{ return("regexp_full_match(" ~ text ~ ", '" ~ form ~ "')") }}
{%- endmacro %}

{% macro is_finite(number) -%}
    {{ return(adapter.dispatch('is_finite')(number)) }}
{%- endmacro %}

{% macro default__is_finite(number) -%}
    {{ return('isfinite(' ~ number ~ ')') }}
{%- endmacro %}

{#- A text with an offset must never be cast to a plain timestamp: the offset would be dropped. -#}
{% macro utc_timestamp(text) -%}
    {{ return(adapter.dispatch('utc_timestamp')(text)) }}
{%- endmacro %}

{% macro default__utc_timestamp(text) -%}
    case
        when {{ text }} like '%Z' then try_cast({{ text }} as timestamp)
        when timezone('UTC', try_cast({{ text }} as timestamptz))
            between timestamp '0001-01-01' and timestamp '9999-12-31 23:59:59.999999'
            then timezone('UTC', try_cast({{ text }} as timestamptz))
    end
{%- endmacro %}

{#- One row per element of a list of violations (NULL where a rule holds). -#}
{% macro unnested(violations) -%}
    {{ return(adapter.dispatch('unnested')(violations)) }}
{%- endmacro %}

{% macro default__unnested(violations) -%}
    unnest(list_filter([
        {{ violations | join(',\n        ') }}
    ], lambda x: x is not null))
{%- endmacro %}

{#- A violation as a struct; `place` orders the violations of a row as the dictionary does. -#}
{% macro violation(place, column, rule, message, value) -%}
    {{ return(adapter.dispatch('violation')(place, column, rule, message, value)) }}
{%- endmacro %}

{% macro default__violation(place, column, rule, message, value) -%}
    {'place': {{ place }}, 'column': {{ column }}, 'rule': '{{ rule }}', 'message': {{ message }}, 'value': {{ value }}}
{%- endmacro %}

{% macro violations_as_json(violation) -%}
    {{ return(adapter.dispatch('violations_as_json')(violation)) }}
{%- endmacro %}

{% macro default__violations_as_json(violation) -%}
    {#- Sorted by their first field, place: six times as fast as an aggregate with an order. -#}
    cast(to_json(list_transform(
        list_sort(list({{ violation }})),
        lambda x: {'column': x.column, 'rule': x.rule, 'message': x.message, 'value': x.value}
    )) as varchar)
{%- endmacro %}

{#- A row as a JSON object; `rest` is a column that joins it only where it is not NULL. -#}
{% macro row_as_json(columns, rest) -%}
    {{ return(adapter.dispatch('row_as_json')(columns, rest)) }}
{%- endmacro %}

{% macro default__row_as_json(columns, rest) -%}
    {% set pairs = [] %}
    {% for name in columns %}{% do pairs.append(adapter.quote(name) ~ ' := ' ~ adapter.quote(name)) %}{% endfor %}
    cast(case
        when {{ rest }} is null then to_json(struct_pack({{ pairs | join(', ') }}))
        else to_json(struct_pack({{ pairs | join(', ') }}, {{ rest }} := {{ rest }}))
    end as varchar)
{%- endmacro %}

{#- A table for a file's lines as they are written. DuckDB tries all its ways to pack each column, which
    takes longer than to read the file; told to use zstd, it tries no other, and leaves short texts as they are. -#}
{% macro text_table(table, number, columns) -%}
    {{ return(adapter.dispatch('text_table')(table, number, columns)) }}
{%- endmacro %}

{% macro default__text_table(table, number, columns) -%}
    {{ table }} ({{ number }} bigint{% for name in columns %}, {{ adapter.quote(name) }} varchar using compression zstd{% endfor %})
{%- endmacro %}

{#- What tells that a file has changed, as one text; none when there is no such file. A large file is
    told by its size and time of change, which DuckDB knows to the second. -#}
{% macro file_state(path) -%}
    {{ return(adapter.dispatch('file_state')(path)) }}
{%- endmacro %}

{% macro default__file_state(path) -%}
    {% set quoted = path | replace("'", "''") %}
    {% if run_query("select count(*) from glob('" ~ quoted ~ "')").rows[0][0] == 0 %}
        {{ return(none) }}
    {% endif %}
    {{ return(run_query(
        "select case when size < 64000000 then md5(content) else size || ' ' || last_modified end from read_blob('" ~ quoted ~ "')"
    ).rows[0][0]) }}
{%- endmacro %}

{#- (name, type, is primary key) of each column of a table; nothing when there is no such table. -#}
{% macro columns_of_table(schema, name) -%}
    {{ return(adapter.dispatch('columns_of_table')(schema, name)) }}
{%- endmacro %}

{% macro default__columns_of_table(schema, name) -%}
    {% set table = "schema_name = '" ~ schema ~ "' and table_name = '" ~ name ~ "'" %}
    {{ return(run_query(
        "select column_name, data_type, column_name in (select unnest(constraint_column_names)"
        ~ " from duckdb_constraints() where constraint_type = 'PRIMARY KEY' and " ~ table ~ ")"
        ~ " from duckdb_columns() where " ~ table
    ).rows) }}
{%- endmacro %}

{#- A whole number of a JSON object, NULL where it has no such member. -#}
{% macro number_in_json(json, member) -%}
    {{ return(adapter.dispatch('number_in_json')(json, member)) }}
{%- endmacro %}

{% macro default__number_in_json(json, member) -%}
    {{ return("try_cast(json_extract_string(" ~ json ~ ", '$." ~ member ~ "') as bigint)") }}
{%- endmacro %}

{#- A contract's columns as a new table has them: without the primary key, which add_primary_key() adds when the
    rows are in. DuckDB would make its index twice, for the rows on their way and again for those in the table. -#}
{% macro duckdb__get_table_columns_and_constraints() -%}
    {% set columns = {} %}
    {% for name, column in model.columns.items() %}
        {% set others = column.constraints | rejectattr('type', 'equalto', 'primary_key') | list %}
        {% do columns.update({name: dict(column, constraints=others)}) %}
    {% endfor %}
    ({{ adapter.render_raw_columns_constraints(raw_columns=columns) | join(', ') }})
{%- endmacro %}

{#- In the transaction that made the table; nothing where it has its key. -#}
{% macro add_primary_key(table, column) -%}
    {{ return(adapter.dispatch('add_primary_key')(table, column)) }}
{%- endmacro %}

{% macro default__add_primary_key(table, column) -%}
    {% set key = "select 1 from duckdb_constraints() where constraint_type = 'PRIMARY KEY'"
        ~ " and schema_name = '" ~ table.schema ~ "' and table_name = '" ~ table.identifier ~ "'" %}
    {{ return('' if run_query(key).rows else 'alter table ' ~ table ~ ' add primary key (' ~ adapter.quote(column) ~ ');') }}
{%- endmacro %}
