{#- The second hook: which lines break which rules, together with the tables and with the other lines. -#}

{#- The rules that need other rows: what is taken already, and by an earlier line; what has no parent. -#}
{% macro judge_keys() -%}
{% if execute %}
    {% set load = run_query('select behind, is_trial, kind, load_id from ' ~ current_load()).rows | first %}
    {% set judged = {'is_trial': load[1], 'kind': load[2], 'load_id': load[3]} if load else none %}
    {% if load and not load[1] or not load and not has_all_columns() %}{% do take_writers_lock() %}{% endif %}
    {% set body %}
    {% if load and has_generated_key() %}{{ give_ids(judged) }}{% endif %}
    {% if not load or load[0] > 0 %}
        {{ make_table(exceptions_of_lines(), {'line': 'bigint', 'state': 'varchar', 'violations': 'varchar'}) }};
    {% endif %}
    {% if load and load[0] > 0 %}
        delete from {{ exceptions_of_lines() }} where line > {{ load[0] }};
        insert into {{ exceptions_of_lines() }} {{ lines_with_exceptions(judged) }};
    {% elif load %}
        {{ replace_table(exceptions_of_lines(), lines_with_exceptions(judged)) }};
    {% endif %}
    {% endset %}
    {{ statements(body) }}
{% endif %}
{%- endmacro %}

{#- If not, the model is about to make or change its table. -#}
{% macro has_all_columns() -%}
    {% set kept = columns_of_table(this.schema, this.identifier) | map(attribute=0) | list %}
    {{ return(model.columns.keys() | reject('in', kept) | list | length == 0) }}
{%- endmacro %}

{#- gatehouse's build listens for this line and holds its writer until the node ends; see service/dbt/runner.py. -#}
{% macro take_writers_lock() -%}
    {% do log('gatehouse: take the writer\'s lock for ' ~ model.name) %}
{%- endmacro %}

{#- (line, state, violations) of each line that is not accepted: rejected, or already present. -#}
{% macro lines_with_exceptions(load) -%}
    {% set again = on_conflict() %}
    {% if again == 'merge' %}{{ return(lines_with_exceptions_merged(load)) }}{% endif %}
    {% set uniques = rules_of(model) | selectattr('kind', 'equalto', 'unique') | list %}
    {% set kept, late, steps = kept_rows(), [], {} %}
    {#- What a line says that is there already. -#}
    {% set present = [lines_in_the_table(kept) if again == 'ignore' else no_lines()] %}
    {% if has_generated_key() %}{% do present.append(lines_settled_by_replays(load, kept)) %}{% endif %}
    {% do steps.update({'present': present | join('\nunion\n')}) %}
    {#- What is kept out whatever it says. -#}
    {% set erased = has_erased() %}
    {% if erased %}{% do steps.update({'erased': lines_of_erased_rows()}) %}{% endif %}
    {#- What is wrong with a line by itself, or for want of a parent. -#}
    {% do steps.update({'own': lines_with_own_violations(load, kept, erased)}) %}
    {#- The first sound line of each value that is written more than once has it. -#}
    {% for rule in uniques %}
        {% do steps.update({'first_' ~ rule.column: first_sound_lines(rule.column, ['own', 'present'])}) %}
        {% do late.append(lines_that_come_late(rule, kept)) %}
    {% endfor %}
    {% do steps.update({'taken': late | join('\nunion all\n')}) %}
    {#- What an earlier line says that is accepted. -#}
    {% do steps.update({'repeated': lines_that_repeat(primary_key()) if again == 'ignore' else no_lines()}) %}
    {% do steps.update({'there_already': lines_there_already()}) %}
    {{ return(query_in_steps(steps, rejected_and_present_lines(erased))) }}
{%- endmacro %}

{% macro no_lines() -%}select line from {{ typed_lines() }} where 1 = 0{%- endmacro %}

{% macro lines_with_own_violations(load, kept, erased) -%}
    {{ violations_by_itself() }}
    {%- if has_generated_key() and load.kind == 'file' %}
    union all
    {{ lines_of_unknown_ids(kept) }}
    {%- endif %}
    {%- for rule in rules_of(model) if rule.kind == 'relationships' %}
    union all
    {{ lines_without_parent(rule) }}
    {%- endfor %}
    {%- if erased %}
    union all
    select line, {{ violation_of_erased() }} as violation from erased
    {%- endif %}
{%- endmacro %}

{% macro lines_there_already() -%}
    select line from present
    union all
    select line from repeated
    where not exists (select 1 from own where own.line = repeated.line)
{%- endmacro %}

{% macro rejected_and_present_lines(erased) -%}
    {{ rejected_lines_of_steps(['there_already'] + (['erased'] if erased else [])) }}
    union all
    select line, 'already_present' as state, '[]' as violations from there_already
{%- endmacro %}

{#- (line, state, violations) of the lines of the steps own and taken, without those of the steps `aside`; what stands
    in `erased` says nothing but that. -#}
{% macro rejected_lines_of_steps(aside) -%}
    select line, 'rejected' as state, {{ violations_as_json('violation') }} as violations
    from (
        select * from own
        union all
        select * from taken
    ) as found
    {%- for step in aside %}
    {{ 'where' if loop.first else 'and' }} not exists (select 1 from {{ step }} where {{ step }}.line = found.line)
    {%- endfor %}
    group by line
    {%- if 'erased' in aside %}
    union all
    select line, 'rejected' as state, {{ violations_of_erased() }} as violations from erased
    {%- endif %}
{%- endmacro %}

{% macro lines_in_the_table(kept) -%}
    {%- set key = adapter.quote(primary_key()) -%}
    select typed.line
    from {{ typed_lines() }} as typed
    inner join {{ kept }} as kept on typed.{{ key }} = kept.{{ key }}
    where typed.clean and {{ same_content('typed', 'kept') }}
{%- endmacro %}

{% macro violations_by_itself() -%}
    {{ violations_of_lines(static_violations(), 'line in (select line from ' ~ typed_lines() ~ ' where not clean)') }}
{%- endmacro %}

{#- (line, violation) of those of some static violations that lines have, for which a condition holds. -#}
{% macro violations_of_lines(violations, condition) -%}
    select line, case found {{ violations_by_number(violations) | join(' ') }} end as violation
    from (
        select *, {{ unnested(numbers_of(violations)) }} as found
        from ({{ read_lines() }}) as lines
        where {{ condition }}
    ) as judged
{%- endmacro %}

{% macro lines_without_parent(rule) -%}
    {%- set column, field = adapter.quote(rule.column), adapter.quote(rule.args.field) -%}
    select line, {{ key_violation(rule) }} as violation
    from (
        select typed.line, {{ shown_key(rule) }} from {{ typed_lines() }} as typed
        left join {{ ref(rule.args.parent) }} as parent on typed.{{ column }} = parent.{{ field }}
        where typed.{{ column }} is not null and parent.{{ field }} is null
    ) as typed
{%- endmacro %}

{#- Of the values of a column that several lines have: (taken, line). Lines of the steps `unsound` claim none. -#}
{% macro first_sound_lines(name, unsound) -%}
    {%- set column = adapter.quote(name) -%}
    select {{ column }} as taken, min(line) as line
    from (
        select line, {{ column }} from {{ typed_lines() }} as typed
        where {{ column }} in ({{ written_twice(name, typed_lines()) }})
    ) as typed
    where
        {%- for step in unsound %}
        not exists (select 1 from {{ step }} where {{ step }}.line = typed.line){{ ' and' if not loop.last }}
        {%- endfor %}
    group by {{ column }}
{%- endmacro %}

{#- Their value is in the table, or in an earlier line. -#}
{% macro lines_that_come_late(rule, kept) -%}
    {%- set column = adapter.quote(rule.column) -%}
    select line, {{ key_violation(rule) }} as violation
    from (
        select typed.line, {{ shown_key(rule) }} from {{ typed_lines() }} as typed
        inner join {{ kept }} as kept on typed.{{ column }} = kept.{{ column }}
        union
        select typed.line, {{ shown_key(rule) }} from {{ typed_lines() }} as typed
        inner join first_{{ rule.column }} as first on typed.{{ column }} = first.taken and first.line < typed.line
    ) as typed
{%- endmacro %}

{% macro lines_that_repeat(key) -%}
    select typed.line
    from {{ typed_lines() }} as typed
    inner join first_{{ key }} as first on typed.{{ adapter.quote(key) }} = first.taken and typed.line > first.line
    inner join {{ typed_lines() }} as earlier on first.line = earlier.line
    where
        typed.clean and {{ same_content('typed', 'earlier') }}
        and not exists (select 1 from taken where taken.line = earlier.line)
{%- endmacro %}

{#- In a select list: the value that a rule is about, as it is shown. -#}
{% macro shown_key(rule) -%}
    {%- set column = adapter.quote(rule.column) -%}
    {%- set shown = as_shown(model.columns[rule.column].data_type, 'typed.' ~ column, model.name) -%}
    {{ return(shown if shown == 'typed.' ~ column else shown ~ ' as ' ~ column) }}
{%- endmacro %}

{% macro key_violation(rule) -%}
    {{ return(violation(
        place_of(rule), "'" ~ rule.column ~ "'", rule.kind,
        context['rule_' ~ rule.kind](rule.column, rule.args).message,
        as_varchar(adapter.quote(rule.column))
    )) }}
{%- endmacro %}

{% macro same_content(one, other) -%}
    {%- for column in model.columns.values() %}
    {{ is_same(one ~ '.' ~ adapter.quote(column.name), other ~ '.' ~ adapter.quote(column.name)) }}
    {{- ' and ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{#- The table as it will be: before its first build it is empty, a new column is NULL in every row. -#}
{% macro kept_rows() -%}
    {% set kept = columns_of_table(this.schema, this.identifier) | map(attribute=0) | list %}
    {% set added = [] %}
    {% for column in model.columns.values() if column.name not in kept %}
        {% do added.append('cast(null as ' ~ type_name(type_said(column.data_type, model.name).name) ~ ') as ' ~ adapter.quote(column.name)) %}
    {% endfor %}
    {% if not kept %}
        {{ return('(select * from ' ~ typed_lines() ~ ' limit 0)') }}
    {% endif %}
    {% set others = rows_of_others(this, current_load()) %}
    {{ return('(select ' ~ (['*'] + added) | join(', ') ~ ' from ' ~ others ~ ')' if added else others) }}
{%- endmacro %}
