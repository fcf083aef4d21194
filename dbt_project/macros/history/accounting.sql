{#- Data test: each landed line is in core or has its exception, the counts of every load add up, and the
    count of the table follows from them. What was landed last is looked at when its load is done, until the table
    is restored. -#}
{% test history_accounted_for(model) %}
{% set name = model.identifier %}
select 'load ' || load_id as lost
from ops.loads
where
    table_name = '{{ name }}'
    and received != accepted + rejected + already_present
union all
{{ count_that_does_not_follow(name, model) }}
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
                    restores.kind = 'restore'
                    and restores.table_name = '{{ name }}'
                    and restores.finished_at >= ops.loads.finished_at
            )
    )
{%- endif %}
{% endtest %}

{#- One row when a table has not the rows that its loads account for: those that its last restore left it
    with, and those that were accepted since. service/upkeep/audit.py asks the same. -#}
{% macro count_that_does_not_follow(name, relation) -%}
select 'rows: there are ' || kept.rows_kept || ', the loads account for ' || accounted.rows_accounted as lost
from (select count(*) as rows_kept from {{ relation }}) as kept
cross join ({{ rows_accounted_for(name) }}) as accounted
where kept.rows_kept != accounted.rows_accounted
{%- endmacro %}

{% macro rows_accounted_for(name) -%}
select
    coalesce((select sum(accepted) from ops.loads where table_name = '{{ name }}' and kind != 'restore'), 0)
    + coalesce((
        select received - coalesce(
            {{ cast_or_null(json_member('detail', 'accepted_before'), 'bigint') }},
            (
                select sum(loads.accepted) from ops.loads
                where
                    loads.table_name = '{{ name }}'
                    and loads.kind != 'restore'
                    and loads.finished_at <= restores.finished_at
            ),
            0
        )
        from ops.loads as restores
        where restores.table_name = '{{ name }}' and restores.kind = 'restore'
        order by restores.finished_at desc, restores.load_id limit 1
    ), 0) as rows_accounted
{%- endmacro %}
