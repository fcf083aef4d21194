{#- The first hook: the file is landed, and read. No lock is held. -#}

{% macro judge_history() -%}
{% if execute %}
    {% do check_dictionary() %}
    {% do check_table_fits() %}
    {% set load = load_to_judge() %}
    {% if load %}{% do land_lines(load) %}{% endif %}
    {% set body %}
    {{ replace_work_table(current_load(), what_is_loaded(load)) }};
    {% if not load %}{{ make_landed_lines() }}{% endif %}
    {% if not load or not load.is_trial %}{{ drop_trial() }}{% endif %}

    {{ replace_work_table(typed_lines(), lines_as_typed(load)) }};
    {% endset %}
    {{ statements(body) }}
{% endif %}
{%- endmacro %}

{#- One row about the load; none where there is nothing to load. -#}
{% macro what_is_loaded(load) -%}
    select
        {{ as_text(load and load.load_id) }} as load_id,
        {{ as_text(load and load.kind) }} as kind,
        {{ as_text(load and load.source) }} as source,
        {{ as_text(load and load.state) }} as state,
        {{ as_text(load and load.actor) }} as actor,
        {{ as_text(load and load.delimiter) }} as delimiter,
        {{ as_text(load and load.fields) }} as fields,
        {{ load.behind if load else 0 }} as behind,
        {{ load.last_line if load else 0 }} as last_line,
        {%- for name in line_accounts() %}
        cast({{ load.counted[name] if load and load.counted[name] is not none else 'null' }} as bigint) as {{ name }},
        {%- endfor %}
        {{ load.is_trial | lower if load else 'false' }} as is_trial,
        {{ utc_now() }} as started_at
    where {{ 'true' if load else 'false' }}
{%- endmacro %}

{#- How many lines a file has, counted by themselves, and how many of the lines that were landed now are what. -#}
{% macro line_accounts() -%}
    {{ return(['lines', 'header_lines', 'blank_lines', 'skipped_lines', 'record_lines']) }}
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

{#- The file's lines into raw.<table>, in one transaction with what makes room for them. -#}
{% macro land_lines(load) -%}
    {% set wanted, required = [], rules_of(model) | selectattr('kind', 'equalto', 'not_null') | map(attribute='column') | list %}
    {% for column in model.columns.values() %}
        {% do wanted.append({
            'name': column.name, 'type': column.data_type | lower, 'required': column.name in required,
            'synonyms': meta_of(column).get('synonyms') or []
        }) %}
    {% endfor %}
    {% do load.update({
        'wanted': wanted, 'options': meta_of(model).get('csv') if load.kind == 'history' else none,
        'target': landed_lines(), 'before': before_landing(load)
    }) %}
    {% do land_file(load) %}
    {% if load.refused %}
        {{ exceptions.raise_compiler_error(load.path ~ ': ' ~ load.refused) }}
    {% endif %}
    {% set fields = [] %}
    {% for name in load.columns %}{% do fields.append('coalesce(' ~ adapter.quote(name) ~ ", '')") %}{% endfor %}
    {% do load.update({'fields': fields | join(', ')}) %}
    {% if load.kind == 'history' %}{% do log(load.path ~ ': ' ~ load.described, info=true) %}{% endif %}
{%- endmacro %}

{#- Statements that make room for the lines: of what was landed, those up to `behind` stay. -#}
{% macro before_landing(load) -%}
    {% if load.behind > 0 %}
        {{ return([make_landed_lines(), 'delete from ' ~ landed_lines() ~ ' where line > ' ~ load.behind]) }}
    {% endif %}
    {% set made = [make_text_table(landed_lines(), ['line', '_lines'], landed_names(), anew=true)] %}
    {% if not load.is_trial %}
        {% do made.append(upsert('ops.landed', 'table_name', {
            'table_name': text_literal(model.name), 'load_id': text_literal(load.load_id)
        })) %}
    {% endif %}
    {{ return(made) }}
{%- endmacro %}

{% macro landed_names() -%}
    {{ return(model.columns.keys() | list + ['_rest', '_problem', '_text']) }}
{%- endmacro %}

{#- As the dictionary wants it now; its lines stay. -#}
{% macro make_landed_lines() -%}
    {% set columns = {'_lines': 'bigint'} %}
    {% for name in landed_names() %}{% do columns.update({name: 'varchar'}) %}{% endfor %}
    {{ make_text_table(landed_lines(), ['line', '_lines'], landed_names()) }};
    {{ add_columns(landed_lines(), columns) }}
{%- endmacro %}

{#- One that was killed, or failed, has left its lines. -#}
{% macro drop_trial() -%}
    drop table if exists raw.{{ adapter.quote(model.name ~ '__trial') }};
    drop table if exists raw.{{ adapter.quote(model.name ~ '__trial__exceptions') }};
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
        {{ read_as(column.data_type, adapter.quote(column.name), model.name ~ '.' ~ column.name) }}
            as {{ adapter.quote(column.name) }}{{ ',' if not loop.last }}
        {%- endfor %}
    from (
        select
            line, _rest, _problem, _text,
            {%- for column in model.columns.values() %}
            {{ adapter.quote(column.name) }}{{ ',' if not loop.last }}
            {%- endfor %}
        from {{ landed_lines() }}
    ) as landed
{%- endmacro %}

{% macro as_text(value) -%}
    {{ return(text_literal(value) if value is string else no_text()) }}
{%- endmacro %}

{#- Types and keys are put into the DDL when a table is made, and never again: say so. -#}
{% macro check_table_fits() -%}
    {% set kept = columns_of_table(this.schema, this.identifier) %}
    {% for name, type, is_key in kept if name in model.columns %}
        {% set declared = model.columns[name].data_type %}
        {% if type | lower != declared | lower or is_key != (name == primary_key()) %}
            {{ exceptions.raise_compiler_error(
                model.name ~ '.' ~ name ~ ' is ' ~ type ~ (' primary key' if is_key else '') ~ ' in the warehouse and '
                ~ declared ~ (' primary key' if name == primary_key() else '')
                ~ ' in the dictionary: back the table up, drop it, build, and restore it'
            ) }}
        {% endif %}
    {% endfor %}
{%- endmacro %}
