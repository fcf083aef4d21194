{#- Which file is to be landed for a table: the one that the service was asked to load, or its history if that is new.
    `table` is the node of the table of record in dbt's graph. -#}

{#- What is to be landed: {load_id, kind, path, source, shape, behind, is_trial, actor, state}, or none. -#}
{% macro load_to_land(table) -%}
    {% if flags.EMPTY %}{{ return(none) }}{% endif %}
    {% set asked = [] if not takes_files() else run_query(
        "select load_id, path, source, shape, behind, is_trial, actor from ops.files"
        ~ " where table_name = '" ~ table.name ~ "' and is_current order by number limit 1"
    ).rows %}
    {% for row in asked %}
        {{ return({
            'load_id': row[0], 'kind': 'file', 'path': row[1], 'source': row[2], 'shape': row[3],
            'behind': row[4] | int, 'is_trial': row[5], 'actor': row[6], 'state': none
        }) }}
    {% endfor %}
    {% set path = history_file(table) %}
    {% set file = file_state(path) if path else none %}
    {% if file is none %}
        {#- Nothing is judged anew of a history that is gone. -#}
        {% call statement('gone', auto_begin=false) %}
            delete from ops.landed where table_name = '{{ table.name }}' and kind = 'history'
        {% endcall %}
    {% elif history_is_to_land(table, state_of_history(table, file)) %}
        {{ return({
            'load_id': run_query('select ' ~ new_id()).rows[0][0], 'kind': 'history', 'path': path, 'source': path,
            'shape': none, 'behind': 0, 'is_trial': false, 'actor': 'dbt', 'state': state_of_history(table, file)
        }) }}
    {% endif %}
    {{ return(none) }}
{%- endmacro %}

{#- The path of the table's history; none where it has none. -#}
{% macro history_file(table) -%}
    {% set found = files_of_history(folder_of_history(), table.name, []) %}
    {% if found.problem %}{{ exceptions.raise_compiler_error(found.problem) }}{% endif %}
    {{ return(found.path) }}
{%- endmacro %}

{% macro folder_of_history() -%}{{ return(env_var('GATEHOUSE_SEEDS', 'seeds')) }}{%- endmacro %}

{#- The same file, read in the same way, by the same rules has nothing new. `file` is what file_state() says of it. -#}
{% macro state_of_history(table, file) -%}
    {% set options = meta_of(table).get('csv') %}
    {% set said = tojson(rules_of(table)) ~ tojson(table.columns) ~ (tojson(options) if options else '') %}
    {% if on_conflict_of(table) == 'merge' %}{% set said = said ~ 'merge' %}{% endif %}
    {{ return(file ~ ' ' ~ local_md5(said)) }}
{%- endmacro %}

{#- Not while its lines are there. Those of a file that was sent later may stay in their place, if none of the history's
    lines waits for a parent: then nothing could come of it. -#}
{% macro history_is_to_land(table, state) -%}
    {% if should_full_refresh() %}{{ return(true) }}{% endif %}
    {{ return(run_query(
        "select 1 from ops.landed where table_name = '" ~ table.name ~ "' and state = " ~ text_literal(state)
        ~ " union all select 1 from ops.history where table_name = '" ~ table.name ~ "' and parents = ''"
        ~ " and state = " ~ text_literal(state)
    ).rows | length == 0) }}
{%- endmacro %}
