with rejections as (
    select * from {{ source('ops', 'rejections') }}
),

reasons as (
    select
        cast(rejected_at as date) as day,
        table_name,
        rejection_id,
        status,
        {{ each_violation('violations') }} as violation
    from rejections
),

counted as (
    select
        day,
        table_name,
        violation.column_name,
        violation.rule,
        count(distinct rejection_id) as rejected_rows,
        count(distinct case when status = 'open' then rejection_id end) as open_rows
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
