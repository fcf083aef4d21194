{#- The last hook, in the transaction of the rows: what was kept out and why, and the count of it all. -#}
{% macro record_history() -%}
{% if execute %}
    {% set load = run_query('select is_trial, delimiter, columns, kind, behind from ' ~ current_load()).rows | first %}
    {% set kind = load[3] if load else none %}
    {% set behind = load[4] | int if load and load[4] is not none else 'null' %}
    {% set body %}
    {% if has_generated_key() and takes_files() and not (load and load[0]) %}{{ note_highest_id() }};{% endif %}
    {{ add_primary_key(this, key_columns()) }}
    {% if load and load[0] %}
        {{ record_trial(behind) }}
    {% elif load %}
        {% if on_conflict() == 'merge' %}{{ change_rows_of_lines() }}{% endif %}
        {{ accept_rejections() }};
        {{ record_rejections(line_as_written(load[1], fromjson(load[2]))) }};
        {% if static_warnings() %}{{ record_warnings() }};{% endif %}
        {{ record_counts(kind, behind) }};
        {{ record_state(kind) }}
        {% if has_erased() %};
        {{ blank_erased_lines() }}
        {% endif %}
    {% endif %}
    {% endset %}
    {{ statements(body) }}
{% endif %}
{%- endmacro %}

{#- An expression: the fields of a line with the delimiter between. `columns` are the names of those of the file. -#}
{% macro line_as_written(delimiter, columns) -%}
    {% set fields = [] %}
    {% for name in columns %}{% do fields.append('coalesce(' ~ adapter.quote(name) ~ ", '')") %}{% endfor %}
    {{ return(joined(delimiter, fields)) }}
{%- endmacro %}

{#- A line that is accepted now, or changes its row, answers an earlier rejection of the same row. -#}
{% macro accept_rejections() -%}
    -- Joined so that the few rejections are kept in memory, and not the many lines.
    update ops.rejections set status = 'accepted'
    where rejection_id in (
        select earlier.rejection_id
        from ops.rejections as earlier
        {% if has_generated_key() -%}
        inner join (
            select line, {{ row_as_json(model.columns.keys() | list, '_rest') }} as _said from {{ landed_lines() }}
        ) as lines on earlier.payload = lines._said
        {%- else -%}
        inner join {{ landed_lines() }} as lines
            on {% for name in key_columns() -%}
            {{ json_member('earlier.payload', name) }} = lines.{{ adapter.quote(name) }}{{ ' and ' if not loop.last }}
            {%- endfor %}
        {%- endif %}
        where
            earlier.table_name = '{{ model.name }}'
            and earlier.status = 'open'
            and earlier.load_id in (select load_id from ops.loads where kind in ('history', 'file'))
            and lines.line > (select behind from {{ current_load() }})
            and not exists (
                select 1 from {{ exceptions_of_lines() }} as exceptions
                where exceptions.line = lines.line and exceptions.state != 'changed'
            )
    )
{%- endmacro %}

{#- `written` is an expression for a line as it stood in the file. -#}
{% macro record_rejections(written) -%}
    {{ insert_or_change(
        'ops.rejections', 'rejection_id',
        [
            'rejection_id', 'load_id', 'table_name', 'source', 'position', 'payload', 'violations', 'rejected_at',
            'status', 'raw'
        ],
        rejected_lines(written),
        changes={'status': "'open'", 'resolved_at': 'null', 'resolved_by': 'null', 'resolution': 'null'},
        only_where={'status': "'accepted'"}
    ) }}
{%- endmacro %}

{#- Of the lines that go in, those that break rules of severity `warn`; once a load, however often it is judged. -#}
{% macro record_warnings() -%}
    {%- set told -%}
    select load._load_id, '{{ model.name }}', load._source, told.line, told.row_key, told.warnings, {{ utc_now() }}
    from (
        select warned.line, {{ as_varchar(shown_value(key_columns(), 'typed.')) }} as row_key, warned.warnings
        from ({{ lines_with_warnings() }}) as warned
        inner join {{ typed_lines() }} as typed on warned.line = typed.line
    ) as told
    cross join (select load_id as _load_id, source as _source from {{ current_load() }}) as load
    {%- endset -%}
    {{ insert_missing(
        'ops.warnings', ['load_id', 'table_name', 'position'],
        ['load_id', 'table_name', 'source', 'position', 'row_key', 'warnings', 'warned_at'], told
    ) }}
{%- endmacro %}

{#- A query: (line, warnings) of them. -#}
{% macro lines_with_warnings() -%}
    {%- set goes_in = 'line > (select behind from ' ~ current_load() ~ ') and line not in (select line from '
        ~ exceptions_of_lines() ~ ')' -%}
    select line, {{ violations_as_json('violation') }} as warnings
    from ({{ violations_of_lines(static_warnings(), goes_in) }}) as found
    group by line
{%- endmacro %}

{#- What someone has settled, by a replay or a dismissal, is not opened again, though the line fails for more reasons
    now that its row is in; what an earlier load had accepted is, if a restore took it away and the line fails again. -#}
{% macro rejected_lines(written) -%}
    with rejected as (
        select
            load._load_id,
            load._source,
            load._behind,
            exceptions._line,
            case
                when exceptions._violations = {{ violations_of_erased() }} then '{}'
                when lines._problem is null then {{ row_as_json(model.columns.keys() | list, '_rest') }}
                else {{ json_text('lines._text') }}
            end as payload,
            exceptions._violations,
            case
                when exceptions._violations != {{ violations_of_erased() }} then coalesce(lines._text, {{ written }})
            end as raw
        -- A table's columns may have any name without an underscore at its begin.
        from (
            select line as _line, violations as _violations from {{ exceptions_of_lines() }} where state = 'rejected'
        ) as exceptions
        inner join {{ landed_lines() }} as lines on exceptions._line = lines.line
        cross join (select load_id as _load_id, source as _source, behind as _behind from {{ current_load() }}) as load
        where exceptions._line > load._behind
    ),

    -- The same line for the same reasons is one rejection, however often its file is judged.
    named as (
        select
            *,
            {{ digest(joined('|', [
                text_literal(model.name), 'payload', '_violations',
                'row_number() over (partition by payload, _violations order by _line)', 'nullif(_behind, 0)'
            ])) }} as rejection_id
        from rejected
    )

    select
        rejection_id, _load_id, '{{ model.name }}', _source, _line, payload, _violations, {{ utc_now() }}, 'open', raw
    from named
    where not exists (
        select 1 from ops.rejections as settled
        where
            settled.table_name = '{{ model.name }}'
            and settled.payload = named.payload
            and (
                settled.status = 'dismissed'
                or settled.resolution in (select load_id from ops.loads where kind = 'replay')
            )
    )
    order by _line
{%- endmacro %}

{#- Of history one record; a file's has been there since it was taken in, and is told when its last part is in. -#}
{% macro record_counts(kind, behind) -%}
    {% set counts, added = counts_of_load(behind), {} %}
    {% for name, count in counts.items() %}
        {% do added.update({name: 'coalesce(loads.' ~ name ~ ', 0) + ' ~ count}) %}
    {% endfor %}
    {#- Of a load that an older version began they stay NULL. -#}
    {% for name in line_accounts() %}
        {% set sum = 'case when load.behind = 0 then 0 else loads.' ~ name ~ ' end + load.' ~ name %}
        {% do added.update({name: 'load.lines' if name == 'lines' else sum}) %}
    {% endfor %}
    {% set record = {
        'load_id': 'load_id', 'table_name': text_literal(model.name), 'kind': "'history'", 'source': 'source',
        'status': "'done'", 'started_at': 'started_at', 'finished_at': utc_now(), 'actor': 'actor'
    } %}
    {% do record.update(counts) %}
    {% do record.update({'on_conflict': "nullif(on_conflict, 'ignore')"}) %}
    {% for name in line_accounts() %}{% do record.update({name: name}) %}{% endfor %}
    {% if kind == 'history' %}
        {{ upsert('ops.loads', ['load_id', 'table_name'], record, 'from ' ~ current_load() ~ ' as load') }}
    {% else %}
        {{ update_from('ops.loads', added, current_load() ~ ' as load', 'loads.load_id = load.load_id') }}
    {% endif %}
{%- endmacro %}

{#- Where the next part of a file begins; what history it was that was judged, and what its lines wait for. -#}
{% macro record_state(kind) -%}
    {% set waits = 'select 1 from ' ~ exceptions_of_lines() ~ ' where violations like \'%"rule":"relationships"%\'' %}
    {% if kind == 'file' %}{{ update_from(
        'ops.files', {'behind': 'load.last_line'}, current_load() ~ ' as load', 'files.load_id = load.load_id'
    ) }};{% endif %}

    {#- A history that is judged again is a load of its own. -#}
    {{ update_from(
        'ops.landed', {'load_id': 'load.load_id'}, current_load() ~ ' as load', "landed.table_name = '" ~ model.name ~ "'"
    ) }};

    {% if kind == 'history' %}{{ upsert('ops.history', 'table_name', {
        'table_name': text_literal(model.name),
        'state': 'state',
        'parents': 'case when exists (' ~ waits ~ ') then ' ~ sizes_of_parents() ~ " else '' end",
        'load_id': 'load_id'
    }, 'from ' ~ current_load()) }}{% endif %}
{%- endmacro %}

{#- received, accepted, changed, rejected and already_present of the lines behind line `behind`: by name, a number each. -#}
{% macro counts_of_load(behind) -%}
    {% set counted = [] %}
    {% for state in ['changed', 'rejected', 'already_present'] %}{% do counted.append("count(*) filter (where state = '" ~ state ~ "')") %}{% endfor %}
    {% set received = run_query('select count(*) from ' ~ landed_lines() ~ ' where line > ' ~ behind).rows[0][0] | int %}
    {% set row = run_query(
        'select ' ~ counted | join(', ') ~ ', ' ~ cells_adjusted('default', behind) ~ ', ' ~ cells_adjusted('normalise', behind)
        ~ ' from ' ~ exceptions_of_lines() ~ ' where line > ' ~ behind
    ).rows[0] | map('int') | list %}
    {{ return({
        'received': received, 'accepted': received - row[:3] | sum, 'changed': row[0], 'rejected': row[1], 'already_present': row[2],
        'defaulted': row[3], 'normalised': row[4]
    }) }}
{%- endmacro %}

{#- Of the lines that are accepted, how many values are not what was written: defaults, or normalised. -#}
{% macro cells_adjusted(asked, behind) -%}
    {% set changed = [] %}
    {% for column in model.columns.values() if meta_of(column).get(asked) is not none %}
        {% set text = 'lines.' ~ adapter.quote(column.name) %}
        {% do changed.append('count(*) filter (where ' ~ (
            text ~ ' is null' if asked == 'default'
            else text ~ ' <> ' ~ as_kept(column, 'lines.')
        ) ~ ')') %}
    {% endfor %}
    {{ return('0' if not changed else
        '(select ' ~ changed | join(' + ') ~ ' from ' ~ landed_lines() ~ ' as lines where line > ' ~ behind
        ~ ' and not exists (select 1 from ' ~ exceptions_of_lines() ~ ' as gone where gone.line = lines.line'
        ~ " and gone.state != 'changed'))"
    ) }}
{%- endmacro %}

{#- The first lines that were landed, as they were read: {line, values, problem} of each, as a list. -#}
{% macro first_rows_as_read() -%}
    {% set values = {} %}
    {% for name in model.columns %}{% do values.update({name: adapter.quote(name)}) %}{% endfor %}
    (
        select {{ list_of(struct({'line': 'line', 'values': struct(values), 'problem': '_problem'})) }}
        from (select * from {{ landed_lines() }} order by line limit 5) as first
    )
{%- endmacro %}

{#- What a load would do, for the service to tell. -#}
{% macro record_trial(behind) -%}
    {% set rejections %}
            (
                select {{ list_of(struct({'line': 'line', 'violations': json_value('violations')})) }}
                from (
                    select line, violations from {{ exceptions_of_lines() }}
                    where state = 'rejected' order by line limit 100
                ) as first
            )
    {%- endset %}
    {% set told = dict(counts_of_load(behind), rejections=rejections, first_rows=first_rows_as_read()) %}
    {% if static_warnings() %}{% do told.update({'warned': '(select count(*) from (' ~ lines_with_warnings() ~ ') as warned)'}) %}{% endif %}
    {% for name in line_accounts() %}{% do told.update({name: name}) %}{% endfor %}
    update ops.files set result = (
        select {{ json_text(struct(told)) }}
        from {{ current_load() }} as load
    )
    where load_id = (select load_id from {{ current_load() }});

    {{ drop_trial(model.name) }}
{%- endmacro %}
