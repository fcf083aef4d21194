{#- References to the own table: a line may refer to any other of its file, before it or behind, which goes in as well. Which
    lines have no parent is found out in rounds, in each of which lines are orphans that were not before: those whose
    parent was one. service/judge/admission.py does the same with requests. A long file comes in parts: a line finds the
    lines of its own part, and of those before. -#}

{% macro references_to_own_table() -%}
    {{ return(
        rules_of(model) | selectattr('kind', 'equalto', 'relationships')
        | selectattr('args.parent', 'equalto', model.name) | list
    ) }}
{%- endmacro %}

{#- (line, name): the lines that refer to no row, and by which columns. -#}
{% macro orphans_of_lines() -%}{{ work_table(model.name ~ '__orphans') }}{%- endmacro %}

{% macro find_orphans_of_own_table() -%}
    {% if not references_to_own_table() %}{{ return('') }}{% endif %}
    {% do run_query(replace_work_table(orphans_of_lines(), 'select line, ' ~ no_text() ~ ' as name from ' ~ no_orphans())) %}
    {% set asked = {'more': true} %}
    {#- At most as often as there are lines. -#}
    {% for _ in range(number_of_rows(typed_lines()) + 1) if asked.more %}
        {% set before = number_of_rows(orphans_of_lines()) %}
        {% do run_query('insert into ' ~ orphans_of_lines() ~ ' ' ~ lines_with_exceptions(orphans_only=true)) %}
        {% do asked.update({'more': number_of_rows(orphans_of_lines()) > before}) %}
        {% if asked.more %}{% for rule in references_to_own_table() %}{% do find_descendants(rule) %}{% endfor %}{% endif %}
    {% endfor %}
    {% set kept = kept_rows() %}
    {% do run_query('insert into ' ~ orphans_of_lines() ~ ' ' ~ broken_orphans(kept)) %}
{%- endmacro %}

{#- A chain of lines, each of which refers to the one before, would take a round for each. So all are found that come after
    an orphan, by references to a key which one line alone has: a step asks the ancestor that is as far again as the last. -#}
{% macro find_descendants(rule) -%}
    {% set ancestors, asked = work_table(model.name ~ '__ancestors'), {'orphans': 0, 'more': true} %}
    {% do run_query(replace_work_table(ancestors, lines_with_parents(rule))) %}
    {% for _ in range(64) if asked.more %}
        {% set orphans = number_of_rows(ancestors ~ ' where is_orphan') %}
        {% do asked.update({'more': orphans > asked.orphans, 'orphans': orphans}) %}
        {% if asked.more %}{% do run_query(replace_work_table(ancestors, lines_with_further_ancestors(ancestors))) %}{% endif %}
    {% endfor %}
    {% do run_query('insert into ' ~ orphans_of_lines() ~ ' ' ~ orphans_among(ancestors, rule)) %}
{%- endmacro %}

{#- (line, ancestor, is_orphan): whether the line has an orphan among those up to its ancestor. -#}
{% macro lines_with_parents(rule) -%}
    select typed.line, parent.line as ancestor, {{ is_orphan('parent') }} as is_orphan
    from {{ typed_lines() }} as typed
    inner join (
        select {{ listed(key_columns()) }}, min(line) as line
        from {{ typed_lines() }}
        where clean
        group by {{ listed(key_columns()) }}
        having count(*) = 1
    ) as parent
        on {{ equal_in(rule.columns, 'typed.', 'parent.', key_columns()) }}
    where typed.clean and {{ has_no_row(rule, kept_rows()) }}
{%- endmacro %}

{% macro is_orphan(alias) -%}
    exists (select 1 from {{ orphans_of_lines() }} as orphans where orphans.line = {{ alias }}.line)
{%- endmacro %}

{% macro lines_with_further_ancestors(ancestors) -%}
    select near.line, far.ancestor, near.is_orphan or coalesce(far.is_orphan, false) as is_orphan
    from {{ ancestors }} as near
    left join {{ ancestors }} as far on near.ancestor = far.line
{%- endmacro %}

{% macro orphans_among(ancestors, rule) -%}
    select found.line, {{ text_literal(rule.column) }} as name
    from {{ ancestors }} as found
    where
        found.is_orphan
        and not exists (
            select 1 from {{ orphans_of_lines() }} as orphans
            where orphans.line = found.line and orphans.name = {{ text_literal(rule.column) }}
        )
{%- endmacro %}

{% macro no_orphans() -%}{{ return('(' ~ no_lines() ~ ') as nothing') }}{%- endmacro %}

{#- The last of the steps: sound lines that wait for a line which does not go in, or is not there. -#}
{% macro new_orphans(kept) -%}
    {% for rule in references_to_own_table() %}
    select typed.line, {{ text_literal(rule.column) }} as name
    from {{ typed_lines() }} as typed
    where
        typed.clean
        and {{ has_no_row(rule, kept) }}
        and not exists (
            select 1 from {{ typed_lines() }} as parent
            where
                {{ equal_in(rule.columns, 'typed.', 'parent.', key_columns()) }}
                and parent.clean
                and not exists (select 1 from own where own.line = parent.line)
                and not exists (select 1 from taken where taken.line = parent.line)
        )
        and not exists (
            select 1 from {{ orphans_of_lines() }} as orphans
            where orphans.line = typed.line and orphans.name = {{ text_literal(rule.column) }}
        )
    {{ 'union all' if not loop.last }}
    {% endfor %}
{%- endmacro %}

{#- Once it is known which lines go in: those that break rules of their own, and refer to none of them. -#}
{% macro broken_orphans(kept) -%}
    {% for rule in references_to_own_table() %}
    select typed.line, {{ text_literal(rule.column) }} as name
    from {{ typed_lines() }} as typed
    where
        not typed.clean
        and {{ has_no_row(rule, kept) }}
        and not exists (
            select 1 from ({{ lines_that_go_in() }}) as parent
            where {{ equal_in(rule.columns, 'typed.', 'parent.', key_columns()) }}
        )
    {{ 'union all' if not loop.last }}
    {% endfor %}
{%- endmacro %}

{% macro lines_that_go_in() -%}
    select goes.*
    from {{ typed_lines() }} as goes
    where goes.line not in (select line from ({{ lines_with_exceptions() }}) as kept_out where kept_out.state = 'rejected')
{%- endmacro %}

{% macro has_no_row(rule, kept) -%}
    {{ is_there(rule.columns, 'typed.') }}
    and not exists (
        select 1 from {{ kept }} as kept where {{ equal_in(rule.columns, 'typed.', 'kept.', key_columns()) }}
    )
{%- endmacro %}

{% macro orphans_with_violation(rule) -%}
    select line, {{ key_violation(rule) }} as violation
    from (
        select typed.line, {{ shown_key(rule) }} from {{ typed_lines() }} as typed
        inner join {{ orphans_of_lines() }} as orphans
            on typed.line = orphans.line and orphans.name = {{ text_literal(rule.column) }}
    ) as typed
{%- endmacro %}
