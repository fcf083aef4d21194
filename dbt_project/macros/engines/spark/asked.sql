{#- Spark: what is asked of the engine while dbt compiles, and what Python has put on the lake before: it cannot be called
    from a macro there. service/spark/ lands the history as Parquet, and writes what there is into two lists. -#}

{#- A place on the lake, as a table of Parquet. -#}
{% macro on_lake(place) -%}
    {{ return('parquet.`' ~ env_var('GATEHOUSE_LAKE', 'warehouse/gatehouse.duckdb.lake') ~ '/' ~ place ~ '`') }}
{%- endmacro %}

{#- The names of a schema's tables, asked for once in a run; what is made in it, is noted here. Views of the session stand in no schema. -#}
{% macro spark_tables_in(schema) -%}
    {% set notes, names = notes_of_run(), [] %}
    {% if 'tables in ' ~ schema not in notes %}
        {% for row in run_query('show tables in ' ~ schema).rows if row[0] %}{% do names.append(row[1]) %}{% endfor %}
        {% do notes.update({'tables in ' ~ schema: names}) %}
    {% endif %}
    {{ return(notes['tables in ' ~ schema]) }}
{%- endmacro %}

{% macro spark__names_of_tables() -%}
    {% set names = [] %}
    {% for schema in ('raw', 'core', 'marts', 'ops') %}
        {% for name in spark_tables_in(schema) %}{% do names.append(schema ~ '.' ~ name) %}{% endfor %}
    {% endfor %}
    {{ return(names) }}
{%- endmacro %}

{#- Nothing there says which column is the key: the dictionary does. -#}
{% macro spark__columns_of_table(schema, name) -%}
    {% set columns, keys = [], [] %}
    {% if name in spark_tables_in(schema) %}
        {% for node in graph.nodes.values() if in_core(node) and schema == 'core' and node.name == name %}
            {% do keys.extend(key_columns(node)) %}
        {% endfor %}
        {% for row in run_query('describe table ' ~ schema ~ '.' ~ adapter.quote(name)).rows %}
            {% if row[0] == '' or row[0].startswith('#') %}{{ return(columns) }}{% endif %}
            {% set type = {'string': 'varchar', 'int': 'integer', 'binary': 'blob'}.get(row[1], row[1]) %}
            {% do columns.append((row[0], type, row[0] in keys)) %}
        {% endfor %}
    {% endif %}
    {{ return(columns) }}
{%- endmacro %}

{#- A statement takes long there, and a build that dies is no build that was undone: what cannot be done is told before. -#}
{% macro spark__check_run() -%}
    {% do spark_fails_aloud() %}
    {% for node in graph.nodes.values() if in_core(node) %}
        {% do check_dictionary(node) %}
        {% if node.name in spark_landed_histories() %}{% do check_history_can_be_judged(node) %}{% endif %}
    {% endfor %}
    {% do spark_alter_tables() %}
{%- endmacro %}

{#- What it cannot judge, a gate can, and ships the rows. What a history changes, ops.changes could not tell there. -#}
{% macro check_history_can_be_judged(table) -%}
    {% set problems = [] %}
    {% if has_generated_key(table) %}{% do problems.append(': key: generated: Spark gives no ids') %}{% endif %}
    {% if on_conflict_of(table) == 'merge' %}{% do problems.append(': on_conflict: merge: Spark changes no rows by a history') %}{% endif %}
    {% for rule in rules_of(table) if rule.kind == 'relationships' and rule.args.parent == table.name %}
        {% do problems.append('.' ~ rule.column ~ ': rule relationships to its own table: Spark does not judge it') %}
    {% endfor %}
    {% for problem in problems %}
        {{ exceptions.raise_compiler_error(table.name ~ problem ~ '; take the history away: the rows come from a gate, as its changes') }}
    {% endfor %}
{%- endmacro %}

{#- What was landed of the tables' histories, by table: rows of service/spark/landed_history.py. Where a gate ships its
    changes, it has judged all that there is, and they say what came of it. -#}
{% macro spark_landed_histories() -%}
    {% set notes, found = notes_of_run(), {} %}
    {% if 'landed' not in notes %}
        {% if last_change() == 0 %}
            {% for row in run_query('select * from ' ~ on_lake('spark/history.parquet')).rows %}
                {% do found.update({row['table_name']: row}) %}
            {% endfor %}
        {% endif %}
        {% do notes.update({'landed': found}) %}
    {% endif %}
    {{ return(notes['landed']) }}
{%- endmacro %}

{% macro spark__files_of_history(folder, table, tables) -%}
    {% set landed = spark_landed_histories().get(table) if table else none %}
    {{ return({'path': landed['path'] if landed else none, 'problem': none, 'strange': []}) }}
{%- endmacro %}

{% macro spark__file_state(path) -%}
    {% for landed in spark_landed_histories().values() if landed['path'] == path %}{{ return(landed['state']) }}{% endfor %}
    {{ return(none) }}
{%- endmacro %}

{#- Python has asked it before (service/dictionary/manifest.py). -#}
{% macro spark__problem_of_files(options, synonyms) -%}
    {{ return(none) }}
{%- endmacro %}

{#- The gate takes them in; their rows come with its changes. -#}
{% macro spark__takes_files() -%}
    {{ return(false) }}
{%- endmacro %}

{% macro spark__is_open(load_id) -%}
    {{ return(false) }}
{%- endmacro %}

{#- The lines are on the lake already. What is on record of them comes last: a run that dies before lands them again. -#}
{% macro spark__land_file(load) -%}
    {% set name = load.target.split('.')[1].replace('`', '') %}
    {% set landed, counted = spark_landed_histories()[name], {} %}
    {% do spark_execute('delete from ops.landed where table_name = ' ~ text_literal(name)) %}
    {% for each in load.before if each %}{% do spark_execute(each) %}{% endfor %}
    {% set columns = ['line', '_lines'] + landed_names(graph.nodes['model.' ~ project_name ~ '.' ~ name]) %}
    {% set quoted = [] %}
    {% for column in columns %}{% do quoted.append(adapter.quote(column)) %}{% endfor %}
    {% do spark_execute(
        'insert into ' ~ load.target ~ ' (' ~ quoted | join(', ') ~ ') select ' ~ quoted | join(', ')
        ~ ' from ' ~ on_lake(landed['parts'])
    ) %}
    {% for account in line_accounts() %}{% do counted.update({account: landed[account]}) %}{% endfor %}
    {% set found = dict(counted, delimiter=text_literal(landed['delimiter']), last_line=landed['last_line'],
        columns=text_literal(landed['columns'])) %}
    {% for account, value in found.items() | sort(attribute='0', reverse=true) %}
        {% do load.update({'after': load.after.replace('$' ~ account, 'null' if value is none else value | string)}) %}
    {% endfor %}
    {% do spark_execute(load.after) %}
    {% do load.update({'counted': counted, 'described': landed['described']}) %}
{%- endmacro %}
