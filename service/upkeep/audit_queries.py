"""The questions that the audit asks of the books, in SQL: each finds what does not add up."""

# macros/history/accounting.sql asks the same.
ADDED_UP = """
    with counted as (
        select * replace (coalesce(changed, 0) as changed, coalesce(removed, 0) as removed)
        from ops.loads
    )

    select load_id, table_name, received, accepted, rejected, already_present, changed, removed
    from counted
    where
        received <> accepted + rejected + already_present + changed + removed
        or least(received, accepted, rejected, already_present, changed, removed) < 0
    order by number, load_id
"""


# History that is judged again names a row that is on record already no second time. A refused load
# counts all its rows, and lists those with violations of their own.
UNLISTED = """
    with listed as (
        select load_id, table_name, count(*) as times from ops.rejections group by all
    ),

    of_files as (
        select listed.table_name, sum(listed.times) as times
        from listed
        inner join ops.loads using (load_id, table_name)
        where kind in ('history', 'file')
        group by all
    ),

    tried as (
        select
            load_id,
            table_name,
            count(*) filter (outcome = 'accepted') as accepted,
            count(*) filter (outcome = 'changed') as changed,
            count(*) filter (outcome = 'rejected') as rejected,
            count(*) filter (outcome = 'already_present') as already_present
        from ops.replays
        group by all
    ),

    counted as (
        select
            loads.*,
            coalesce(listed.times, 0) as times,
            coalesce(of_files.times, 0) as times_of_files,
            coalesce(tried.accepted, 0) as tried_accepted,
            coalesce(tried.changed, 0) as tried_changed,
            coalesce(tried.rejected, 0) as tried_rejected,
            coalesce(tried.already_present, 0) as tried_present
        from ops.loads as loads
        left join listed using (load_id, table_name)
        left join of_files using (table_name)
        left join tried using (load_id, table_name)
    )

    select
        load_id, table_name, kind, rejected,
        case when kind = 'replay' then tried_rejected else times end as on_record
    from counted
    where case
        when kind in ('history', 'file') then times > rejected or rejected > times_of_files
        when kind = 'replay' and status <> 'refused' then
            (accepted, coalesce(changed, 0), rejected, already_present)
            <> (tried_accepted, tried_changed, tried_rejected, tried_present)
        when status = 'refused' then times > rejected
        else times <> rejected
    end
    order by number, load_id, table_name
"""


# macros/history/accounting.sql asks the same.
LINES_OF_FILES = """
    select
        load_id, table_name, lines, header_lines, blank_lines, skipped_lines, record_lines
    from ops.loads
    where
        status = 'done'
        and lines <> header_lines + blank_lines + skipped_lines + record_lines
    order by number, load_id, table_name
"""


LANDED = """
    with numbered as (
        select line, _lines, lead(line) over (order by line) as following from {raw}
    ),

    landed as (
        select
            count(*) as records,
            coalesce(sum(_lines), 0) as lines,
            max(line + _lines - 1) as last_line,
            count(*) filter (following < line + _lines) as shared
        from numbered
    ),

    counted as (
        select loads.* from ops.loads inner join ops.landed using (load_id, table_name)
        where table_name = ? and status = 'done' and loads.record_lines is not null
    )

    select
        load_id, records, received, landed.lines, record_lines, last_line, counted.lines, shared
    from landed cross join counted
    where
        records <> received or landed.lines <> record_lines or last_line > counted.lines
        or shared > 0
"""


# macros/history/accounting.sql asks the same.
ACCOUNTED = """
    with restored as (
        select * from ops.loads where table_name = $table and kind = 'restore'
        order by number desc, load_id limit 1
    ),

    brought as (
        select *, accepted - coalesce(removed, 0) as rows_more
        from ops.loads where table_name = $table and kind <> 'restore'
    )

    select
        (select count(*) from brought) + (select count(*) from restored),
        coalesce((select sum(rows_more) from brought), 0)
        + coalesce((select received from restored), 0)
        - coalesce((
            select coalesce(
                try_cast(json_extract_string(detail, '$.accepted_before') as bigint),
                (select sum(rows_more) from brought where finished_at <= restored.finished_at)
            )
            from restored
        ), 0)
"""
