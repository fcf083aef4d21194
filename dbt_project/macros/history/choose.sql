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
    {% set state = history_state() %}
    {% if history_is_new(state) %}
        {{ return({
            'load_id': run_query('select ' ~ new_id()).rows[0][0], 'kind': 'history',
            'path': history_file(), 'source': history_file(), 'shape': none,
            'behind': 0, 'is_trial': false, 'actor': 'dbt', 'state': state
        }) }}
    {% endif %}
    {{ return(none) }}
{%- endmacro %}

{% macro history_file() -%}
    {{ return(env_var('GATEHOUSE_SEEDS', 'seeds') ~ '/' ~ model.name ~ '.csv') }}
{%- endmacro %}

{#- The same file, read in the same way, by the same rules has nothing new. -#}
{% macro history_state() -%}
    {% set file, options = file_state(history_file()), meta_of(model).get('csv') %}
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
