{#- Spark: tables, made and changed. It takes one statement at a time, and knows no transaction over several tables. What
    tables and columns are wanted is noted, and made before the next statements. -#}

{#- A statement that answers nothing: a server of Thrift has no result of it, not even an empty one. -#}
{% macro spark_execute(said) -%}
    {% call statement('spark', auto_begin=false) %}{{ said }}{% endcall %}
{%- endmacro %}

{% macro spark__run_statements(body) -%}
    {% do spark_make_wanted() %}
    {% for each in modules.re.split(';\\s*\\n', body ~ '\n') %}
        {% set bare = modules.re.sub('(?m)^\\s*--.*$', '', each) | trim %}
        {% if bare %}{% do spark_execute(bare.rstrip(';')) %}{% endif %}
    {% endfor %}
{%- endmacro %}

{% macro spark__statements(body) -%}
    {% do spark__run_statements(body) %}
    {{ return('') }}
{%- endmacro %}

{% macro spark__make_schemas(names) -%}
    {% for name in names + ['marts', 'work', 'backup'] %}{% do spark_execute('create schema if not exists ' ~ name) %}{% endfor %}
    {{ return('') }}
{%- endmacro %}

{#- No key, no check: nothing would hold to them. What is asked of a table in one go is done in one. -#}
{% macro spark__make_table(table, columns, key) -%}
    {% do spark_want(table, columns) %}
    {{ return('') }}
{%- endmacro %}

{% macro spark_want(table, columns) -%}
    {% set wanted = notes_of_run().setdefault('wanted', {}) %}
    {% set of_table = wanted.setdefault(table.replace('`', ''), {}) %}
    {% for name, type in columns.items() if name not in of_table %}{% do of_table.update({name: type}) %}{% endfor %}
{%- endmacro %}

{% macro spark_make_wanted() -%}
    {% for table, columns in notes_of_run().pop('wanted', {}).items() %}
        {% set schema, name = table.split('.') %}
        {% set there, missing = columns_of_table(schema, name) | map(attribute=0) | list, {} %}
        {% for column, type in columns.items() if column not in there %}{% do missing.update({column: type}) %}{% endfor %}
        {% set written = schema ~ '.' ~ adapter.quote(name) %}
        {% if not there %}
            {% do spark_execute('create table if not exists ' ~ written ~ ' (' ~ spark_columns(columns) ~ ') using iceberg') %}
            {% do spark_note(schema, name) %}
        {% elif missing %}
            {% do spark_execute('alter table ' ~ written ~ ' add columns (' ~ spark_columns(missing) ~ ')') %}
        {% endif %}
    {% endfor %}
{%- endmacro %}

{% macro spark_note(schema, name) -%}
    {% set tables = spark_tables_in(schema) %}
    {% if name not in tables %}{% do tables.append(name) %}{% endif %}
{%- endmacro %}

{#- Columns, names mapped to types with what has to hold behind, as Spark declares them. -#}
{% macro spark_columns(columns) -%}
    {% set parts = [] %}
    {% for name, said in columns.items() %}
        {% set words = said.split(' check ')[0].split(' ', 1) %}
        {% do parts.append(adapter.quote(name) ~ ' ' ~ ([type_name(words[0])] + words[1:]) | join(' ')) %}
    {% endfor %}
    {{ return(parts | join(', ')) }}
{%- endmacro %}

{% macro spark__replace_table(table, query) -%}
    {{ return('create or replace table ' ~ table ~ ' using iceberg as ' ~ query) }}
{%- endmacro %}

{% macro spark__make_text_table(table, numbers, columns, anew) -%}
    {% set typed = {} %}
    {% for name in numbers %}{% do typed.update({name: 'bigint'}) %}{% endfor %}
    {% for name in columns %}{% do typed.update({name: 'varchar'}) %}{% endfor %}
    {% if anew %}
        {% do spark_execute('create or replace table ' ~ table ~ ' (' ~ spark_columns(typed) ~ ') using iceberg') %}
        {% do spark_note(*table.replace('`', '').split('.')) %}
    {% else %}
        {% do spark_want(table, typed) %}
    {% endif %}
    {{ return('') }}
{%- endmacro %}

{#- No table there is one run's alone. -#}
{% macro spark__work_table(name) -%}
    {{ return('work.' ~ adapter.quote(name)) }}
{%- endmacro %}

{#- It would put each step into all that use it. -#}
{% macro spark__query_in_steps(steps, last) -%}
    {% for name, query in steps.items() %}
        {% do spark_execute('drop view if exists ' ~ name) %}
        {% do spark_execute('cache table ' ~ name ~ ' as ' ~ query) %}
    {% endfor %}
    {{ return(last) }}
{%- endmacro %}

{% macro spark__replace_work_table(table, query) -%}
    {{ return(spark__replace_table(table, query)) }}
{%- endmacro %}

{% macro spark__add_columns(table, columns) -%}
    {% do spark_want(table, columns) %}
    {{ return('') }}
{%- endmacro %}

{#- Those that the gate gave come with its changes; what is judged here has none, and comes before. -#}
{% macro spark__number_rows(table, moment) -%}
    {{ return(spark__add_columns(table, {'number': 'bigint'})) }}
{%- endmacro %}

{% macro spark__add_primary_key(table, columns) -%}
    {{ return('') }}
{%- endmacro %}

{% macro spark__upsert(table, key, row, source) -%}
    {% set values, changed, same = [], [], [] %}
    {% set keys = [key] if key is string else key %}
    {% for name in keys %}{% do same.append('there.' ~ name ~ ' = come.' ~ name) %}{% endfor %}
    {% for name, value in row.items() %}
        {% do values.append(value ~ ' as ' ~ name) %}
        {% do changed.append('there.' ~ name ~ ' = come.' ~ name) %}
    {% endfor %}
    merge into {{ table }} as there
    using (select {{ values | join(', ') }} {{ source }}) as come on {{ same | join(' and ') }}
    when matched then update set {{ changed | join(', ') }}
    when not matched then insert ({{ row | join(', ') }}) values (come.{{ row | join(', come.') }})
{%- endmacro %}

{% macro spark__insert_or_change(table, key, columns, query, changes, only_where) -%}
    {% set changed, holds = [], [] %}
    {% for name, value in changes.items() %}{% do changed.append('there.' ~ name ~ ' = ' ~ value) %}{% endfor %}
    {% for name, value in only_where.items() %}{% do holds.append('there.' ~ name ~ ' = ' ~ value) %}{% endfor %}
    merge into {{ table }} as there
    using (select * from ({{ query }}) as found({{ columns | join(', ') }})) as come on there.{{ key }} = come.{{ key }}
    when matched and {{ holds | join(' and ') }} then update set {{ changed | join(', ') }}
    when not matched then insert ({{ columns | join(', ') }}) values (come.{{ columns | join(', come.') }})
{%- endmacro %}

{% macro spark__insert_missing(table, key, columns, query) -%}
    merge into {{ table }} as there
    using (select * from ({{ query }}) as found({{ columns | join(', ') }})) as come on {{ equal_in(key, 'there.', 'come.') }}
    when not matched then insert ({{ columns | join(', ') }}) values (come.{{ columns | join(', come.') }})
{%- endmacro %}

{% macro spark__update_from(table, changes, source, condition) -%}
    {% set changed = [] %}
    {% set name = table.split('.') | last %}
    {% for column, value in changes.items() %}{% do changed.append(name ~ '.' ~ column ~ ' = ' ~ value) %}{% endfor %}
    merge into {{ table }} as {{ name }}
    using {{ source }} on {{ condition }}
    when matched then update set {{ changed | join(', ') }}
{%- endmacro %}

{#- Before the first statement, spark_alter_tables() does. -#}
{% macro spark__altering_changes(content) -%}
    {{ return([]) }}
{%- endmacro %}

{% macro spark__altered(asked) -%}{{ return('tables are not altered on Spark') }}{%- endmacro %}

{% macro spark__show_dictionary(content) -%}{%- endmacro %}

{#- Without purge its files would stay on the lake. -#}
{% macro spark__drop_table(table) -%}
    {{ return('drop table if exists ' ~ table ~ ' purge') }}
{%- endmacro %}

{% macro spark__rename_table(table, name) -%}
    {{ return('alter table ' ~ table ~ ' rename to ' ~ adapter.quote(name)) }}
{%- endmacro %}

{% macro spark__rename_column(table, was, name) -%}
    {{ return('alter table ' ~ table ~ ' rename column ' ~ adapter.quote(was) ~ ' to ' ~ adapter.quote(name)) }}
{%- endmacro %}

{% macro spark__alter_columns(table, was, changes) -%}
    {{ return([]) }}
{%- endmacro %}
