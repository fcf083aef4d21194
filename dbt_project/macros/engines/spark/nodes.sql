{#- Spark: how a node is built. Hooks run whatever transaction they ask for: there is none, and dbt-spark would pass over
    those that want none. -#}

{% macro spark_run_hooks(hooks) -%}
    {% for hook in hooks %}
        {% set rendered = render(hook.get('sql')) | trim %}
        {% if rendered %}{% do spark__run_statements(rendered) %}{% endif %}
    {% endfor %}
{%- endmacro %}

{#- A table of record: what was judged of its history, and the gate's changes behind it, in one commit. Each row carries
    its load and the number of its change, so that a run that died may be done again: what it had come to counts as its
    own. -#}
{% materialization incremental, adapter='spark' %}
    {% do spark_run_hooks(pre_hooks) %}
    {% do get_assert_columns_equivalent(sql) %}
    {% do spark_make_table_of_record(this) %}
    {% set after, last = changes_taken_in(model.name), last_change() %}
    {% set load = run_query('select 1 from ' ~ current_load()).rows | first %}
    {% if load or last > after %}
        {% call statement('main') %}{{ spark_merge(this, sql, after, last) }}{% endcall %}
        {% if last > after %}{% do note_changes(model.name, last) %}{% endif %}
    {% else %}
        {% call noop_statement('main', 'UNCHANGED') %}-- nothing is new{% endcall %}
    {% endif %}
    {% do spark_run_hooks(post_hooks) %}
    {{ return({'relations': [this.incorporate(type='table')]}) }}
{% endmaterialization %}

{% materialization view, adapter='spark' %}
    {% do spark_run_hooks(pre_hooks) %}
    {% call statement('main') %}{{ get_create_view_as_sql(this, sql) }}{% endcall %}
    {% do spark_note(this.schema, this.identifier) %}
    {% do spark_run_hooks(post_hooks) %}
    {{ return({'relations': [this.incorporate(type='view')]}) }}
{% endmaterialization %}

{% macro spark_make_table_of_record(table) -%}
    {% set columns, there = [], columns_of_table(table.schema, table.identifier) | map(attribute=0) | list %}
    {% for column in model.columns.values() if column.name not in there %}
        {% do columns.append(adapter.quote(column.name) ~ ' ' ~ type_name(type_said(column.data_type, model.name ~ '.' ~ column.name).name)
            ~ ' comment ' ~ text_literal(column.description)) %}
    {% endfor %}
    {% if not there %}
        {% set own = ["_load_id string comment 'The load that brought the row.'",
            "_sequence bigint comment 'The change that wrote it; 0: it was judged here.'"] %}
        {% do spark_execute('create table if not exists ' ~ table ~ ' (' ~ (columns + own) | join(', ') ~ ') using iceberg'
            ~ ' comment ' ~ text_literal(model.description)) %}
        {% do spark_note(table.schema, table.identifier) %}
    {% elif columns %}
        {% do spark_execute('alter table ' ~ table ~ ' add columns (' ~ columns | join(', ') ~ ')') %}
    {% endif %}
{%- endmacro %}

{#- Of each key the last change counts, if it came behind what is there; what was judged here came before all. -#}
{% macro spark_merge(table, judged, after, last) -%}
    {% set key, names, changed = listed(key_columns()), [], [] %}
    {% for name in model.columns %}{% do names.append(adapter.quote(name)) %}{% endfor %}
    {% set written = names + ['_load_id', '_sequence'] %}
    {% set reset = last_reset(model.name, after) if last > after else 0 %}
    {% for name in written %}{% do changed.append('kept.' ~ name ~ ' = come.' ~ name) %}{% endfor %}
    merge into {{ table }} as kept
    using (
        select * from (
            select *, row_number() over (partition by {{ key }} order by _sequence desc, _number desc) as _place
            from (
                select {{ names | join(', ') }}, (select max(load_id) from {{ current_load() }}) as _load_id,
                    cast(0 as bigint) as _sequence, 0 as _number, 'insert' as _operation
                from ({{ judged }})
                {%- if last > after %}
                union all
                {{ changes_of(model.name, model.columns.values(), after, last) }}
                {%- endif %}
            )
            where _sequence >= {{ reset }}
        )
        where _place = 1
    ) as come on {{ equal_in(key_columns(), 'kept.', 'come.') }}
    when matched and come._sequence > kept._sequence and come._operation = 'delete' then delete
    when matched and come._sequence > kept._sequence then update set {{ changed | join(', ') }}
    when not matched and come._operation != 'delete' then
        insert ({{ written | join(', ') }}) values (come.{{ written | join(', come.') }})
    {%- if reset > 0 %}
    when not matched by source and kept._sequence < {{ reset }} then delete
    {%- endif %}
{%- endmacro %}

{#- Rows that the load which is judged now had brought before its run died count as not there yet. -#}
{% macro spark__rows_of_others(table, load) -%}
    (select * from {{ table }} where not (_load_id <=> (select max(load_id) from {{ load }})))
{%- endmacro %}

{#- dbt asks for it to compare a model with its contract. -#}
{% macro spark__get_empty_schema_sql(columns) -%}
    {% set nothing = [] %}
    {% for column in columns.values() %}
        {% do nothing.append('cast(null as ' ~ type_name(type_said(column.data_type, model.name ~ '.' ~ column.name).name) ~ ') as ' ~ adapter.quote(column.name)) %}
    {% endfor %}
    select {{ nothing | join(', ') }} where false
{%- endmacro %}

{#- Comments are written as tables and views are made. -#}
{% macro spark__persist_docs(relation, model, for_relation, for_columns) -%}{%- endmacro %}
