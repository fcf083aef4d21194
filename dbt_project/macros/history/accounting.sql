{#- Data test: each landed line is in core or has its exception, the counts of every load add up, those of its file's
    lines too, and the count of the table follows from them. What was landed last is looked at when its load is done, until the table
    is restored or rows of it are removed. -#}
{% test history_accounted_for(model) %}
{% set name = model.identifier %}
{% if flags.EMPTY %}{#- of no rows nothing follows -#}
select 'nothing' as lost where 1 = 0
{% else %}
select 'load ' || load_id as lost
from ops.loads
where
    table_name = '{{ name }}'
    and received != accepted + rejected + already_present + coalesce(changed, 0) + coalesce(removed, 0)
union all
{{ lines_that_do_not_add_up(name) }}
union all
{{ count_that_does_not_follow(name, model) }}
{%- if execute %}
union all
{{ landed_lines_that_do_not_follow(name) }}
{%- set table = graph.nodes.values() | selectattr('schema', 'equalto', 'core') | selectattr('name', 'equalto', name) | first %}
{%- set names = key_columns(table) %}
union all
select 'line ' || lines.line as lost
from (
    select
        line,
        {%- for key in names %}
        {{ read_as(table.columns[key].data_type, as_kept(table.columns[key]), name) }}
            as {{ adapter.quote(key) }}{{ ',' if not loop.last }}
        {%- endfor %}
    from raw.{{ adapter.quote(name) }}
    {%- if has_generated_key(table) and takes_files() %}
    where {{ adapter.quote(names[0]) }} is not null
    union all
    select line, id from {{ ids_of_landed_lines(table) }}
    {%- endif %}
) as lines
left join raw.{{ adapter.quote(name ~ '__exceptions') }} as exceptions on lines.line = exceptions.line
left join {{ model }} as kept on {{ equal_in(names, 'lines.', 'kept.') }}
where
    exceptions.line is null
    and kept.{{ adapter.quote(names[0]) }} is null
    and exists (
        select 1
        from ops.landed
        inner join ops.loads on ops.landed.load_id = ops.loads.load_id
        where
            ops.landed.table_name = '{{ name }}'
            and ops.loads.status = 'done'
            and not exists (
                select 1 from ops.loads as restores
                where
                    (restores.kind = 'restore' or restores.removed > 0)
                    and restores.table_name = '{{ name }}'
                    and restores.number > coalesce(ops.loads.number, 0)
            )
    )
{%- endif %}
{%- endif %}
{% endtest %}

{#- Each line of a file is told as one of: header, blank, skipped, of a record. Loads of before that was counted have
    NULL there. service/upkeep/audit.py asks the same, and what follows. -#}
{% macro lines_that_do_not_add_up(name) -%}
select 'lines of load ' || load_id as lost
from ops.loads
where
    table_name = '{{ name }}'
    and status = 'done'
    and lines != header_lines + blank_lines + skipped_lines + record_lines
{%- endmacro %}

{#- One row when what was landed last is not what its load has counted, or lines belong to two records. Lines are looked at in
    blocks, and then the blocks: to sort all lines would be one task's on Spark. The blocks are few, and one partition, as is
    said: Spark warns where nothing is. -#}
{% macro landed_lines_that_do_not_follow(name) -%}
select 'landed lines: ' || landed.lines || ' of ' || landed.records || ' records' as lost
from (
    select
        coalesce(sum(records), 0) as records,
        coalesce(sum(lines), 0) as lines,
        max(ends) - 1 as last_line,
        coalesce(sum(shared + case when _next < ends then 1 else 0 end), 0) as shared
    from (
        select
            count(*) as records,
            sum(_lines) as lines,
            max(line + _lines) as ends,
            count(case when _next < line + _lines then 1 end) as shared,
            lead(min(line)) over (partition by _block < 0 order by _block) as _next
        from (
            select line, _lines, _block, lead(line) over (partition by _block order by line) as _next
            from (
                select line, _lines, floor(line / 1000000) as _block
                from raw.{{ adapter.quote(name) }}
            ) as in_blocks
        ) as numbered
        group by _block
    ) as blocks
) as landed
cross join (
    select loads.* from ops.landed
    inner join ops.loads on ops.landed.load_id = ops.loads.load_id and ops.landed.table_name = ops.loads.table_name
    where ops.landed.table_name = '{{ name }}' and ops.loads.status = 'done'
) as load
where
    load.record_lines is not null
    and (
        landed.records != load.received
        or landed.lines != load.record_lines
        or landed.last_line > load.lines
        or landed.shared > 0
    )
{%- endmacro %}

{#- One row when a table has not the rows that its loads account for: those that its last restore left it
    with, and those that were accepted and not removed since. service/upkeep/audit.py asks the same. -#}
{% macro count_that_does_not_follow(name, relation) -%}
select 'rows: there are ' || kept.rows_kept || ', the loads account for ' || accounted.rows_accounted as lost
from (select count(*) as rows_kept from {{ relation }}) as kept
cross join ({{ rows_accounted_for(name) }}) as accounted
where kept.rows_kept != accounted.rows_accounted
{%- endmacro %}

{% macro rows_accounted_for(name) -%}
select
    coalesce(sum(loads.rows_more), 0)
    + coalesce(
        max(restored.received) - coalesce(
            max(restored.accepted_before),
            sum(case when loads.finished_at <= restored.finished_at then loads.rows_more end),
            0
        ),
        0
    ) as rows_accounted
from (select 1) as one
left join (
    select
        received,
        finished_at,
        {{ cast_or_null(json_member('detail', 'accepted_before'), 'bigint') }} as accepted_before
    from ops.loads
    where table_name = '{{ name }}' and kind = 'restore'
    order by number desc, load_id limit 1
) as restored on true
left join (
    select accepted - coalesce(removed, 0) as rows_more, finished_at
    from ops.loads where table_name = '{{ name }}' and kind != 'restore'
) as loads on true
{%- endmacro %}
