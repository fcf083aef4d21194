{#- Which file is to be loaded into a table: the one that the service was asked to load, or its history if that is new. -#}

{#- What is to be loaded: {load_id, kind, path, source, shape, behind, is_trial, actor, state}, or none. -#}
{% macro load_to_judge() -%}
    {% set asked = run_query(
        "select load_id, path, source, shape, behind, is_trial, actor from ops.files"
        ~ " where table_name = '" ~ model.name ~ "' and is_current order by asked_at limit 1"
    ).rows %}
    {% for row in asked %}
        {{ return({
            'load_id': row[0], 'kind': 'file', 'path': row[1], 'source': row[2], 'shape': row[3],
            'behind': row[4] | int, 'is_trial': row[5], 'actor': row[6], 'state': ''
        }) }}
    {% endfor %}
    {% set path = history_file() %}
    {% set state = history_state(path) %}
    {% if history_is_new(state) %}
        {{ return({
            'load_id': run_query('select ' ~ new_id()).rows[0][0], 'kind': 'history',
            'path': path, 'source': path, 'shape': none,
            'behind': 0, 'is_trial': false, 'actor': 'dbt', 'state': state
        }) }}
    {% endif %}
    {{ return(none) }}
{%- endmacro %}

{#- The path of the table's history; none where it has none. -#}
{% macro history_file() -%}
    {% set found = files_of_history(folder_of_history(), model.name, []) %}
    {% if found.problem %}{{ exceptions.raise_compiler_error(found.problem) }}{% endif %}
    {{ return(found.path) }}
{%- endmacro %}

{% macro folder_of_history() -%}{{ return(env_var('GATEHOUSE_SEEDS', 'seeds')) }}{%- endmacro %}

{#- At the start of a run: a file that is no table's would lie there for ever, and no one would know. -#}
{% macro warn_of_strange_files() -%}
{% if execute and flags.WHICH in ('build', 'run') %}
    {% set tables = [] %}
    {% for node in graph.nodes.values() if in_core(node) %}{% do tables.append(node.name) %}{% endfor %}
    {% for name in files_of_history(folder_of_history(), none, tables).strange %}
        {% do exceptions.warn(
            name ~ ' is the history of no table; there are ' ~ tables | sort | join(', ')
        ) %}
    {% endfor %}
{% endif %}
{%- endmacro %}

{#- At the start of a run: a dry run that a killed service has left is nobody's any more, and must not be run instead
    of the history. Its file the next service removes. -#}
{% macro forget_trials() -%}
{% if execute and 'ops.files' in names_of_tables() %}
    {% for row in run_query('select load_id from ops.files where is_trial and is_current').rows if not is_open(row[0]) %}
        delete from ops.files where load_id = {{ text_literal(row[0]) }};
    {% endfor %}
{% endif %}
{%- endmacro %}

{#- The same file, read in the same way, by the same rules has nothing new. -#}
{% macro history_state(path) -%}
    {% set file, options = (file_state(path) if path else none), meta_of(model).get('csv') %}
    {% set said = tojson(rules_of(model)) ~ tojson(model.columns) ~ (tojson(options) if options else '') %}
    {{ return(none if file is none else file ~ ' ' ~ local_md5(said)) }}
{%- endmacro %}

{% macro history_is_new(state) -%}
    {% if state is none %}{{ return(false) }}{% endif %}
    {{ return(run_query(
        "select 1 from ops.history where table_name = '" ~ model.name ~ "' and state = '" ~ state ~ "'"
        ~ " and parents in ('', " ~ sizes_of_parents() ~ ")"
    ).rows | length == 0) }}
{%- endmacro %}

{#- The number of rows of each parent: a line may have been waiting for one that came since. -#}
{% macro sizes_of_parents() -%}
    {%- set parents = rules_of(model) | selectattr('kind', 'equalto', 'relationships') | map(attribute='args') | map(attribute='parent') | unique | list -%}
    {%- set sizes = ["''"] -%}
    {%- for parent in parents %}{% do sizes.append('(select count(*) from ' ~ ref(parent) ~ ')') %}{% endfor -%}
    (select {{ joined(' ', sizes) }})
{%- endmacro %}
