{#- DuckDB: what is asked of it, and of Python, while dbt compiles, and what Python does for a model: by the project's plugin of
    dbt-duckdb (service/dbt/plugin.py), which profiles.yml names. -#}

{#- Each table says for itself what is wrong with its page. -#}
{% macro duckdb__check_run() -%}{%- endmacro %}

{#- The service writes them itself. -#}
{% macro duckdb__take_in_books() -%}{%- endmacro %}

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

{#- Python: service/dictionary/file_options.py. -#}
{% macro duckdb__problem_of_files(options, synonyms) -%}
    {% set asked = {'options': options, 'synonyms': synonyms} %}
    {% do adapter.store_relation('gatehouse', this or 'yaml', [], '', 'yaml', asked) %}
    {{ return(asked.problem) }}
{%- endmacro %}

{#- Python: service/dbt/history_files.py. DuckDB's glob() sees neither a folder that is not there nor a broken link. -#}
{% macro duckdb__files_of_history(folder, table, tables) -%}
    {% set asked = {'folder': folder, 'table': table, 'tables': tables} %}
    {% do adapter.store_relation('gatehouse', this or 'history', [], folder, 'folder', asked) %}
    {{ return(asked) }}
{%- endmacro %}

{% macro duckdb__takes_files() -%}
    {{ return(true) }}
{%- endmacro %}

{#- Python: service/dbt/run_context.py. -#}
{% macro duckdb__is_open(load_id) -%}
    {% set asked = {'load_id': load_id} %}
    {% do adapter.store_relation('gatehouse', this or 'open', [], '', 'open', asked) %}
    {{ return(asked.is_open) }}
{%- endmacro %}

{% macro duckdb__land_file(load) -%}
    {% do adapter.store_relation('gatehouse', this, [], load.path, 'csv', load) %}
{%- endmacro %}

{#- Python: service/outbox/build_changes.py, on the connection of the model. -#}
{% macro duckdb__record_change(load) -%}
    {% do adapter.store_relation('gatehouse', this, [], '', 'change', load) %}
{%- endmacro %}
