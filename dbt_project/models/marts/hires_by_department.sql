with hires as (
    select * from {{ ref('hired_employees') }}
),

departments as (
    select * from {{ ref('departments') }}
),

counted as (
    select
        cast(extract(year from datetime) as integer) as year,
        department_id,
        count(*) as hired
    from hires
    group by 1, 2
),

years as (
    select distinct year from counted
),

-- Every department in every year that has hires: those without count in the mean too.
filled as (
    select
        years.year,
        departments.id,
        departments.department,
        coalesce(counted.hired, 0) as hired
    from years
    cross join departments
    left join counted
        on
            years.year = counted.year
            and departments.id = counted.department_id
),

compared as (
    select
        year,
        id,
        department,
        cast(hired as bigint) as hired,
        cast(round(avg(hired) over (partition by year), 4) as double) as mean
    from filled
)

select * from compared
