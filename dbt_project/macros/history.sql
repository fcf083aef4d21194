{#-
    How a CSV file becomes rows of a table of record, in the hooks of the core models:

      judge_history   land the file as text in raw.<table>, read it as typed rows   (no lock)
      judge_keys      say of each line which rules it breaks                        (writer's lock)
      the model       table_of_record(): the lines without exception, typed
      record_history  rejections and load record, in the transaction of the rows

    The file is the one that someone has the service load (ops.files), else that of the history. Between
    the steps stand temporary tables <table>__load (one row, or none when there is nothing new)
    and <table>__typed, and raw.<table>__exceptions: one row per line that was not accepted.
    A long file comes in parts, each a run of its own: `behind` is the last line of the part before.
    What a run that was killed left behind that line, each step takes away before it begins.
-#}

{% macro table_of_record(parents=[]) -%}
select
    {%- for column in model.columns.values() %}
    typed.{{ adapter.quote(column.name) }}{{ ',' if not loop.last }}
    {%- endfor %}
from {{ typed_lines() }} as typed
left join {{ exceptions_of_lines() }} as exceptions on typed.line = exceptions.line
where
    exceptions.line is null
    and not exists (select 1 from {{ current_load() }} where is_trial)
{%- endmacro %}

{% macro typed_lines() -%}{{ adapter.quote(model.name ~ '__typed') }}{%- endmacro %}
{% macro current_load() -%}{{ adapter.quote(model.name ~ '__load') }}{%- endmacro %}
{% macro landed_lines() -%}raw.{{ adapter.quote(model.name ~ trial()) }}{%- endmacro %}
{% macro exceptions_of_lines() -%}raw.{{ adapter.quote(model.name ~ trial() ~ '__exceptions') }}{%- endmacro %}

{#- A trial leaves the lines of the last load alone. -#}
{% macro trial() -%}
    {% set asked = "select 1 from ops.files where is_current and is_trial and table_name = '" ~ model.name ~ "'" %}
    {{ return('__trial' if execute and run_query(asked).rows else '') }}
{%- endmacro %}

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
            'load_id': run_query('select cast(uuid() as varchar)').rows[0][0], 'kind': 'history',
            'path': history_file(), 'source': history_file(), 'shape': none,
            'behind': 0, 'is_trial': false, 'actor': 'dbt', 'state': state
        }) }}
    {% endif %}
    {{ return(none) }}
{%- endmacro %}

{% macro judge_history() -%}
{% if execute %}
    {% do check_dictionary() %}
    {% do check_table_fits() %}
    {% set load = load_to_judge() %}
    {% if load %}{% do land_lines(load) %}{% endif %}
    create or replace temporary table {{ current_load() }} as
    select
        {{ as_text(load and load.load_id) }} as load_id,
        {{ as_text(load and load.kind) }} as kind,
        {{ as_text(load and load.source) }} as source,
        {{ as_text(load and load.state) }} as state,
        {{ as_text(load and load.actor) }} as actor,
        {{ as_text(load and load.delimiter) }} as delimiter,
        {{ as_text(load and load.fields) }} as fields,
        {{ load.behind if load else 0 }} as behind,
        {{ load.is_trial | lower if load else 'false' }} as is_trial,
        {{ utc_now() }} as started_at
    where {{ 'true' if load else 'false' }};

    {% if not load %}{{ make_landed_lines() }}{% endif %}
    {% if not load or not load.is_trial %}{{ drop_trial() }}{% endif %}

    create or replace temporary table {{ typed_lines() }} as
    select
        line,
        {%- for column in model.columns.values() %}
        {{ adapter.quote(column.name) }},
        {%- endfor %}
        not ({{ static_violations() | map(attribute='violated') | join('\n            or ') }}) as clean
    from ({{ read_lines() }}) as lines
    where {{ 'line > ' ~ load.behind if load else 'false' }};
{% endif %}
{%- endmacro %}

{% macro landed_names() -%}
    {{ return(model.columns.keys() | list + ['_rest', '_problem', '_text']) }}
{%- endmacro %}

{#- As the dictionary wants it now; its lines stay. -#}
{% macro make_landed_lines() -%}
    create table if not exists {{ text_table(landed_lines(), 'line', landed_names()) }};
    {%- for name in landed_names() %}
    alter table {{ landed_lines() }} add column if not exists {{ adapter.quote(name) }} varchar;
    {%- endfor %}
{%- endmacro %}

{#- One that was killed, or failed, has left its lines. -#}
{% macro drop_trial() -%}
    drop table if exists raw.{{ adapter.quote(model.name ~ '__trial') }};
    drop table if exists raw.{{ adapter.quote(model.name ~ '__trial__exceptions') }};
{%- endmacro %}

{#- The file's lines into raw.<table>, by service/dbt/plugin.py: in one transaction with `before`. -#}
{% macro land_lines(load) -%}
    {% set wanted, required = [], rules_of(model) | selectattr('kind', 'equalto', 'not_null') | map(attribute='column') | list %}
    {% for column in model.columns.values() %}
        {% do wanted.append({'name': column.name, 'type': column.data_type | lower, 'required': column.name in required}) %}
    {% endfor %}
    {% set before = [] %}
    {% if load.behind == 0 %}
        {% do before.append('create or replace table ' ~ text_table(landed_lines(), 'line', landed_names())) %}
    {% else %}
        {% do before.extend([
            make_landed_lines(), 'delete from ' ~ landed_lines() ~ ' where line > ' ~ load.behind
        ]) %}
    {% endif %}
    {% if load.behind == 0 and not load.is_trial %}
        {% do before.append(
            "insert or replace into ops.landed values ('" ~ model.name ~ "', '" ~ load.load_id ~ "')"
        ) %}
    {% endif %}
    {% do load.update({'wanted': wanted, 'target': landed_lines(), 'before': before}) %}
    {% do adapter.store_relation('gatehouse', this, [], load.path, 'csv', load) %}
    {% if load.refused %}
        {{ exceptions.raise_compiler_error(load.path ~ ': ' ~ load.refused) }}
    {% endif %}
    {% set fields = [] %}
    {% for name in load.columns %}{% do fields.append('coalesce(' ~ adapter.quote(name) ~ ", '')") %}{% endfor %}
    {% do load.update({'fields': fields | join(', ')}) %}
    {% if load.kind == 'history' %}{% do log(load.path ~ ': ' ~ load.described, info=true) %}{% endif %}
{%- endmacro %}


{% macro as_text(value) -%}
    {{ return("'" ~ value | replace("'", "''") ~ "'" if value is string else 'cast(null as varchar)') }}
{%- endmacro %}

{#- The landed lines with what was written ("id__text") beside what was read ("id"). -#}
{% macro read_lines() -%}
    select
        line,
        _rest,
        _problem,
        _text,
        {%- for column in model.columns.values() %}
        {{ adapter.quote(column.name) }} as {{ adapter.quote(column.name ~ '__text') }},
        {{ read_as(column.data_type, adapter.quote(column.name), model.name ~ '.' ~ column.name) }}
            as {{ adapter.quote(column.name) }}{{ ',' if not loop.last }}
        {%- endfor %}
    from (
        select
            line, _rest, _problem, _text,
            {%- for column in model.columns.values() %}
            {{ adapter.quote(column.name) }}{{ ',' if not loop.last }}
            {%- endfor %}
        from {{ landed_lines() }}
    ) as landed
{%- endmacro %}

{#- The rules that need other rows: what is taken already, and by an earlier line; what has no parent. -#}
{% macro judge_keys() -%}
{% if execute %}
    {% set load = run_query('select behind, is_trial from ' ~ current_load()).rows | first %}
    {% if load and not load[1] or not load and not has_all_columns() %}{% do take_writers_lock() %}{% endif %}
    {% if not load or load[0] > 0 %}
        create table if not exists {{ exceptions_of_lines() }} (line bigint, state varchar, violations varchar);
    {% endif %}
    {% if load and load[0] > 0 %}
        delete from {{ exceptions_of_lines() }} where line > {{ load[0] }};
        insert into {{ exceptions_of_lines() }} {{ lines_with_exceptions() }};
    {% elif load %}
        create or replace table {{ exceptions_of_lines() }} as {{ lines_with_exceptions() }};
    {% endif %}
{% endif %}
{%- endmacro %}

{#- If not, the model is about to make or change its table. -#}
{% macro has_all_columns() -%}
    {% set kept = columns_of_table(this.schema, this.identifier) | map(attribute=0) | list %}
    {{ return(model.columns.keys() | reject('in', kept) | list | length == 0) }}
{%- endmacro %}

{#- gatehouse's build listens for this line and holds its writer until the node ends; see service/dbt/runner.py. -#}
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
    {{ add_primary_key(this, primary_key()) }}
    {% set load = run_query('select is_trial, delimiter, fields from ' ~ current_load()).rows | first %}
    {% if load and load[0] %}
        {{ record_trial() }}
    {% elif load %}
        {{ record_load("concat_ws('" ~ load[1] | replace("'", "''") ~ "', " ~ load[2] ~ ')') }}
    {% endif %}
{% endif %}
{%- endmacro %}

{#- `written` is an expression for a line as it stood in the file. -#}
{% macro record_load(written) -%}
    {% set key = adapter.quote(primary_key()) %}
    -- A line that is accepted now answers an earlier rejection of the same row. Joined so that the few
    -- rejections are kept in memory, and not the many lines.
    update ops.rejections set status = 'accepted'
    where rejection_id in (
        select earlier.rejection_id
        from ops.rejections as earlier
        inner join {{ landed_lines() }} as lines
            on json_extract_string(earlier.payload, '$.{{ primary_key() }}') = lines.{{ key }}
        where
            earlier.table_name = '{{ model.name }}'
            and earlier.status = 'open'
            and earlier.load_id in (select load_id from ops.loads where kind in ('history', 'file'))
            and lines.line > (select behind from {{ current_load() }})
            and not exists (select 1 from {{ exceptions_of_lines() }} as exceptions where exceptions.line = lines.line)
    );

    insert into ops.rejections (
        rejection_id, load_id, table_name, source, position, payload, violations, rejected_at, status, raw
    )
    with rejected as (
        select
            load.load_id,
            load.source,
            load.behind,
            exceptions.line,
            case
                when lines._problem is null then {{ row_as_json(model.columns.keys() | list, '_rest') }}
                else cast(to_json(lines._text) as varchar)
            end as payload,
            exceptions.violations,
            coalesce(lines._text, {{ written }}) as raw
        from {{ exceptions_of_lines() }} as exceptions
        inner join {{ landed_lines() }} as lines on exceptions.line = lines.line
        cross join {{ current_load() }} as load
        where exceptions.state = 'rejected' and exceptions.line > load.behind
    ),

    -- The same line for the same reasons is one rejection, however often its file is judged.
    named as (
        select
            *,
            md5(concat_ws('|', '{{ model.name }}', payload, violations, row_number() over (
                partition by payload, violations order by line
            ), nullif(behind, 0))) as rejection_id
        from rejected
    )

    select
        rejection_id, load_id, '{{ model.name }}', source, line, payload, violations, {{ utc_now() }}, 'open', raw
    from named
    {{ unless_on_record() }};

    insert into ops.loads
    select
        load_id, '{{ model.name }}', 'history', source, 'done', {{ counts_of_load() | join(', ') }},
        started_at, {{ utc_now() }}, actor, null
    from {{ current_load() }} as load
    where kind = 'history';

    -- A file may come in parts: the service says when the last of them is in.
    update ops.loads set
        {%- for name, count in zip(['received', 'accepted', 'rejected', 'already_present'], counts_of_load()) %}
        {{ name }} = loads.{{ name }} + {{ count }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ current_load() }} as load
    where loads.load_id = load.load_id and load.kind = 'file';

    update ops.files set behind = coalesce((select max(line) from {{ landed_lines() }}), 0)
    where load_id = (select load_id from {{ current_load() }});

    insert or replace into ops.history
    select
        '{{ model.name }}',
        state,
        case when exists (
            select 1 from {{ exceptions_of_lines() }} where violations like '%"rule":"relationships"%'
        ) then {{ sizes_of_parents() }} else '' end,
        load_id
    from {{ current_load() }}
    where kind = 'history'
{%- endmacro %}

{#- received, accepted, rejected and already_present of the lines behind `load.behind`. -#}
{% macro counts_of_load() -%}
    {% set lines = '(select count(*) from ' ~ landed_lines() ~ ' where line > load.behind)' %}
    {% set found = {} %}
    {% for state in ['rejected', 'already_present'] %}
        {% do found.update({state:
            '(select count(*) from ' ~ exceptions_of_lines() ~ " where state = '" ~ state ~ "' and line > load.behind)"
        }) %}
    {% endfor %}
    {{ return([
        lines, lines ~ ' - ' ~ found.rejected ~ ' - ' ~ found.already_present, found.rejected, found.already_present
    ]) }}
{%- endmacro %}

{#- What a load would do, for the service to tell. -#}
{% macro record_trial() -%}
    {% set counts = counts_of_load() %}
    update ops.files set result = (
        select cast(to_json({
            'received': {{ counts[0] }}, 'accepted': {{ counts[1] }},
            'rejected': {{ counts[2] }}, 'already_present': {{ counts[3] }},
            'rejections': (
                select coalesce(list({'line': line, 'violations': cast(violations as json)}), [])
                from (
                    select line, violations from {{ exceptions_of_lines() }}
                    where state = 'rejected' order by line limit 100
                ) as first
            )
        }) as varchar)
        from {{ current_load() }} as load
    )
    where load_id = (select load_id from {{ current_load() }});

    drop table {{ landed_lines() }};
    drop table {{ exceptions_of_lines() }}
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
