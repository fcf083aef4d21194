{#- Spark: what the gate has done since, from the change segments on the lake. service/spark/fed_segments.py lists those that
    count in spark/segments.parquet, once before a run: all its tables come to the same change. -#}

{#- It ships none. -#}
{% macro spark__record_change(load) -%}
    {{ return('') }}
{%- endmacro %}

{#- The number of the last change that this run takes in; 0 where no gate ships any. -#}
{% macro last_change() -%}
    {% set notes = notes_of_run() %}
    {% if 'last_change' not in notes %}
        {% do notes.update({'last_change': run_query(
            'select coalesce(max(last), 0) from ' ~ on_lake('spark/segments.parquet')
        ).rows[0][0] | int}) %}
    {% endif %}
    {{ return(notes['last_change']) }}
{%- endmacro %}

{#- Up to which change a table has taken them in. -#}
{% macro changes_taken_in(name) -%}
    {% set row = run_query('select last_sequence from ops.changes where table_name = ' ~ text_literal(name)).rows | first %}
    {{ return(row[0] | int if row else 0) }}
{%- endmacro %}

{#- The files of a table with changes behind `after`: their names, as a list. -#}
{% macro files_of_changes(name, after) -%}
    {% set files = [] %}
    {% for row in run_query(
        'select name from ' ~ on_lake('spark/segments.parquet') ~ ' where table_name = ' ~ text_literal(name)
        ~ ' and last > ' ~ after
    ).rows %}{% do files.append(text_literal(row[0])) %}{% endfor %}
    {{ return(files) }}
{%- endmacro %}

{#- The number of the last change behind `after` by which a table is empty, and what stands behind it is all of it: one of
    its own, or a snapshot of all tables; 0 where there is none. -#}
{% macro last_reset(name, after) -%}
    {% set files = files_of_changes(name, after) %}
    {{ return(run_query(
        'select coalesce(max(number), 0) from ('
        ~ 'select max(last) as number from ' ~ on_lake('spark/segments.parquet') ~ " where table_name = '*' and last > " ~ after
        ~ (' union all select max(_sequence) from ' ~ on_lake('raw/' ~ name) ~ ' where _metadata.file_name in ('
            ~ files | join(', ') ~ ") and _operation = 'reset' and _sequence > " ~ after if files else '') ~ ')'
    ).rows[0][0] | int) }}
{%- endmacro %}

{#- A query: the changes of a table behind `after`, with `columns` ({name, data_type}) as they are now; a segment of before
    may not have them all. -#}
{% macro changes_of(name, columns, after, last) -%}
    {% set files, from_lake, read = files_of_changes(name, after), on_lake('raw/' ~ name), [] %}
    {% set there = run_query('select * from ' ~ from_lake ~ ' limit 0').column_names if files else [] %}
    {% for column in columns %}
        {% set quoted = adapter.quote(column.name) %}
        {% do read.append('cast(' ~ (quoted if column.name in there else 'null') ~ ' as ' ~ type_name(column.data_type if name.startswith('_') else type_said(column.data_type, name).name)
            ~ ') as ' ~ quoted) %}
    {% endfor %}
    select {{ read | join(', ') }}, {{ '_load_id, _sequence, _number, _operation' if files else
        "cast(null as string) as _load_id, cast(0 as bigint) as _sequence, 0 as _number, 'delete' as _operation" }}
    {% if files %}
    from {{ from_lake }}
    where
        _metadata.file_name in ({{ files | join(', ') }}) and _operation != 'reset'
        and _sequence > {{ after }} and _sequence <= {{ last }}
    {% else %}
    where false
    {% endif %}
{%- endmacro %}

{#- The gate's books up to the same change: each row in place of the one of the same key, numbered by its change. -#}
{% macro spark__take_in_books() -%}
    {% do spark_want('ops.changes', {'table_name': 'varchar not null', 'last_sequence': 'bigint not null'}) %}
    {% do spark_make_wanted() %}
    {% do spark_show_backups() %}
    {% set last = last_change() %}
    {% for name, keys in {'loads': ['load_id', 'table_name'], 'rejections': ['rejection_id'],
                          'replays': ['load_id', 'rejection_id']}.items() %}
        {% set after = changes_taken_in('_' ~ name) %}
        {% if last > after %}
            {% do spark_execute(spark_merge_books(name, keys, after, last)) %}
            {% do note_changes('_' ~ name, last) %}
        {% endif %}
    {% endfor %}
{%- endmacro %}

{% macro note_changes(name, last) -%}
    {% do spark_execute(upsert('ops.changes', 'table_name', {'table_name': text_literal(name), 'last_sequence': last})) %}
{%- endmacro %}

{% macro spark_merge_books(name, keys, after, last) -%}
    {% set columns, same, written, changed = [], [], ['number'], ['there.number = come._sequence'] %}
    {% for column, type, is_key in columns_of_table('ops', name) if column != 'number' %}
        {% do columns.append({'name': column, 'data_type': type}) %}
        {% do written.append(column) %}
        {% do changed.append('there.' ~ column ~ ' = come.' ~ column) %}
    {% endfor %}
    {% for key in keys %}{% do same.append('there.' ~ key ~ ' = come.' ~ key) %}{% endfor %}
    {% set reset = last_reset('_' ~ name, after) %}
    merge into ops.{{ name }} as there
    using (
        select * from (
            select *, row_number() over (partition by {{ keys | join(', ') }} order by _sequence desc, _number desc) as _place
            from ({{ changes_of('_' ~ name, columns, after, last) }}) where _sequence >= {{ reset }}
        ) where _place = 1
    ) as come on {{ same | join(' and ') }}
    when matched then update set {{ changed | join(', ') }}
    when not matched then insert ({{ written | join(', ') }})
        values (come._sequence, come.{{ written[1:] | join(', come.') }})
    {%- if reset > 0 %}
    when not matched by source and coalesce(there.number, 0) < {{ reset }} then delete
    {%- endif %}
{%- endmacro %}
