{#- Ids for lines without one, of a table with `meta: {key: generated}`. service/judge/generated_keys.py gives those of requests.

    A line keeps its id, so that to judge it again brings no second row. A history says all of the past each time: a line of
    it is known by what it says, and of lines that say the same the nth is the nth. A file that was sent says what is new:
    a line of it is known by its number and the bytes of the whole file. -#}

{#- Statements, before anything is asked of keys, with the lock held: typed lines have their ids then. Ids that are given
    are on record first: whatever is killed in between, no other line gets them. A trial puts nothing on record. -#}
{% macro give_ids() -%}
    {% set load = load_judged() %}
    {% set ids, key = ids_of_lines(), adapter.quote(primary_key()) %}
    {% set sequence = "from ops.sequences where table_name = '" ~ model.name ~ "'" %}
    {% set is_history, records = load.kind == 'history', not load.is_trial %}
    {{ replace_work_table(ids, lines_to_give_ids(load, is_history)) }};
    {% if records %}
    insert into ops.sequences select '{{ model.name }}', 0 where not exists (select 1 {{ sequence }});
    update ops.sequences set last_id = {{ highest_id(sequence, is_history) }} + (select count(*) from {{ ids }} where place is not null)
    where table_name = '{{ model.name }}';
    {% endif %}
    update {{ ids }} set id = place + {% if records -%}
    (select last_id {{ sequence }}) - (select count(*) from {{ ids }} where place is not null)
    {%- else -%}
    {{ highest_id(sequence, is_history) }}
    {%- endif %}
    where place is not null;
    {% if records %}
    {{ record_ids_of_history(ids) if is_history else record_ids_of_file(ids, load) }};
    delete from {{ ids_of_landed_lines() }} where line > {{ load.behind }};
    insert into {{ ids_of_landed_lines() }} select line, id from {{ ids }};
    {% endif %}
    {{ update_from(
        typed_lines() | string, {key: 'given.id'}, ids ~ ' as given', typed_lines() ~ '.line = given.line'
    ) }};
{%- endmacro %}

{#- Statements: a table that had rows before its key was generated gives ids behind theirs, and does so when they are gone. -#}
{% macro note_highest_id() -%}
    {% set noted = "from ops.sequences where table_name = '" ~ model.name ~ "'" %}
    {% set highest = '(select coalesce(max(' ~ adapter.quote(primary_key()) ~ '), 0) from ' ~ this ~ ')' %}
    insert into ops.sequences select '{{ model.name }}', 0 where not exists (select 1 {{ noted }});
    update ops.sequences set last_id = {{ highest }} where table_name = '{{ model.name }}' and last_id < {{ highest }}
{%- endmacro %}

{#- What is judged now, as plain values. -#}
{% macro load_judged() -%}
    {% set row = run_query('select kind, load_id, is_trial, behind from ' ~ current_load()).rows | first %}
    {{ return({'kind': row[0], 'load_id': row[1], 'is_trial': row[2], 'behind': row[3]}) }}
{%- endmacro %}

{#- Which landed lines were given which ids: (line, id). -#}
{% macro ids_of_landed_lines(table=model) -%}{{ return(lines_of(table.name ~ '__ids')) }}{%- endmacro %}

{% macro make_ids_of_landed_lines() -%}
    {{ return(make_table(ids_of_landed_lines(), {'line': 'bigint', 'id': 'bigint'})) }}
{%- endmacro %}

{% macro ids_of_lines() -%}{{ work_table(model.name ~ '__ids') }}{%- endmacro %}

{#- The highest id that there is, or was. A history may bring ids of its own; what others send are none of them. -#}
{% macro highest_id(sequence, is_history) -%}
    {%- set key = adapter.quote(primary_key()) -%}
    greatest(
        0, coalesce((select last_id {{ sequence }}), 0), coalesce((select max({{ key }}) from {{ kept_rows() }}), 0)
        {%- if is_history %}, coalesce((select max({{ key }}) from {{ typed_lines() }}), 0){% endif %}
    )
{%- endmacro %}

{#- Sound lines without an id: (line, line_hash, nth, id, place); the id where they have had one, else their place among
    those that are to get one. -#}
{% macro lines_to_give_ids(load, is_history) -%}
    select
        lines.line, lines.line_hash, lines.nth, known.id,
        case when known.id is null then row_number() over (partition by known.id is null order by lines.line) end as place
    from (
        select hashed.* from ({{ lines_by_content(landed_lines()) if is_history else lines_by_number() }}) as hashed
        inner join {{ typed_lines() }} as typed on hashed.line = typed.line
        where typed.clean
    ) as lines
    {% if is_history %}
    left join ops.line_ids as known
        on known.table_name = '{{ model.name }}' and lines.line_hash = known.line_hash and lines.nth = known.nth
    {% else %}
    left join (
        select typed.line, min(parts.first_id + typed.line - parts.behind - 1) as id
        from {{ typed_lines() }} as typed
        inner join ({{ parts_of_file(load) }}) as parts on typed.line > parts.behind and typed.line <= parts.last_line
        group by typed.line
    ) as known on lines.line = known.line
    {% endif %}
{%- endmacro %}

{#- A query: (line, line_hash, nth) of the lines that can be read and bring no id. A column that a file has not says nothing,
    so that one more in the table makes no other line of them; one that was renamed goes by its first name. -#}
{% macro lines_by_content(relation, table=model) -%}
    {% set said, names = [], {} %}
    {% for column in table.columns.values() if column.name != primary_key(table) %}
        {% do names.update({(former_names(column) or [column.name]) | last: column.name}) %}
    {% endfor %}
    {% for first in names | sort %}
        {% set text = adapter.quote(names[first]) %}
        {% do said.append(text_literal(first ~ '=') ~ ' || ' ~ as_varchar('length(' ~ text ~ ')') ~ " || ':' || " ~ text) %}
    {% endfor %}
    select line, line_hash, row_number() over (partition by line_hash order by line) as nth
    from (
        select lines.line, {{ sha_256(joined('', ['secret', joined('|', ["''"] + said)])) }} as line_hash
        from {{ relation }} as lines
        cross join ops.erasure_secret
        where lines.{{ adapter.quote(primary_key(table)) }} is null and lines._rest is null and lines._problem is null
    ) as hashed
{%- endmacro %}

{% macro lines_by_number() -%}
    select line, {{ no_text() }} as line_hash, cast(null as bigint) as nth from {{ landed_lines() }}
    where {{ adapter.quote(primary_key()) }} is null
{%- endmacro %}

{#- The parts of the file that were given ids, by whatever load of the same bytes. -#}
{% macro parts_of_file(load) -%}
    select behind, last_line, first_id from ops.file_ids
    where
        table_name = '{{ model.name }}'
        and digest = (select digest from ops.files where load_id = {{ text_literal(load.load_id) }})
{%- endmacro %}

{% macro record_ids_of_history(ids) -%}
    insert into ops.line_ids
    select '{{ model.name }}', line_hash, nth, id from {{ ids }} where place is not null order by id
{%- endmacro %}

{#- As runs of lines whose ids follow each other as they do. -#}
{% macro record_ids_of_file(ids, load) -%}
    insert into ops.file_ids
    select '{{ model.name }}', files.digest, min(given.line) - 1, max(given.line), min(given.id), files.load_id
    from (select line, id from {{ ids }} where place is not null) as given
    inner join ops.files as files on files.load_id = {{ text_literal(load.load_id) }} and files.digest is not null
    group by files.digest, files.load_id, given.line - given.id
{%- endmacro %}

{#- Lines that bring an id which no row has; in a history they may. -#}
{% macro lines_of_unknown_ids() -%}
    {%- set kept, key = kept_rows(), adapter.quote(primary_key()) -%}
    {%- set place = (model.columns.keys() | list).index(primary_key()) * 100 + 49 -%}
    select line, {{ violation(
        place, text_literal(primary_key()), 'generated',
        joined('', [
            text_literal(primary_key() ~ ' is given to new rows, and no row has '), as_varchar(key), text_literal(': leave it out')
        ]),
        as_varchar(key)
    ) }} as violation
    from (
        select typed.line, typed.{{ key }} from {{ typed_lines() }} as typed
        where
            typed.{{ key }} is not null
            and not exists (select 1 from {{ ids_of_lines() }} as given where given.line = typed.line)
            and not exists (select 1 from {{ kept }} as kept where kept.{{ key }} = typed.{{ key }})
    ) as typed
{%- endmacro %}

{#- Lines whose row has gone in by a replay of what they were rejected for: it has an id of its own. -#}
{% macro lines_settled_by_replays() -%}
    {%- set load, kept, key = load_judged(), kept_rows(), adapter.quote(primary_key()) -%}
    {%- set of_file = "select load_id from ops.file_ids where table_name = '" ~ model.name ~ "' and digest = ("
        ~ 'select digest from ops.files where load_id = ' ~ text_literal(load.load_id) ~ ')' -%}
    select lines.line
    from (
        select line, payload, row_number() over (partition by payload order by line) as place
        from (select line, {{ row_as_json(model.columns.keys() | list, '_rest') }} as payload from {{ landed_lines() }}) as landed
        where line in (
            select given.line from {{ ids_of_lines() }} as given
            where not exists (select 1 from {{ kept }} as kept where kept.{{ key }} = given.id)
        )
    ) as lines
    inner join (
        select payload, count(*) as times
        from ops.rejections
        where
            table_name = '{{ model.name }}'
            and status = 'accepted'
            and resolution in (select load_id from ops.loads where kind = 'replay')
            and load_id in ({{ "select load_id from ops.loads where kind = 'history'" if load.kind == 'history' else of_file }})
        group by payload
    ) as settled on lines.payload = settled.payload and lines.place <= settled.times
{%- endmacro %}
