with hires as (
    select * from {{ ref('hired_employees') }}
),

departments as (
    select * from {{ ref('departments') }}
),

jobs as (
    select * from {{ ref('jobs') }}
),

counted as (
    select
        extract(year from hires.datetime) as year,
        hires.department_id,
        hires.job_id,
        sum(case when extract(quarter from hires.datetime) = 1 then 1 else 0 end) as q1,
        sum(case when extract(quarter from hires.datetime) = 2 then 1 else 0 end) as q2,
        sum(case when extract(quarter from hires.datetime) = 3 then 1 else 0 end) as q3,
        sum(case when extract(quarter from hires.datetime) = 4 then 1 else 0 end) as q4
    from hires
    group by 1, 2, 3
),

-- Two departments or jobs of the same name are one line of the report.
named as (
    select
        cast(counted.year as integer) as year,
        departments.department,
        jobs.job,
        cast(sum(counted.q1) as bigint) as q1,
        cast(sum(counted.q2) as bigint) as q2,
        cast(sum(counted.q3) as bigint) as q3,
        cast(sum(counted.q4) as bigint) as q4
    from counted
    inner join departments on counted.department_id = departments.id
    inner join jobs on counted.job_id = jobs.id
    group by 1, 2, 3
)

select * from named
