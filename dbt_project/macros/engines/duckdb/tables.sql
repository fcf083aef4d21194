{#- DuckDB: tables, made and changed. -#}

{% macro duckdb__query_in_steps(steps, last) -%}
    with
    {%- for name, query in steps.items() %}
    {{ name }} as (
        {{ query }}
    ){{ ',' if not loop.last }}
    {%- endfor %}
    {{ last }}
{%- endmacro %}

{% macro duckdb__statements(body) -%}
    {{ return(body) }}
{%- endmacro %}

{% macro duckdb__run_statements(body) -%}
    {% call statement('statements', auto_begin=false) %}{{ body }}{% endcall %}
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

{#- A default that is there already is left alone: to set it again would fail those who are just inserting. It is set
    last, so that what a killed build has left is done again. Numbers of before lie below 0, by the time. -#}
{% macro duckdb__number_rows(table, moment) -%}
    {% set notes = notes_of_run() %}
    {% if 'numbered' not in notes %}
        {% do notes.update({'numbered': run_query(
            "select schema_name || '.' || table_name from duckdb_columns()"
            ~ " where column_name = 'number' and column_default is not null and database_name = current_database()"
        ).rows | map('first') | list}) %}
    {% endif %}
    {%- if table not in notes.numbered %}
    create sequence if not exists ops.numbers;
    alter table {{ table }} add column if not exists number bigint;
    update {{ table }} set number = epoch_us({{ moment }}) - 4000000000000000000 where number is null;
    alter table {{ table }} alter column number set default nextval('ops.numbers');
    {%- endif %}
{%- endmacro %}

{% macro duckdb__add_primary_key(table, columns) -%}
    {% set key = "select 1 from duckdb_constraints() where constraint_type = 'PRIMARY KEY'"
        ~ " and schema_name = '" ~ table.schema ~ "' and table_name = '" ~ table.identifier ~ "'" %}
    {{ return('' if run_query(key).rows else 'alter table ' ~ table ~ ' add primary key (' ~ listed(columns) ~ ');') }}
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

{% macro duckdb__insert_missing(table, key, columns, query) -%}
    insert into {{ table }} ({{ columns | join(', ') }})
    select * from ({{ query }}) as come({{ columns | join(', ') }})
    where not exists (select 1 from {{ table }} as there where {{ equal_in(key, 'there.', 'come.') }})
    order by {{ listed(key) }}
{%- endmacro %}

{% macro duckdb__update_from(table, changes, source, condition) -%}
    {% set changed = [] %}
    {% for name, value in changes.items() %}{% do changed.append(name ~ ' = ' ~ value) %}{% endfor %}
    update {{ table }} set
        {{ changed | join(',\n        ') }}
    from {{ source }}
    where {{ condition }}
{%- endmacro %}

{% macro duckdb__rows_of_others(table, load) -%}
    {{ return(table) }}
{%- endmacro %}

{#- Python, as in asked.sql: service/evolution/evolving.py, on the connection that files are landed by. -#}
{% macro duckdb__altering_changes(content) -%}
    {% set asked = {'content': content} %}
    {% do adapter.store_relation('gatehouse', this or 'dictionary', [], '', 'altering', asked) %}
    {{ return(asked.changes) }}
{%- endmacro %}

{% macro duckdb__altered(asked) -%}
    {% do adapter.store_relation('gatehouse', this or 'dictionary', [], '', 'alter', asked) %}
    {{ return(asked.problem) }}
{%- endmacro %}

{% macro duckdb__show_dictionary(content) -%}
    {% do adapter.store_relation('gatehouse', this or 'dictionary', [], '', 'dictionary', {'content': content}) %}
{%- endmacro %}

{% macro duckdb__drop_table(table) -%}
    {{ return('drop table if exists ' ~ table) }}
{%- endmacro %}

{% macro duckdb__rename_table(table, name) -%}
    {{ return('alter table ' ~ table ~ ' rename to ' ~ adapter.quote(name)) }}
{%- endmacro %}

{% macro duckdb__rename_column(table, was, name) -%}
    {{ return('alter table ' ~ table ~ ' rename column ' ~ adapter.quote(was) ~ ' to ' ~ adapter.quote(name)) }}
{%- endmacro %}

{#- What has a key of another type is copied: DuckDB alters no column of a primary key, and none of what it has altered
    in the same transaction can it update. The rest is altered; of names that is no work. -#}
{% macro duckdb__alter_columns(table, was, changes) -%}
    {% set core, there = 'core.' ~ adapter.quote(table.name), columns_of_table('core', was) | map(attribute=0) | list %}
    {% set keys, statements = key_columns(table), [] %}
    {% set retyped = {} %}
    {% for change in changes if change.kind in ('column widened', 'column narrowed', 'column retyped') %}
        {% do retyped.update({change.column: duckdb_cast(adapter.quote(change.column), change.becomes, change.was)}) %}
    {% endfor %}
    {% for change in changes if change.kind == 'column dropped' %}
        {% do statements.append('alter table ' ~ core ~ ' drop column ' ~ adapter.quote(change.column)) %}
    {% endfor %}
    {% for change in changes if change.kind == 'column renamed' %}
        {% do statements.append(rename_column(core, change.was, change.column)) %}
    {% endfor %}
    {% if keys | select('in', retyped) | list %}
        {% set values = [] %}
        {% for name, value in retyped.items() %}{% do values.append(value ~ ' as ' ~ adapter.quote(name)) %}{% endfor %}
        {% do statements.append('create or replace table ' ~ core ~ ' as select * replace (' ~ values | join(', ') ~ ') from ' ~ core) %}
        {% set quoted = [] %}
        {% for key in keys %}{% do quoted.append(adapter.quote(key)) %}{% endfor %}
        {% do statements.append('alter table ' ~ core ~ ' add primary key (' ~ quoted | join(', ') ~ ')') %}
    {% else %}
        {% for change in changes if change.column in retyped %}
            {% do statements.append(
                'alter table ' ~ core ~ ' alter column ' ~ adapter.quote(change.column) ~ ' type ' ~ change.becomes
                ~ ' using ' ~ retyped[change.column]
            ) %}
        {% endfor %}
    {% endif %}
    {% for change in changes if change.kind == 'column added' and change.column not in there %}
        {% set column = adapter.quote(change.column) %}
        {% set default = 'null' if change.default is none else text_literal(change.default) %}
        {% do statements.append(
            'alter table ' ~ core ~ ' add column ' ~ column ~ ' ' ~ change.becomes
            ~ ' default cast(' ~ default ~ ' as ' ~ change.becomes ~ ')'
        ) %}
        {% do statements.append('alter table ' ~ core ~ ' alter column ' ~ column ~ ' drop default') %}
    {% endfor %}
    {{ return(statements) }}
{%- endmacro %}

{#- service/evolution/rows_to_come.py says the same, of what may not be one. -#}
{% macro duckdb_cast(value, type, was) -%}
    {% if type != was and type.startswith('timestamp') and was.startswith('timestamp') %}
        {{ return("timezone('UTC', " ~ value ~ ')') }}
    {% endif %}
    {{ return('cast(' ~ value ~ ' as ' ~ type ~ ')') }}
{%- endmacro %}
