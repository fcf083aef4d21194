{#- The first hook: what was landed is read, if it was not judged yet. No lock is held. -#}

{% macro judge_history() -%}
{% if execute %}
    {% do check_table(model) %}
    {% do check_there_is_what_it_needs() %}
    {% set load = load_to_judge() %}
    {% do run_statements(make_landed_lines(model, model.name ~ trial())) %}
    {% if load and load.state is none %}{% do check_rules_are_built() %}{% endif %}
    {% if load %}{% do note_failing_predicates(load) %}{% endif %}
    {% set body %}
    {{ replace_work_table(current_load(), what_is_judged(load)) }};
    {{ replace_work_table(typed_lines(), lines_as_typed(load)) }};
    {% endset %}
    {{ statements(body) }}
{% endif %}
{%- endmacro %}

{#- What was landed and is to be judged: {load_id, behind, is_trial, state}, or none. Of a file it is the part that
    was landed last; a history is judged again when a rule has changed, or a parent that a line waits for has grown. -#}
{% macro load_to_judge() -%}
    {% if flags.EMPTY %}{{ return(none) }}{% endif %}
    {% set landed = run_query(
        "select load_id, kind, behind, state from ops.landed where table_name = '" ~ model.name ~ trial() ~ "'"
    ).rows | first %}
    {% if not landed %}{{ return(none) }}{% endif %}
    {% set load = {'load_id': landed[0], 'behind': landed[2], 'is_trial': trial() != '', 'state': none} %}
    {% set id = text_literal(load.load_id) %}
    {% if landed[1] == 'file' %}
        {% set waits = 'select 1 from ops.files where load_id = ' ~ id ~ ' and is_current and behind = ' ~ load.behind %}
        {{ return(load if run_query(waits).rows else none) }}
    {% elif landed[1] == 'history' %}
        {% do load.update({'state': state_of_history(table_of_record_node(), landed[3].rsplit(' ', 1)[0])}) %}
        {% if not history_is_judged(load) %}
            {% set done = "select 1 from ops.loads where load_id = " ~ id ~ " and table_name = '" ~ model.name ~ "'" %}
            {% if run_query(done).rows %}{% do load.update({'load_id': run_query('select ' ~ new_id()).rows[0][0]}) %}{% endif %}
            {{ return(load) }}
        {% endif %}
    {% endif %}
    {{ return(none) }}
{%- endmacro %}

{#- As dbt's graph has it, where the seed finds it too. -#}
{% macro table_of_record_node() -%}{{ return(graph.nodes[model.unique_id]) }}{%- endmacro %}

{% macro history_is_judged(load) -%}
    {{ return(run_query(
        "select 1 from ops.history where table_name = '" ~ model.name ~ "' and load_id = " ~ text_literal(load.load_id)
        ~ " and state = " ~ text_literal(load.state) ~ " and parents in ('', " ~ sizes_of_parents() ~ ")"
    ).rows | length > 0) }}
{%- endmacro %}

{#- The number of rows of each parent: a line may have been waiting for one that came since. -#}
{% macro sizes_of_parents() -%}
    {%- set sizes = ["''"] -%}
    {%- for parent in parents_of_rules() %}{% do sizes.append('(select count(*) from ' ~ ref(parent) ~ ')') %}{% endfor -%}
    {%- if references_to_own_table() -%}
        {%- set is_there = 'core.' ~ model.name in names_of_tables() -%}
        {%- do sizes.append('(select count(*) from ' ~ this ~ ')' if is_there else "''") -%}
    {%- endif -%}
    (select {{ joined(' ', sizes) }})
{%- endmacro %}

{% macro parents_of_rules() -%}
    {{ return(
        rules_of(model) | selectattr('kind', 'equalto', 'relationships') | map(attribute='args')
        | map(attribute='parent') | reject('equalto', model.name) | unique | list
    ) }}
{%- endmacro %}

{#- One row about the load; none where there is nothing to judge. -#}
{% macro what_is_judged(load) -%}
    select
        {{ as_text(load and load.load_id) }} as load_id,
        kind,
        source,
        {{ as_text(load and load.state) }} as state,
        actor,
        delimiter,
        columns,
        behind,
        last_line,
        {{ line_accounts() | join(', ') }},
        {{ load.is_trial | lower if load else 'false' }} as is_trial,
        {{ on_conflict_of_load() }} as on_conflict,
        {{ utc_now() }} as started_at
    from ops.landed
    where table_name = '{{ model.name ~ trial() }}' and {{ 'true' if load else 'false' }}
{%- endmacro %}

{#- The lines that were landed now, read; `clean` are those that break no rule by themselves. -#}
{% macro lines_as_typed(load) -%}
    select
        line,
        {%- for column in model.columns.values() %}
        {{ adapter.quote(column.name) }},
        {%- endfor %}
        not ({{ static_violations() | map(attribute='violated') | join('\n            or ') }}) as clean
    from ({{ read_lines() }}) as lines
    where {{ 'line > ' ~ load.behind if load else 'false' }}
{%- endmacro %}

{#- The landed lines with what was written ("id__text") beside what was read ("id"). -#}
{% macro read_lines() -%}
    select
        line,
        _rest,
        _problem,
        _text,
        {%- for column in model.columns.values() %}
        {{ adapter.quote(column.name) }} as {{ adapter.quote(column.name ~ '__text') }},
        {{ read_as(column.data_type, as_kept(column), model.name ~ '.' ~ column.name) }}
            as {{ adapter.quote(column.name) }}{{ ',' if not loop.last }}
        {%- endfor %}
    from (
        select
            line,
            {%- for name in landed_names(model) %}
            {{ adapter.quote(name) }}{{ ',' if not loop.last }}
            {%- endfor %}
        from {{ landed_lines() }}
    ) as landed
{%- endmacro %}

{#- A text of a column, or what the YAML has in place of one that is not there: meta.default. -#}
{% macro or_default(column, text) -%}
    {%- set default = meta_of(column).get('default') -%}
    {{ return(text if default is none else 'coalesce(' ~ text ~ ', ' ~ text_literal(default | string) ~ ')') }}
{%- endmacro %}

{#- Its lines, and the tables that it refers to, come by nodes of their own. -#}
{% macro check_there_is_what_it_needs() -%}
    {% set there, missing = names_of_tables() | list, [] %}
    {% for parent in parents_of_rules() %}{% do missing.append('core.' ~ parent) %}{% endfor %}
    {% if not flags.EMPTY %}{% do missing.append('raw.' ~ model.name) %}{% endif %}
    {% for name in missing if name not in there %}
        {{ exceptions.raise_compiler_error(name ~ ' is not there: build +' ~ model.name ~ ' first') }}
    {% endfor %}
{%- endmacro %}
