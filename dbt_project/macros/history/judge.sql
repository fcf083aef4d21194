{#- The second hook: which lines break which rules, together with the tables and with the other lines. -#}

{#- The rules that need other rows: what is taken already, and by an earlier line; what has no parent. -#}
{% macro judge_keys() -%}
{% if execute %}
    {% set load = run_query('select behind, is_trial from ' ~ current_load()).rows | first %}
    {% if load and not load[1] or not load and not has_all_columns() %}{% do take_writers_lock() %}{% endif %}
    {% if has_generated_key() and takes_files() %}
        {% do run_statements(make_ids_of_landed_lines()) %}
        {% if load %}{% do run_statements(give_ids()) %}{% endif %}
    {% endif %}
    {% if load %}{% do find_orphans_of_own_table() %}{% endif %}
    {% set body %}
    {% if not load or load[0] > 0 %}
        {{ make_table(exceptions_of_lines(), {'line': 'bigint', 'state': 'varchar', 'violations': 'varchar'}) }};
    {% endif %}
    {% if load and load[0] > 0 %}
        delete from {{ exceptions_of_lines() }} where line > {{ load[0] }};
        insert into {{ exceptions_of_lines() }} {{ lines_with_exceptions() }};
    {% elif load %}
        {{ replace_table(exceptions_of_lines(), lines_with_exceptions()) }};
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
{% macro lines_with_exceptions(orphans_only=false) -%}
    {% set again = on_conflict() %}
    {% if again == 'merge' %}{{ return(lines_with_exceptions_merged(orphans_only)) }}{% endif %}
    {% set uniques = rules_of(model) | selectattr('kind', 'equalto', 'unique') | list %}
    {% set kept, late, steps = kept_rows(), [], {} %}
    {#- What a line says that is there already. -#}
    {% set present = [lines_in_the_table(kept) if again == 'ignore' else no_lines()] %}
    {% if has_generated_key() %}{% do present.append(lines_settled_by_replays()) %}{% endif %}
    {% do steps.update({'present': present | join('\nunion\n')}) %}
    {#- What is kept out whatever it says. -#}
    {% set erased = has_erased() %}
    {% if erased %}{% do steps.update({'erased': lines_of_erased_rows()}) %}{% endif %}
    {#- What is wrong with a line by itself, or for want of a parent. -#}
    {% do steps.update({'own': lines_with_own_violations(erased)}) %}
    {#- The first sound line of each value that is written more than once has it. -#}
    {% for rule in uniques %}
        {% do steps.update({first_lines(rule.columns): first_sound_lines(rule.columns, ['own', 'present'])}) %}
        {% do late.append(lines_that_come_late(rule, kept)) %}
    {% endfor %}
    {% do steps.update({'taken': late | join('\nunion all\n')}) %}
    {% if orphans_only %}{{ return(query_in_steps(steps, new_orphans(kept))) }}{% endif %}
    {#- What an earlier line says that is accepted. -#}
    {% do steps.update({'repeated': lines_that_repeat(key_columns()) if again == 'ignore' else no_lines()}) %}
    {% do steps.update({'there_already': lines_there_already()}) %}
    {{ return(query_in_steps(steps, rejected_and_present_lines(erased))) }}
{%- endmacro %}

{% macro no_lines() -%}select line from {{ typed_lines() }} where 1 = 0{%- endmacro %}

{% macro lines_with_own_violations(erased) -%}
    {{ violations_by_itself() }}
    {%- if has_generated_key() and load_judged().kind == 'file' %}
    union all
    {{ lines_of_unknown_ids() }}
    {%- endif %}
    {%- for rule in rules_of(model) if rule.kind == 'relationships' and rule.args.parent != model.name %}
    union all
    {{ lines_without_parent(rule) }}
    {%- endfor %}
    {%- for rule in references_to_own_table() %}
    union all
    {{ orphans_with_violation(rule) }}
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
    select typed.line
    from {{ typed_lines() }} as typed
    inner join {{ kept }} as kept on {{ equal_in(key_columns(), 'typed.', 'kept.') }}
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
    {%- set fields = rule.args.fields or [rule.args.field] -%}
    select line, {{ key_violation(rule) }} as violation
    from (
        select typed.line, {{ shown_key(rule) }} from {{ typed_lines() }} as typed
        left join {{ ref(rule.args.parent) }} as parent on {{ equal_in(rule.columns, 'typed.', 'parent.', fields) }}
        where {{ is_there(rule.columns, 'typed.') }} and parent.{{ adapter.quote(fields[0]) }} is null
    ) as typed
{%- endmacro %}

{#- The name of the step that first_sound_lines() is, of columns that are unique together. -#}
{% macro first_lines(names) -%}{{ return('first_' ~ names | join('_and_')) }}{%- endmacro %}

{#- Of the values of columns that several lines have: (the columns, line). Lines of the steps `unsound` claim none. -#}
{% macro first_sound_lines(names, unsound) -%}
    select {{ listed(names) }}, min(line) as line
    from (
        select line, {{ listed(names, 'typed.') }} from {{ typed_lines() }} as typed
        where {{ '(' ~ listed(names, 'typed.') ~ ')' if names | length > 1 else listed(names, 'typed.') }}
            in ({{ repeated_values(names, typed_lines()) }})
    ) as typed
    where
        {%- for step in unsound %}
        not exists (select 1 from {{ step }} where {{ step }}.line = typed.line){{ ' and' if not loop.last }}
        {%- endfor %}
    group by {{ listed(names) }}
{%- endmacro %}

{#- Their value is in the table, or in an earlier line. -#}
{% macro lines_that_come_late(rule, kept) -%}
    select line, {{ key_violation(rule) }} as violation
    from (
        select typed.line, {{ shown_key(rule) }} from {{ typed_lines() }} as typed
        inner join {{ kept }} as kept on {{ equal_in(rule.columns, 'typed.', 'kept.') }}
        union
        select typed.line, {{ shown_key(rule) }} from {{ typed_lines() }} as typed
        inner join {{ first_lines(rule.columns) }} as first
            on {{ equal_in(rule.columns, 'typed.', 'first.') }} and first.line < typed.line
    ) as typed
{%- endmacro %}

{% macro lines_that_repeat(names) -%}
    select typed.line
    from {{ typed_lines() }} as typed
    inner join {{ first_lines(names) }} as first on {{ equal_in(names, 'typed.', 'first.') }} and typed.line > first.line
    inner join {{ typed_lines() }} as earlier on first.line = earlier.line
    where
        typed.clean and {{ same_content('typed', 'earlier') }}
        and not exists (select 1 from taken where taken.line = earlier.line)
{%- endmacro %}

{#- In a select list: the value that a rule is about, as it is shown. -#}
{% macro shown_key(rule) -%}
    {%- set column, shown = adapter.quote(rule.column), shown_value(rule.columns, 'typed.') -%}
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
