with hires as (
    select * from {{ ref('hired_employees') }}
),

departments as (
    select * from {{ ref('departments') }}
),

counted as (
    select
        cast(date_trunc('month', datetime) as date) as month,
        department_id,
        count(*) as hired
    from hires
    group by 1, 2
),

-- Two departments of the same name are one line of the report.
named as (
    select
        counted.month,
        departments.department,
        cast(sum(counted.hired) as bigint) as hired
    from counted
    inner join departments on counted.department_id = departments.id
    group by 1, 2
)

select * from named
