{#- Spark: tables of another form, before the first statement that builds. No transaction is over several tables: all is looked at
    before one is changed, and what a run that died has left is done by the next. -#}

{#- Those of the run are renamed, and so are their columns. What is gone from the dictionary is dropped if it has no row, or no value, or
    if `allow` says so: columns of the run's tables, and tables in a run of all. -#}
{% macro spark_alter_tables() -%}
    {% set there, known, statements, refused = spark_tables_in('core') | list, tables_of_record(), [], {} %}
    {% for node in graph.nodes.values() if in_core(node) %}
        {% set was = former_names(node) | select('in', there) | reject('in', known) | first if node.name not in there %}
        {% if was %}{% do known.append(was) %}{% endif %}
        {% if node.unique_id in selected_resources %}
            {% if was %}{% do statements.extend(spark_forgetting(was) + statements_of_renaming(was, node.name)) %}{% endif %}
            {% do statements.extend(spark_altered_columns(node, was or node.name, refused)) %}
        {% endif %}
    {% endfor %}
    {% for name in there if name not in known and is_whole_run() and '_sequence' in columns_of_table('core', name) | map(attribute=0) %}
        {% do spark_refuse(refused, name ~ ' removed', name, 'core.' ~ adapter.quote(name), 'row') %}
        {% do statements.append('delete from ops.changes where table_name = ' ~ text_literal(name)) %}
        {% do statements.extend(spark_forgetting(name) + statements_of_removal(name)) %}
    {% endfor %}
    {% if refused %}
        {{ exceptions.raise_compiler_error(refused.values() | join('\n') ~ '\nHINT: --allow ' ~ refused | join(' --allow ')) }}
    {% endif %}
    {% for statement in statements %}{% do spark_execute(statement) %}{% endfor %}
    {% for schema in ('core', 'raw') if statements %}{% do notes_of_run().pop('tables in ' ~ schema, none) %}{% endfor %}
{%- endmacro %}

{#- Statements for the columns of a table, given by its node, that is called `was` until then. -#}
{% macro spark_altered_columns(node, was, refused) -%}
    {% set there, kept, statements = columns_of_table('core', was) | map(attribute=0) | list, ['_load_id', '_sequence'], [] %}
    {% set core = 'core.' ~ adapter.quote(node.name) %}
    {% for column in node.columns.values() %}
        {% set before = former_names(column) | select('in', there) | reject('in', node.columns) | first if column.name not in there %}
        {% if before %}{% do statements.append(rename_column(core, before, column.name)) %}{% endif %}
        {% do kept.extend([column.name, before]) %}
    {% endfor %}
    {% for name in there if name not in kept %}
        {% set place, is_there = node.name ~ '.' ~ name, ' where ' ~ adapter.quote(name) ~ ' is not null' %}
        {% do spark_refuse(refused, place ~ ' dropped', place, 'core.' ~ adapter.quote(was) ~ is_there, 'value') %}
        {% do statements.append('alter table ' ~ core ~ ' drop column ' ~ adapter.quote(name)) %}
    {% endfor %}
    {{ return(statements) }}
{%- endmacro %}

{#- Says in `refused` (`drop:…` to words) that rows, or values, would be lost, if there are any and no one has allowed it. -#}
{% macro spark_refuse(refused, change, place, rows, what) -%}
    {% set lost = number_of_rows(rows) if 'drop:' ~ place not in var('allow', []) else 0 %}
    {% if lost %}
        {% do refused.update({'drop:' ~ place: change ~ ': ' ~ lost ~ ' ' ~ what ~ ('' if lost == 1 else 's') ~ ' would be lost'}) %}
    {% endif %}
{%- endmacro %}

{#- Statements by which nothing is left that has the name of a table, but itself and what is on record. -#}
{% macro spark_forgetting(name) -%}
    {% set statements = ['drop view if exists backup.' ~ adapter.quote(name)] %}
    {% for step in ('__load', '__typed') %}{% do statements.append(drop_table(work_table(name ~ step))) %}{% endfor %}
    {{ return(statements) }}
{%- endmacro %}
