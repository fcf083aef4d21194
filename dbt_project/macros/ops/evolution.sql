{#-
    A dictionary that has changed, before anything else of a run: tables of record get their new form, and the
    dictionary is saved with them, in one transaction. What would lose values is refused, unless `allow` says it:
    `dbt build --vars '{allow: ["drop:jobs.note"]}'`. service/evolution counts; here stands how a table is altered.
-#}

{% macro evolve_tables() -%}
    {#- Where none was saved, each table says for itself what is wrong with its page. -#}
    {% set was_saved = number_of_rows('ops.dictionary') > 0 %}
    {% set content = dictionary_text() if was_saved and (is_whole_run() or tables_differ()) else none %}
    {% set changes = altering_changes(content) if content else [] %}
    {% if changes and not is_whole_run() %}
        {% do check_part_of_run(changes) %}
    {% elif changes %}
        {% do log('gatehouse: take the writer\'s lock for the dictionary') %}
        {% set problem = alter_tables(content, changes) %}
        {% if problem %}{{ exceptions.raise_compiler_error(problem) }}{% endif %}
        {% for change in changes %}{% do tell_dbt_of(change) %}{% endfor %}
        {% do log('gatehouse: the tables have another form') %}
    {% endif %}
{%- endmacro %}

{#- A service asks what would change: `dbt run-operation look_ahead`. -#}
{% macro look_ahead() -%}
    {% for node in graph.nodes.values() if in_core(node) %}{% do check_dictionary(node) %}{% endfor %}
    {% do show_dictionary(dictionary_text()) %}
{%- endmacro %}

{#- As it is saved when all of it is built. -#}
{% macro dictionary_text() -%}
    {% set all = [] %}
    {% for node in graph.nodes.values() %}{% do all.append(node.schema ~ '.' ~ node.name) %}{% endfor %}
    {{ return(content_of_dictionary(all)) }}
{%- endmacro %}

{% macro is_whole_run() -%}
    {% for node in graph.nodes.values() if in_core(node) and node.unique_id not in selected_resources %}
        {{ return(false) }}
    {% endfor %}
    {{ return(true) }}
{%- endmacro %}

{#- In a run of some tables: whether one of them has other columns than the dictionary. -#}
{% macro tables_differ() -%}
    {% for node in graph.nodes.values() if in_core(node) and node.unique_id in selected_resources %}
        {% set kept = columns_of_table('core', node.name) | map(attribute=0) | list %}
        {% if kept | sort != node.columns.keys() | sort and (kept or former_names(node)) %}{{ return(true) }}{% endif %}
    {% endfor %}
    {{ return(false) }}
{%- endmacro %}

{#- A column that is added may be NULL: dbt adds it. All else is for a run of all tables. -#}
{% macro check_part_of_run(changes) -%}
    {% for change in changes if change.kind != 'column added' or change.default is not none %}
        {% set nodes = ['model.' ~ project_name ~ '.' ~ change.table, 'seed.' ~ project_name ~ '.raw_' ~ change.table] %}
        {% if nodes | select('in', selected_resources) | list %}
            {{ exceptions.raise_compiler_error(change.described ~ ': build all tables, and not some') }}
        {% endif %}
    {% endfor %}
{%- endmacro %}

{#- Returns why not, or none. -#}
{% macro alter_tables(content, changes) -%}
    {% set built, statements = names_of_tables() | list, [] %}
    {% for change in changes if change.kind == 'table renamed' %}{% do built.append('core.' ~ change.table) %}{% endfor %}
    {% for table in changes | map(attribute='table') | unique %}
        {% do statements.extend(statements_for_table(table, changes | selectattr('table', 'equalto', table) | list)) %}
    {% endfor %}
    {#- What the feed has told is no longer what the tables hold: a snapshot is to follow. -#}
    {% if 'ops.feed' in built %}{% do statements.append('update ops.feed set recording = false') %}{% endif %}
    {% do statements.append(upsert_of_dictionary(content_of_dictionary(built))) %}
    {{ return(altered({'content': content, 'statements': statements, 'allowed': var('allow', [])})) }}
{%- endmacro %}

{#- The table is renamed first, so that all else has its name of now. -#}
{% macro statements_for_table(table, changes) -%}
    {% set kinds = changes | map(attribute='kind') | list %}
    {% if kinds == ['table removed'] %}{{ return(statements_of_removal(table)) }}{% endif %}
    {% set statements = [] %}
    {% for change in changes if change.kind == 'table renamed' %}
        {% do statements.extend(statements_of_renaming(change.was, table)) %}
    {% endfor %}
    {% set was = changes | selectattr('kind', 'equalto', 'table renamed') | map(attribute='was') | first or table %}
    {% set lines = columns_of_table('raw', was) | map(attribute=0) | list %}
    {% for change in changes if change.kind == 'column renamed' and change.was in lines %}
        {% do statements.append(rename_column(lines_of(table), change.was, change.column)) %}
    {% endfor %}
    {{ return(statements + alter_columns(graph.nodes['model.' ~ project_name ~ '.' ~ table], was, changes)) }}
{%- endmacro %}

{#- Its rejections stay on record, and can no longer be tried. The table itself comes last: where there is no transaction, that is the
    commit point. -#}
{% macro statements_of_removal(table) -%}
    {% set statements = [] %}
    {% for book in ('landed', 'history', 'files') %}
        {% do statements.append('delete from ops.' ~ book ~ ' where table_name = ' ~ text_literal(table)) %}
    {% endfor %}
    {% do statements.append(
        "update ops.rejections set status = 'dismissed', resolution = 'its table was removed', resolved_at = " ~ utc_now()
        ~ " where status = 'open' and table_name = " ~ text_literal(table)
    ) %}
    {% for name in (lines_of(table), lines_of(table ~ '__exceptions'), lines_of(table ~ '__ids'), 'core.' ~ adapter.quote(table)) %}
        {% do statements.append(drop_table(name)) %}
    {% endfor %}
    {{ return(statements) }}
{%- endmacro %}

{#- All that is on record of it is then of the table of now, which comes last, as above. -#}
{% macro statements_of_renaming(was, table) -%}
    {% set statements, there = [], names_of_tables() | list %}
    {% for ending in ('', '__exceptions', '__ids') if 'raw.' ~ was ~ ending in there %}
        {% do statements.append(drop_table(lines_of(table ~ ending))) %}
        {% do statements.append(rename_table(lines_of(was ~ ending), table ~ ending)) %}
    {% endfor %}
    {% for book in ('loads', 'rejections', 'replays', 'warnings', 'changes', 'files', 'landed', 'history', 'sequences', 'line_ids', 'file_ids')
        if 'ops.' ~ book in there %}
        {% do statements.append(
            'update ops.' ~ book ~ ' set table_name = ' ~ text_literal(table) ~ ' where table_name = ' ~ text_literal(was)
        ) %}
    {% endfor %}
    {% do statements.append(rename_table('core.' ~ adapter.quote(was), table)) %}
    {{ return(statements) }}
{%- endmacro %}

{#- dbt remembers which tables there are. -#}
{% macro tell_dbt_of(change) -%}
    {% if change.kind in ('table renamed', 'table removed') %}
        {% set was = api.Relation.create(
            database=target.database, schema='core', identifier=change.was or change.table, type='table'
        ) %}
        {% if change.kind == 'table removed' %}
            {% do adapter.cache_dropped(was) %}
        {% else %}
            {% do adapter.cache_renamed(was, was.incorporate(path={'identifier': change.table})) %}
        {% endif %}
    {% endif %}
{%- endmacro %}

{#- What a table or a column was called before, as a list. -#}
{% macro former_names(node) -%}
    {% set said = meta_of(node).get('renamed_from') or [] %}
    {{ return([said] if said is string else said | list) }}
{%- endmacro %}
