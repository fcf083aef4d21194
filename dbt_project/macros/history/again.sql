{#- What becomes of lines whose primary key is there already, or in an earlier line, where the table says
    `meta: {on_conflict: merge}`, or whoever sent the file: they change the row that is there. service/judge/resolution.py
    says the same of requests, and what the rules are. -#}

{#- error, ignore or merge: of what is judged now. -#}
{% macro on_conflict() -%}
    {% set load = run_query('select on_conflict from ' ~ current_load()).rows | first if execute else none %}
    {{ return(load[0] if load else 'ignore') }}
{%- endmacro %}

{#- What the table says of files and history, checked; service/dictionary/file_options.py asks the same. -#}
{% macro on_conflict_of(table) -%}
    {% set said = meta_of(table).get('on_conflict') %}
    {% if said is not none and said not in ['error', 'ignore', 'merge'] %}
        {{ exceptions.raise_compiler_error(
            table.name ~ ": on_conflict: '" ~ said ~ "' is none of error, ignore, merge"
        ) }}
    {% endif %}
    {{ return(said or 'ignore') }}
{%- endmacro %}

{#- The same of a load, as an expression. A history says all of its rows again with each build: those that are there
    are no error. -#}
{% macro on_conflict_of_load() -%}
    {% set of_table = on_conflict_of(table_of_record_node()) %}
    {% set of_history = text_literal('ignore' if of_table == 'error' else of_table) %}
    {% if not takes_files() %}{{ return(of_history) }}{% endif %}
    case
        when kind = 'history' then {{ of_history }}
        else coalesce((select on_conflict from ops.files where files.load_id = landed.load_id), 'ignore')
    end
{%- endmacro %}

{#- (line, state, violations) of each line that is not a new row. -#}
{% macro lines_with_exceptions_merged(orphans_only=false) -%}
    {% set kept, wrong, steps = kept_rows(), [], {} %}
    {#- What is kept out whatever it says. -#}
    {% set erased = has_erased() %}
    {% if erased %}{% do steps.update({'erased': lines_of_erased_rows()}) %}{% endif %}
    {#- What is wrong with a line by itself, or for want of a parent. -#}
    {% do steps.update({'own': lines_with_own_violations(erased)}) %}
    {% set settled = lines_settled_by_replays() if has_generated_key() else no_lines() %}
    {% do steps.update({'settled': settled}) %}
    {#- The first sound line of each value that is written more than once claims it for its key. -#}
    {% for rule in rules_of(model) if rule.kind == 'unique' and rule.column != primary_key() %}
        {% do steps.update({first_lines(rule.columns): first_sound_lines(rule.columns, ['own'])}) %}
        {% do wrong.append(lines_with_values_of_others(rule, kept)) %}
    {% endfor %}
    {% for reference in references_to_values() %}{% do wrong.append(lines_that_leave(reference, kept)) %}{% endfor %}
    {% do steps.update({'taken': wrong | join('\nunion all\n') or no_lines_with_violations()}) %}
    {% if orphans_only %}{{ return(query_in_steps(steps, new_orphans(kept))) }}{% endif %}
    {#- Each sound line, and the one of its key before it. -#}
    {% do steps.update({'followed': sound_lines_by_key()}) %}
    {{ return(query_in_steps(steps, rejected_and_followed_lines(kept, erased))) }}
{%- endmacro %}

{% macro no_lines_with_violations() -%}select * from own where 1 = 0{%- endmacro %}

{% macro rejected_and_followed_lines(kept, erased) -%}
    {{ rejected_lines_of_steps(['settled'] + (['erased'] if erased else [])) }}
    union all
    select line, 'already_present' as state, '[]' as violations from settled
    union all
    select line, state, '[]' as violations from ({{ states_of_followed_lines(kept) }}) as stated where state != 'accepted'
{%- endmacro %}

{#- The value is that of another row of the table, or of an earlier line with another key. -#}
{% macro lines_with_values_of_others(rule, kept) -%}
    select line, {{ key_violation(rule) }} as violation
    from (
        select typed.line, {{ shown_key(rule) }} from {{ typed_lines() }} as typed
        inner join {{ kept }} as kept on {{ equal_in(rule.columns, 'typed.', 'kept.') }}
        where not ({{ is_same_key('typed', 'kept') }})
        union
        select typed.line, {{ shown_key(rule) }} from {{ typed_lines() }} as typed
        inner join {{ first_lines(rule.columns) }} as first
            on {{ equal_in(rule.columns, 'typed.', 'first.') }} and first.line < typed.line
        inner join {{ typed_lines() }} as earlier on first.line = earlier.line
        where
            not ({{ is_same_key('typed', 'earlier') }})
            and not exists (select 1 from {{ kept }} as kept where {{ equal_in(rule.columns, 'kept.', 'typed.') }})
    ) as typed
{%- endmacro %}

{#- A line that lacks a part of its key has none, as one that lacks all. -#}
{% macro is_same_key(one, other) -%}
    {% set found = [] %}
    {% for name in key_columns() %}
        {% do found.append(is_same(one ~ '.' ~ adapter.quote(name), other ~ '.' ~ adapter.quote(name))) %}
    {% endfor %}
    {{ return(found | join(' and ')) }}
{%- endmacro %}

{#- Which tables that are there refer to columns of this one that are not its key: {child, column, columns, field, fields},
    sorted. -#}
{% macro references_to_values() -%}
    {% set found, there = [], names_of_tables() %}
    {% for child in graph.nodes.values() | sort(attribute='name') if in_core(child) and 'core.' ~ child.name in there %}
        {% for rule in rules_of(child) if rule.kind == 'relationships' and rule.args.parent == model.name %}
            {% if rule.args.field != primary_key() %}
                {% do found.append({
                    'child': child.name, 'column': rule.column, 'columns': rule.columns, 'field': rule.args.field,
                    'fields': rule.args.fields or [rule.args.field]
                }) %}
            {% endif %}
        {% endfor %}
    {% endfor %}
    {{ return(found) }}
{%- endmacro %}

{#- Lines whose row would leave a value that another table refers to. -#}
{% macro lines_that_leave(reference, kept) -%}
    {%- set names, field = model.columns.keys() | list, adapter.quote(reference.field) -%}
    {%- set place = (names.index(reference.field) if reference.field in names else names | length + 1) * 100 + 49 -%}
    select line, {{ violation(
        place, text_literal(reference.field), 'relationships',
        text_literal(reference.child ~ ' refers to the ' ~ reference.field ~ ' that is there'), as_varchar(field)
    ) }} as violation
    from (
        select typed.line, {{ shown_key({'column': reference.field, 'columns': reference.fields}) }} from {{ typed_lines() }} as typed
        inner join {{ kept }} as kept on {{ equal_in(key_columns(), 'typed.', 'kept.') }}
        where
            typed.clean
            and not coalesce({{ equal_in(reference.fields, 'typed.', 'kept.') }}, false)
            and exists (
                select 1 from core.{{ adapter.quote(reference.child) }} as child
                where {{ equal_in(reference.columns, 'child.', 'kept.', reference.fields) }}
            )
    ) as typed
{%- endmacro %}

{% macro sound_lines_by_key() -%}
    select line, lag(line) over (partition by {{ listed(key_columns()) }} order by line) as before
    from {{ typed_lines() }} as typed
    where
        clean
        and not exists (select 1 from own where own.line = typed.line)
        and not exists (select 1 from taken where taken.line = typed.line)
        and not exists (select 1 from settled where settled.line = typed.line)
{%- endmacro %}

{#- accepted: the row is new. already_present: it is as the row before, that of the table or an earlier line. -#}
{% macro states_of_followed_lines(kept) -%}
    {%- set key = adapter.quote(key_columns()[0]) -%}
    select
        followed.line,
        case
            when followed.before is null and kept.{{ key }} is null then 'accepted'
            when followed.before is not null and {{ same_content('typed', 'earlier') }} then 'already_present'
            when followed.before is null and {{ same_content('typed', 'kept') }} then 'already_present'
            else 'changed'
        end as state
    from followed
    inner join {{ typed_lines() }} as typed on followed.line = typed.line
    left join {{ typed_lines() }} as earlier on followed.before = earlier.line
    left join {{ kept }} as kept on followed.before is null and {{ equal_in(key_columns(), 'typed.', 'kept.') }}
{%- endmacro %}

{#- ---- In the transaction of the rows, when the new ones are in ---- -#}

{#- Notes each change in ops.changes, then has the last line of each key say what its row is. -#}
{% macro change_rows_of_lines() -%}
    {% set changes = {} %}
    {% for name in model.columns if name not in key_columns() %}
        {% do changes.update({adapter.quote(name): 'changed.' ~ adapter.quote(name)}) %}
    {% endfor %}
    {{ note_changes_of_lines() }};
    {% if changes %}{{ update_from(
        this | string, changes, '(' ~ last_changed_lines() ~ ') as changed',
        equal_in(key_columns(), adapter.quote(this.identifier) ~ '.', 'changed.')
    ) }};{% endif %}
{%- endmacro %}

{#- The lines that change a row, in this part of the file. -#}
{% macro changed_lines() -%}
    select typed.*
    from {{ typed_lines() }} as typed
    inner join {{ exceptions_of_lines() }} as exceptions on typed.line = exceptions.line
    where exceptions.state = 'changed'
{%- endmacro %}

{% macro last_changed_lines() -%}
    select * from (
        select *, row_number() over (partition by {{ listed(key_columns()) }} order by line desc) as place
        from ({{ changed_lines() }}) as changed
    ) as numbered
    where place = 1
{%- endmacro %}

{#- service/ops/row_history.py writes a row in the same way. -#}
{% macro note_changes_of_lines() -%}
    insert into ops.changes (load_id, table_name, row_key, operation, before, after, changed_at, actor)
    select
        load.load_id, {{ text_literal(model.name) }}, {{ as_varchar(shown_value(key_columns(), 'changed.')) }}, 'update',
        coalesce(
            lag(changed.written) over (partition by {{ listed(key_columns(), 'changed.') }} order by changed.line),
            {{ row_as_shown('kept') }}
        ),
        changed.written, {{ utc_now() }}, load.actor
    from (select *, {{ row_as_shown('typed') }} as written from ({{ changed_lines() }}) as typed) as changed
    inner join {{ this }} as kept on {{ equal_in(key_columns(), 'changed.', 'kept.') }}
    cross join {{ current_load() }} as load
    order by changed.line
{%- endmacro %}

{#- An expression: the row of an alias as JSON, with values as answers show them. -#}
{% macro row_as_shown(alias) -%}
    {% set members = {} %}
    {% for column in model.columns.values() %}
        {% set kind = column_type(column.data_type, model.name ~ '.' ~ column.name).kind %}
        {% do members.update({column.name: value_as_shown(alias ~ '.' ~ adapter.quote(column.name), kind)}) %}
    {% endfor %}
    {{ return(json_text(struct(members))) }}
{%- endmacro %}
