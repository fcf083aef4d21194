{#- DuckDB, for one machine. engines/_dispatch.sql says what each macro is for. -#}

{% macro duckdb__text_literal(text) -%}
    {{ return("'" ~ text | replace("'", "''") ~ "'") }}
{%- endmacro %}

{% macro duckdb__no_text() -%}
    {{ return('cast(null as varchar)') }}
{%- endmacro %}

{% macro duckdb__as_varchar(value) -%}
    {{ return('cast(' ~ value ~ ' as varchar)') }}
{%- endmacro %}

{% macro duckdb__cast_or_null(text, type) -%}
    {{ return('try_cast(' ~ text ~ ' as ' ~ type ~ ')') }}
{%- endmacro %}

{% macro duckdb__full_match(text, form) -%}
    {{ return("regexp_full_match(" ~ text ~ ", '" ~ form ~ "')") }}
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

{% macro duckdb__has_year_of_four_digits(timestamp) -%}
    {{ return(timestamp ~ " between timestamp '0001-01-01' and timestamp '9999-12-31 23:59:59.999999'") }}
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

{% macro duckdb__violations_as_json(violation) -%}
    {#- Sorted by their first field, place: six times as fast as an aggregate with an order. -#}
    cast(to_json(list_transform(
        list_sort(list({{ violation }})),
        lambda x: {'column': x.column, 'rule': x.rule, 'message': x.message, 'value': x.value}
    )) as varchar)
{%- endmacro %}

{% macro duckdb__statements(body) -%}
    {{ return(body) }}
{%- endmacro %}

{% macro duckdb__make_schemas(names) -%}
    {% set made = [] %}
    {% for name in names %}{% do made.append('create schema if not exists ' ~ name) %}{% endfor %}
    {{ return(made | join(';\n')) }}
{%- endmacro %}

{% macro duckdb__make_table(table, columns, key) -%}
    {% set parts = [] %}
    {% for name, type in columns.items() %}{% do parts.append(name ~ ' ' ~ type) %}{% endfor %}
    {% if key %}{% do parts.append('primary key (' ~ key | join(', ') ~ ')') %}{% endif %}
    {{ return('create table if not exists ' ~ table ~ ' (' ~ parts | join(', ') ~ ')') }}
{%- endmacro %}

{% macro duckdb__replace_table(table, query) -%}
    {{ return('create or replace table ' ~ table ~ ' as ' ~ query) }}
{%- endmacro %}

{#- DuckDB tries all its ways to pack each column, which takes longer than to read the file; told to use zstd,
    it tries no other, and leaves short texts as they are. -#}
{% macro duckdb__make_text_table(table, numbers, columns, anew) -%}
    {% set parts = [] %}
    {% for name in numbers %}{% do parts.append(name ~ ' bigint') %}{% endfor %}
    {% for name in columns %}{% do parts.append(adapter.quote(name) ~ ' varchar using compression zstd') %}{% endfor %}
    {% set create = 'create or replace table ' if anew else 'create table if not exists ' %}
    {{ return(create ~ table ~ ' (' ~ parts | join(', ') ~ ')') }}
{%- endmacro %}

{% macro duckdb__work_table(name) -%}
    {{ return(adapter.quote(name)) }}
{%- endmacro %}

{% macro duckdb__replace_work_table(table, query) -%}
    {{ return('create or replace temporary table ' ~ table ~ ' as ' ~ query) }}
{%- endmacro %}

{% macro duckdb__add_columns(table, columns) -%}
    {%- for name, type in columns.items() %}
    alter table {{ table }} add column if not exists {{ adapter.quote(name) }} {{ type }};
    {%- endfor %}
{%- endmacro %}

{% macro duckdb__add_primary_key(table, column) -%}
    {% set key = "select 1 from duckdb_constraints() where constraint_type = 'PRIMARY KEY'"
        ~ " and schema_name = '" ~ table.schema ~ "' and table_name = '" ~ table.identifier ~ "'" %}
    {{ return('' if run_query(key).rows else 'alter table ' ~ table ~ ' add primary key (' ~ adapter.quote(column) ~ ');') }}
{%- endmacro %}

{#- A new table's contract without the primary key, which is added when the rows are in. DuckDB would make its index
    twice, for the rows on their way and again for those in the table. -#}
{% macro duckdb__get_table_columns_and_constraints() -%}
    {% set columns = {} %}
    {% for name, column in model.columns.items() %}
        {% set others = column.constraints | rejectattr('type', 'equalto', 'primary_key') | list %}
        {% do columns.update({name: dict(column, constraints=others)}) %}
    {% endfor %}
    ({{ adapter.render_raw_columns_constraints(raw_columns=columns) | join(', ') }})
{%- endmacro %}

{#- Without the database's name, which is that of the file: a view must survive a renamed warehouse. -#}
{% macro duckdb__get_create_view_as_sql(relation, sql) -%}
    {{ return(create_view_as(relation, sql | replace(adapter.quote(relation.database) ~ '.', ''))) }}
{%- endmacro %}

{% macro duckdb__upsert(table, key, row, source) -%}
    insert or replace into {{ table }} ({{ row | join(', ') }})
    select {{ row.values() | join(', ') }}
    {{ source }}
{%- endmacro %}

{% macro duckdb__insert_or_change(table, key, columns, query, changes, only_where) -%}
    {% set changed, holds = [], [] %}
    {% for name, value in changes.items() %}{% do changed.append(name ~ ' = ' ~ value) %}{% endfor %}
    {% for name, value in only_where.items() %}{% do holds.append(table ~ '.' ~ name ~ ' = ' ~ value) %}{% endfor %}
    insert into {{ table }} ({{ columns | join(', ') }})
    {{ query }}
    on conflict ({{ key }}) do update set {{ changed | join(', ') }}
    where {{ holds | join(' and ') }}
{%- endmacro %}

{% macro duckdb__update_from(table, changes, source, condition) -%}
    {% set changed = [] %}
    {% for name, value in changes.items() %}{% do changed.append(name ~ ' = ' ~ value) %}{% endfor %}
    update {{ table }} set
        {{ changed | join(',\n        ') }}
    from {{ source }}
    where {{ condition }}
{%- endmacro %}

{% macro duckdb__names_of_tables() -%}
    {% set tables = run_query("select table_schema || '.' || table_name from information_schema.tables") %}
    {{ return(tables.columns[0].values()) }}
{%- endmacro %}

{% macro duckdb__columns_of_table(schema, name) -%}
    {% set table = "schema_name = '" ~ schema ~ "' and table_name = '" ~ name ~ "'" %}
    {{ return(run_query(
        "select column_name, data_type, column_name in (select unnest(constraint_column_names)"
        ~ " from duckdb_constraints() where constraint_type = 'PRIMARY KEY' and " ~ table ~ ")"
        ~ " from duckdb_columns() where " ~ table
    ).rows) }}
{%- endmacro %}

{#- A large file is told by its size and time of change, which DuckDB knows to the second. -#}
{% macro duckdb__file_state(path) -%}
    {% set quoted = text_literal(path) %}
    {% if run_query('select count(*) from glob(' ~ quoted ~ ')').rows[0][0] == 0 %}
        {{ return(none) }}
    {% endif %}
    {{ return(run_query(
        "select case when size < 64000000 then md5(content) else size || ' ' || last_modified end from read_blob(" ~ quoted ~ ')'
    ).rows[0][0]) }}
{%- endmacro %}

{#- Python knows it (service/dictionary/file_options.py), as for land_file. -#}
{% macro duckdb__problem_of_files(options, synonyms) -%}
    {% set asked = {'options': options, 'synonyms': synonyms} %}
    {% do adapter.store_relation('gatehouse', this, [], '', 'yaml', asked) %}
    {{ return(asked.problem) }}
{%- endmacro %}

{#- As that: service/dbt/history_files.py. DuckDB's glob() sees neither a folder that is not there nor a broken link. -#}
{% macro duckdb__files_of_history(folder, table, tables) -%}
    {% set asked = {'folder': folder, 'table': table, 'tables': tables} %}
    {% do adapter.store_relation('gatehouse', this or 'history', [], folder, 'folder', asked) %}
    {{ return(asked) }}
{%- endmacro %}

{#- As that: service/dbt/run_context.py. -#}
{% macro duckdb__is_open(load_id) -%}
    {% set asked = {'load_id': load_id} %}
    {% do adapter.store_relation('gatehouse', this or 'open', [], '', 'open', asked) %}
    {{ return(asked.is_open) }}
{%- endmacro %}

{#- By the project's plugin of dbt-duckdb, which profiles.yml names. -#}
{% macro duckdb__land_file(load) -%}
    {% do adapter.store_relation('gatehouse', this, [], load.path, 'csv', load) %}
{%- endmacro %}
