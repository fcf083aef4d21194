with hires as (
    select * from {{ ref('hired_employees') }}
),

departments as (
    select * from {{ ref('departments') }}
),

jobs as (
    select * from {{ ref('jobs') }}
),

-- By month first: a quarter is worked out a few thousand times then, and not for each hire.
monthly as (
    select
        extract(year from datetime) as year,
        extract(month from datetime) as calendar_month,
        department_id,
        job_id,
        count(*) as hired
    from hires
    group by 1, 2, 3, 4
),

counted as (
    select
        year,
        department_id,
        job_id,
        sum(case when calendar_month between 1 and 3 then hired else 0 end) as q1,
        sum(case when calendar_month between 4 and 6 then hired else 0 end) as q2,
        sum(case when calendar_month between 7 and 9 then hired else 0 end) as q3,
        sum(case when calendar_month between 10 and 12 then hired else 0 end) as q4
    from monthly
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
