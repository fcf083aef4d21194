{#-
    How a history file becomes rows of a table of record, in the hooks of the core models:

      judge_history   land the CSV as text in raw.<table>, read it as typed rows    (no lock)
      judge_keys      say of each line which rules it breaks                        (writer's lock)
      the model       table_of_record(): the lines without exception, typed
      record_history  rejections and load record, in the transaction of the rows

    Between them stand temporary tables <table>__load (one row, or none when there is nothing new)
    and <table>__typed, and raw.<table>__exceptions: one row per line that was not accepted.
-#}

{% macro table_of_record(parents=[]) -%}
select
    {%- for column in model.columns.values() %}
    typed.{{ adapter.quote(column.name) }}{{ ',' if not loop.last }}
    {%- endfor %}
from {{ typed_lines() }} as typed
left join {{ exceptions_of_lines() }} as exceptions on typed.line = exceptions.line
where exceptions.line is null
{%- endmacro %}

{% macro typed_lines() -%}{{ adapter.quote(model.name ~ '__typed') }}{%- endmacro %}
{% macro current_load() -%}{{ adapter.quote(model.name ~ '__load') }}{%- endmacro %}
{% macro landed_lines() -%}raw.{{ adapter.quote(model.name) }}{%- endmacro %}
{% macro exceptions_of_lines() -%}raw.{{ adapter.quote(model.name ~ '__exceptions') }}{%- endmacro %}

{% macro history_file() -%}
    {{ return(env_var('GATEHOUSE_SEEDS', 'seeds') ~ '/' ~ model.name ~ '.csv') }}
{%- endmacro %}

{#- The same file by the same rules has nothing new. -#}
{% macro history_state() -%}
    {% set file = file_state(history_file()) %}
    {{ return(none if file is none else file ~ ' ' ~ local_md5(tojson(rules_of(model)) ~ tojson(model.columns))) }}
{%- endmacro %}

{#- The number of rows of each parent: a line may have been waiting for one that came since. -#}
{% macro sizes_of_parents() -%}
    {%- set parents = rules_of(model) | selectattr('kind', 'equalto', 'relationships') | map(attribute='args') | map(attribute='parent') | unique | list -%}
    (select concat_ws(' ', ''
    {%- for parent in parents %}, (select count(*) from {{ ref(parent) }}){% endfor %}))
{%- endmacro %}

{% macro history_is_new(state) -%}
    {% if state is none %}{{ return(false) }}{% endif %}
    {{ return(run_query(
        "select 1 from ops.history where table_name = '" ~ model.name ~ "' and state = '" ~ state ~ "'"
        ~ " and parents in ('', " ~ sizes_of_parents() ~ ")"
    ).rows | length == 0) }}
{%- endmacro %}

{% macro judge_history() -%}
{% if execute %}
    {% do check_dictionary() %}
    {% do check_table_fits() %}
    {% set state = history_state() %}
    {% set is_new = history_is_new(state) %}
    create or replace temporary table {{ current_load() }} as
    select
        cast(uuid() as varchar) as load_id,
        '{{ history_file() | replace("'", "''") }}' as source,
        '{{ state or '' }}' as state,
        {{ utc_now() }} as started_at
    where {{ is_new | lower }};

    {% set table = text_table(landed_lines(), 'line', model.columns.keys() | list + ['_rest']) %}
    create {{ 'or replace ' if is_new }}table {{ 'if not exists ' if not is_new }}{{ table }};
    {% if is_new %}
        insert into {{ landed_lines() }} by name {{ landed_columns(history_file()) }};
    {% endif %}

    create or replace temporary table {{ typed_lines() }} as
    select
        line,
        {%- for column in model.columns.values() %}
        {{ adapter.quote(column.name) }},
        {%- endfor %}
        not ({{ static_violations() | map(attribute='violated') | join('\n            or ') }}) as clean
    from ({{ read_lines() }}) as lines
    where {{ is_new | lower }};
{% endif %}
{%- endmacro %}

{#- The landed lines with what was written ("id__text") beside what was read ("id"). -#}
{% macro read_lines() -%}
    select
        line,
        _rest,
        {%- for column in model.columns.values() %}
        {{ adapter.quote(column.name) }} as {{ adapter.quote(column.name ~ '__text') }},
        {{ read_as(column.data_type, adapter.quote(column.name), model.name ~ '.' ~ column.name) }}
            as {{ adapter.quote(column.name) }}{{ ',' if not loop.last }}
        {%- endfor %}
    from (
        select
            line, _rest,
            {%- for column in model.columns.values() %}
            {{ adapter.quote(column.name) }}{{ ',' if not loop.last }}
            {%- endfor %}
        from {{ landed_lines() }}
    ) as landed
{%- endmacro %}

{#- The file's columns by the names in its header, by position where it has none of them. -#}
{% macro landed_columns(path) -%}
    {% set known = model.columns.keys() | list %}
    {% set header = [] %}
    {% for name in first_line(path).split(',') %}
        {% do header.append(name | replace('\ufeff', '') | trim | trim('"') | trim | lower) %}
    {% endfor %}
    {% set named = header | select('in', known) | list %}
    {% if named | length == 0 and header | length == known | length %}
        {{ log(path ~ ': no header, columns taken by position', info=true) }}
        {{ return(csv_lines(path, known, header=false)) }}
    {% elif named | length < header | length or (named | unique | list | length) < (named | length) %}
        {{ exceptions.raise_compiler_error(
            path ~ ': its first line (' ~ header | join(', ') ~ ') does not name columns of '
            ~ model.name ~ ' (' ~ known | join(', ') ~ ')'
        ) }}
    {% endif %}
    {% set required = rules_of(model) | selectattr('kind', 'equalto', 'not_null') | map(attribute='column') | list %}
    {% set absent = known | reject('in', header) | list %}
    {% if absent | select('in', required) | list %}
        {{ exceptions.raise_compiler_error(path ~ ': it has no column ' ~ absent | select('in', required) | join(', ')) }}
    {% endif %}
    select lines.*{% for name in absent %}, cast(null as varchar) as {{ adapter.quote(name) }}{% endfor %}
    from ({{ csv_lines(path, header, header=true) }}) as lines
{%- endmacro %}

{#- The rules that need other rows: what is taken already, and by an earlier line; what has no parent. -#}
{% macro judge_keys() -%}
{% if execute %}
    {% do take_writers_lock() %}
    {% if run_query('select 1 from ' ~ current_load()).rows | length == 0 %}
        create table if not exists {{ exceptions_of_lines() }} (line bigint, state varchar, violations varchar);
    {% else %}
        create or replace table {{ exceptions_of_lines() }} as {{ lines_with_exceptions() }};
    {% endif %}
{% endif %}
{%- endmacro %}

{#- gatehouse's build listens for this line and holds its writer until the node ends; see service/builds.py. -#}
{% macro take_writers_lock() -%}
    {% do log('gatehouse: take the writer\'s lock for ' ~ model.name) %}
{%- endmacro %}

{% macro primary_key(table=model) -%}
    {% for column in table.columns.values() if column.constraints | selectattr('type', 'equalto', 'primary_key') | list %}
        {{ return(column.name) }}
    {% endfor %}
    {{ exceptions.raise_compiler_error(table.name ~ ': no column has the constraint primary_key') }}
{%- endmacro %}

{#- In the transaction of the rows: what was kept out and why, and the count of it all. -#}
{% macro record_history() -%}
{% if execute %}
    {% set key = adapter.quote(primary_key()) %}
    {% set columns = model.columns.keys() | list %}
    -- A line that is accepted now answers an earlier rejection of the same row.
    update ops.rejections set status = 'accepted'
    where
        table_name = '{{ model.name }}'
        and status = 'open'
        and load_id in (select load_id from ops.loads where kind = 'history')
        and json_extract_string(payload, '$.{{ primary_key() }}') in (
            select lines.{{ key }} from {{ landed_lines() }} as lines
            where
                exists (select 1 from {{ current_load() }})
                and not exists (select 1 from {{ exceptions_of_lines() }} as exceptions where exceptions.line = lines.line)
        );

    insert into ops.rejections
    with rejected as (
        select
            load.load_id,
            load.source,
            exceptions.line,
            {{ row_as_json(columns, '_rest') }} as payload,
            exceptions.violations
        from {{ exceptions_of_lines() }} as exceptions
        inner join {{ landed_lines() }} as lines on exceptions.line = lines.line
        cross join {{ current_load() }} as load
        where exceptions.state = 'rejected'
    ),

    -- The same line for the same reasons is one rejection, however often its file is judged.
    named as (
        select
            *,
            md5(concat_ws('|', '{{ model.name }}', payload, violations, row_number() over (
                partition by payload, violations order by line
            ))) as rejection_id
        from rejected
    )

    select rejection_id, load_id, '{{ model.name }}', source, line, payload, violations, {{ utc_now() }}, 'open'
    from named
    where not exists (select 1 from ops.rejections as kept where kept.rejection_id = named.rejection_id);

    insert into ops.loads
    select
        load.load_id, '{{ model.name }}', 'history', load.source, 'done',
        counted.received,
        counted.received - counted.rejected - counted.already_present,
        counted.rejected,
        counted.already_present,
        load.started_at, {{ utc_now() }}, 'dbt', null
    from {{ current_load() }} as load
    cross join (
        select
            (select count(*) from {{ landed_lines() }}) as received,
            (select count(*) from {{ exceptions_of_lines() }} where state = 'rejected') as rejected,
            (select count(*) from {{ exceptions_of_lines() }} where state = 'already_present') as already_present
    ) as counted;

    insert or replace into ops.history
    select
        '{{ model.name }}',
        state,
        case when exists (
            select 1 from {{ exceptions_of_lines() }} where violations like '%"rule":"relationships"%'
        ) then {{ sizes_of_parents() }} else '' end,
        load_id
    from {{ current_load() }}
{% endif %}
{%- endmacro %}

{#- Types and keys are put into the DDL when a table is made, and never again: say so. -#}
{% macro check_table_fits() -%}
    {% set kept = columns_of_table(this.schema, this.identifier) %}
    {% for name, type, is_key in kept if name in model.columns %}
        {% set declared = model.columns[name].data_type %}
        {% if type | lower != declared | lower or is_key != (name == primary_key()) %}
            {{ exceptions.raise_compiler_error(
                model.name ~ '.' ~ name ~ ' is ' ~ type ~ (' primary key' if is_key else '') ~ ' in the warehouse and '
                ~ declared ~ (' primary key' if name == primary_key() else '')
                ~ ' in the dictionary: back the table up, drop it, build, and restore it'
            ) }}
        {% endif %}
    {% endfor %}
{%- endmacro %}

{#- Data test: each landed line is in core or has its exception, and the counts of every load add up. -#}
{% test history_accounted_for(model) %}
{% set name = model.identifier %}
select 'load ' || load_id as lost
from ops.loads
where
    table_name = '{{ name }}'
    and received != accepted + rejected + already_present
{%- if execute %}
{%- set table = graph.nodes.values() | selectattr('schema', 'equalto', 'core') | selectattr('name', 'equalto', name) | first %}
{%- set key, type = primary_key(table), (table.columns.values() | selectattr('name', 'equalto', primary_key(table)) | first).data_type %}
union all
select 'line ' || lines.line as lost
from (
    select line, {{ read_as(type, adapter.quote(key), name) }} as {{ adapter.quote(key) }}
    from raw.{{ adapter.quote(name) }}
) as lines
left join raw.{{ adapter.quote(name ~ '__exceptions') }} as exceptions on lines.line = exceptions.line
left join {{ model }} as kept on lines.{{ adapter.quote(key) }} = kept.{{ adapter.quote(key) }}
where
    exceptions.line is null
    and kept.{{ adapter.quote(key) }} is null
    and exists (select 1 from ops.history where table_name = '{{ name }}')
{%- endif %}
{% endtest %}
