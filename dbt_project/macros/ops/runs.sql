{#-
    What is done once in a run of dbt: before its first node, and when the last table is there.
    Hooks on-run-start and on-run-end would be the place, but for `dbt seed --show`.
-#}

{#- Called by each node; the first one of a run does it. -#}
{% macro prepare_run() -%}
{% if execute and not is_done('checked') %}
    {% do check_run() %}
    {% do is_first('checked') %}
{% endif %}
{% if execute and is_first('prepare') %}
    {% do run_statements(create_ops_tables()) %}
    {% do take_in_books() %}
    {% if takes_files() %}{% do forget_trials() %}{% endif %}
    {% do warn_of_strange_files() %}
{% endif %}
{#- What is refused is refused to each node. -#}
{% if execute and not is_done('evolved') %}
    {% do evolve_tables() %}
    {% do is_first('evolved') %}
{% endif %}
{%- endmacro %}

{#- A post-hook of the tables of record and marts, when their rows or views are committed. The dictionary is saved when
    all tables of record are built, and again with each mart that follows. -#}
{% macro end_of_node() -%}
{% if execute %}
    {% do is_first(model.unique_id) %}
    {% set missing = [] %}
    {% for node in graph.nodes.values() if in_core(node) and not is_done(node.unique_id) %}
        {% do missing.append(node.name) %}
    {% endfor %}
    {% if not missing %}{{ save_dictionary() }}{% endif %}
{% endif %}
{%- endmacro %}

{#- Whether something, which has a name, happens for the first time in this run. -#}
{% macro is_first(what) -%}
    {% set seen = is_done(what) %}
    {% do notes_of_run().update({what: true}) %}
    {{ return(not seen) }}
{%- endmacro %}

{% macro is_done(what) -%}{{ return(what in notes_of_run()) }}{%- endmacro %}

{#- dbt's graph is what the nodes of a run have in common. A service uses it for many runs, one after the other. -#}
{% macro notes_of_run() -%}
    {% if graph.get('gatehouse_run') != invocation_id %}
        {% do graph.update({'gatehouse_run': invocation_id, 'gatehouse_notes': {}}) %}
    {% endif %}
    {{ return(graph['gatehouse_notes']) }}
{%- endmacro %}

{#- A dry run that a killed service has left is nobody's any more, and must not be run instead of the history. Its file
    the next service removes. -#}
{% macro forget_trials() -%}
    {% for row in run_query('select load_id from ops.files where is_trial and is_current').rows if not is_open(row[0]) %}
        {% call statement('forget', auto_begin=false) %}
            delete from ops.files where load_id = {{ text_literal(row[0]) }}
        {% endcall %}
    {% endfor %}
{%- endmacro %}

{#- A file that is no table's would lie there for ever, and no one would know. -#}
{% macro warn_of_strange_files() -%}
    {% for name in files_of_history(folder_of_history(), none, tables_of_record()).strange %}
        {% do warn_of_strange_file(name) %}
    {% endfor %}
{%- endmacro %}

{% macro warn_of_strange_file(name) -%}
    {% if is_first('strange ' ~ name) %}
        {% do exceptions.warn(name ~ ' is the history of no table; there are ' ~ tables_of_record() | join(', ')) %}
    {% endif %}
{%- endmacro %}

{% macro tables_of_record() -%}
    {% set tables = [] %}
    {% for node in graph.nodes.values() if in_core(node) %}{% do tables.append(node.name) %}{% endfor %}
    {{ return(tables | sort) }}
{%- endmacro %}

{#- How many rows a table or view has now. -#}
{% macro number_of_rows(relation) -%}{{ return(run_query('select count(*) from ' ~ relation).rows[0][0]) }}{%- endmacro %}
