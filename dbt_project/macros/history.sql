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
where not exists (
    select 1 from {{ exceptions_of_lines() }} as exceptions
    where exceptions.line = typed.line
)
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

    {% if is_new %}
        create or replace table {{ landed_lines() }} as {{ landed_columns(history_file()) }};
    {% else %}
        create table if not exists {{ landed_lines() }} (line bigint
            {%- for column in model.columns.values() %}, {{ adapter.quote(column.name) }} varchar{% endfor %}, _rest varchar);
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

{#- The rules that a line breaks or not by itself, as {violated, violation}; place keeps the order. -#}
{% macro static_violations() -%}
    {% set found = [] %}
    {% set rules = rules_of(model) %}
    {% for column in model.columns.values() %}
        {% set place = loop.index0 * 100 %}
        {% set read, text = adapter.quote(column.name), adapter.quote(column.name ~ '__text') %}
        {% set type = column_type(column.data_type, model.name ~ '.' ~ column.name) %}
        {% if type.form is not none %}
            {% do found.append(as_static('(' ~ text ~ ' is not null and ' ~ read ~ ' is null)', place, column.name,
                'type', "'" ~ column.name ~ ' is not ' ~ type.reads ~ "'")) %}
        {% endif %}
        {% for rule in rules if rule.column == column.name and rule.kind not in ('unique', 'relationships') %}
            {% if rule.kind == 'not_null' %}
                {% do found.append(as_static('(' ~ text ~ ' is null)', place + loop.index, column.name,
                    'not_null', "'" ~ column.name ~ " is missing'")) %}
            {% else %}
                {% set judged = context['rule_' ~ rule.kind](column.name, rule.args, text) %}
                {% do found.append(as_static('coalesce(' ~ read ~ ' is not null and ' ~ judged.violated ~ ', false)',
                    place + loop.index, column.name, rule.kind, judged.message)) %}
            {% endif %}
        {% endfor %}
    {% endfor %}
    {% do found.append({
        'violated': '(_rest is not null)',
        'violation': violation(100 * model.columns | length, 'null', 'unknown_field',
            "'the line has more fields than " ~ model.name ~ " has columns'", '_rest')
    }) %}
    {{ return(found) }}
{%- endmacro %}

{% macro as_static(violated, place, column, kind, message) -%}
    {{ return({
        'violated': violated,
        'violation': violation(place, "'" ~ column ~ "'", kind, message, adapter.quote(column ~ '__text'))
    }) }}
{%- endmacro %}

{#- The place of a rule among those of its column, as static_violations() counts it. -#}
{% macro place_of(rule) -%}
    {%- set columns = model.columns.keys() | list -%}
    {%- set own = rules_of(model) | selectattr('column', 'equalto', rule.column) | list -%}
    {{ return(columns.index(rule.column) * 100 + 50 + own.index(rule)) }}
{%- endmacro %}

{% macro same_content(one, other) -%}
    {%- for column in model.columns.values() %}
    {{ one }}.{{ adapter.quote(column.name) }} is not distinct from {{ other }}.{{ adapter.quote(column.name) }}
    {{- ' and ' if not loop.last }}
    {%- endfor -%}
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

{% macro lines_with_exceptions() -%}
    {% set rules = rules_of(model) %}
    {% set uniques = rules | selectattr('kind', 'equalto', 'unique') | list %}
    {% set key = adapter.quote(primary_key()) %}
    {% set table = kept_rows() %}
with typed as (
    select * from {{ typed_lines() }}
),

-- What a line says that is there already.
present as (
    select typed.line
    from typed
    inner join {{ table }} as kept on typed.{{ key }} = kept.{{ key }}
    where typed.clean and {{ same_content('typed', 'kept') }}
),

-- What is wrong with a line by itself, or for want of a parent.
own as (
    select line, violation
    from (
        select line, {{ unnested(static_violations_or_null()) }} as violation
        from ({{ read_lines() }}) as lines
        where line in (select line from typed where not clean)
    ) as judged
    where violation is not null
    {%- for rule in rules if rule.kind == 'relationships' %}
    {%- set column = adapter.quote(rule.column) %}
    union all
    select line, {{ key_violation(rule) }} as violation
    from typed
    where {{ column }} is not null and not exists (
        select 1 from {{ ref(rule.args.parent) }} as parent
        where parent.{{ adapter.quote(rule.args.field) }} = typed.{{ column }}
    )
    {%- endfor %}
),

candidates as (
    select * from typed
    where
        not exists (select 1 from own where own.line = typed.line)
        and not exists (select 1 from present where present.line = typed.line)
),
{% for rule in uniques %}
{%- set column = adapter.quote(rule.column) %}
-- The first candidate of each {{ rule.column }} that is written more than once has it.
first_{{ rule.column }} as (
    select {{ column }} as taken, min(line) as line
    from candidates
    where {{ column }} in (select {{ column }} from typed group by {{ column }} having count(*) > 1)
    group by {{ column }}
),
{% endfor %}
taken as (
    {%- for rule in uniques %}
    {%- set column = adapter.quote(rule.column) %}
    {{ 'union all' if not loop.first }}
    select line, {{ key_violation(rule) }} as violation
    from typed
    where {{ column }} is not null and (
        exists (select 1 from {{ table }} as kept where kept.{{ column }} = typed.{{ column }})
        or exists (
            select 1 from first_{{ rule.column }} as first
            where first.taken = typed.{{ column }} and first.line < typed.line
        )
    )
    {%- endfor %}
),

-- What an earlier line says that is accepted.
repeated as (
    select typed.line
    from typed
    inner join first_{{ primary_key() }} as first on typed.{{ key }} = first.taken and typed.line > first.line
    inner join typed as earlier on first.line = earlier.line
    where
        typed.clean and {{ same_content('typed', 'earlier') }}
        and not exists (select 1 from taken where taken.line = earlier.line)
),

there_already as (
    select line from present
    union all
    select line from repeated
    where not exists (select 1 from own where own.line = repeated.line)
),

broken as (
    select line, {{ violations_as_json('violation') }} as violations
    from (
        select * from own
        union all
        select * from taken
    ) as found
    where not exists (select 1 from there_already where there_already.line = found.line)
    group by line
)

select line, 'rejected' as state, violations from broken
union all
select line, 'already_present' as state, '[]' as violations from there_already
{%- endmacro %}

{#- The table as it will be: before its first build it is empty, a new column is NULL in every row. -#}
{% macro kept_rows() -%}
    {% set kept = columns_of_table(this.schema, this.identifier) | map(attribute=0) | list %}
    {% set added = [] %}
    {% for column in model.columns.values() if column.name not in kept %}
        {% do added.append('cast(null as ' ~ column.data_type ~ ') as ' ~ adapter.quote(column.name)) %}
    {% endfor %}
    {% if not kept %}
        {{ return('(select * from ' ~ typed_lines() ~ ' limit 0)') }}
    {% endif %}
    {{ return('(select ' ~ (['*'] + added) | join(', ') ~ ' from ' ~ this ~ ')' if added else this) }}
{%- endmacro %}

{% macro static_violations_or_null() -%}
    {% set cases = [] %}
    {% for found in static_violations() %}
        {% do cases.append('case when ' ~ found.violated ~ ' then ' ~ found.violation ~ ' end') %}
    {% endfor %}
    {{ return(cases) }}
{%- endmacro %}

{% macro key_violation(rule) -%}
    {{ return(violation(
        place_of(rule), "'" ~ rule.column ~ "'", rule.kind,
        context['rule_' ~ rule.kind](rule.column, rule.args).message,
        'cast(' ~ adapter.quote(rule.column) ~ ' as varchar)'
    )) }}
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
from raw.{{ adapter.quote(name) }} as lines
where
    exists (select 1 from ops.history where table_name = '{{ name }}')
    and not exists (
        select 1 from raw.{{ adapter.quote(name ~ '__exceptions') }} as exceptions
        where exceptions.line = lines.line
    )
    and not exists (
        select 1 from {{ model }} as kept
        where kept.{{ adapter.quote(key) }} = {{ read_as(type, 'lines.' ~ adapter.quote(key), name) }}
    )
{%- endif %}
{% endtest %}
