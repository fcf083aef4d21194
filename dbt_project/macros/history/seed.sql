{#-
    `dbt seed`: the lines of a file become the text table raw.<table>. The file is the history of the table, or one that
    the service was sent. It is read by service/dbt/plugin.py, never by agate. What is there already is left alone.
    The seed's own CSV file says that there is such a table; it is read where no other folder is said (GATEHOUSE_SEEDS).
-#}
{% materialization seed, default %}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {% do prepare_run() %}
    {% set table = table_of_seed(model) %}
    {% set load = load_to_land(table) if table else none %}
    {% if load %}{% do land_lines(table, load) %}{% endif %}

    {% set lines = load.counted.record_lines if load else 0 %}
    {% call noop_statement('main', 'INSERT ' ~ lines if load else 'UNCHANGED', 'INSERT', lines) %}
        -- {{ this }} is filled by service/dbt/plugin.py
    {% endcall %}
    {% if table %}
        {% set body %}
            {{ make_landed_lines(table) }}
            {% if not load or not load.is_trial %}{{ drop_trial(table.name) }}{% endif %}
        {% endset %}
        {% do run_statements(body) %}
        {% do persist_docs(this, model) %}
    {% endif %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}

    {#- What `dbt seed --show` and `dbt show` print. -#}
    {% set shown = 'select * from ' ~ this ~ ' order by line limit 10' if table else "select 'of no table' as history" %}
    {% do store_result('agate_table', response='OK', agate_table=run_query(shown) if flags.WHICH in ('seed', 'show') else none) %}
    {{ return({'relations': [this.incorporate(type='table')] if table else []}) }}
{% endmaterialization %}

{#- raw_departments is the history of departments. One that is of no table is told, once. -#}
{% macro table_of_seed(seed) -%}
    {% set table = graph.nodes.get('model.' ~ project_name ~ '.' ~ seed.name.removeprefix('raw_')) %}
    {% if table and in_core(table) and seed.name.startswith('raw_') %}
        {% do check_table(table) %}
        {{ return(table) }}
    {% endif %}
    {% do warn_of_strange_file(seed.original_file_path.split('/') | last) %}
    {{ return(none) }}
{%- endmacro %}
