with rejections as (
    select * from {{ source('ops', 'rejections') }}
),

reasons as (
    select
        cast(rejections.rejected_at as date) as day,
        rejections.table_name,
        rejections.rejection_id,
        rejections.status,
        {{ each_violation('rejections.violations') }} as violation
    from rejections
),

counted as (
    select
        reasons.day,
        reasons.table_name,
        reasons.violation.column_name,
        reasons.violation.rule,
        count(distinct reasons.rejection_id) as rejected_rows,
        count(distinct case when reasons.status = 'open' then reasons.rejection_id end) as open_rows
    from reasons
    group by 1, 2, 3, 4
),

dated as (
    select
        cast(extract(year from day) as integer) as year,
        day,
        table_name,
        column_name,
        rule,
        cast(rejected_rows as bigint) as rejected_rows,
        cast(open_rows as bigint) as open_rows
    from counted
)

select * from dated
