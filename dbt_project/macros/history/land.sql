{#- The lines of a file into raw.<table>. `table` is the node of the table of record in dbt's graph. -#}

{#- In one transaction with what makes room for them, and with the record of them in ops.landed. -#}
{% macro land_lines(table, load) -%}
    {% set wanted, required = [], rules_of(table) | selectattr('kind', 'equalto', 'not_null') | rejectattr('where') | rejectattr('warns') | map(attribute='column') | list %}
    {% for column in table.columns.values() %}
        {% do wanted.append({
            'name': column.name, 'type': type_said(column.data_type, table.name).name, 'required': column.name in required and meta_of(column).get('default') is none and not is_given(column, table),
            'synonyms': (meta_of(column).get('synonyms') or []) + former_names(column), 'is_given': is_given(column, table)
        }) %}
    {% endfor %}
    {% set name = table.name ~ ('__trial' if load.is_trial else '') %}
    {% do load.update({
        'wanted': wanted, 'options': meta_of(table).get('csv') if load.kind == 'history' else none,
        'target': lines_of(name), 'before': before_landing(table, name, load), 'after': record_of_landing(name, load)
    }) %}
    {% do land_file(load) %}
    {% if load.refused %}
        {{ exceptions.raise_compiler_error(load.path ~ ': ' ~ load.refused) }}
    {% endif %}
    {% if load.kind == 'history' %}{% do log(load.path ~ ': ' ~ load.described, info=true) %}{% endif %}
{%- endmacro %}

{#- Statements that make room for the lines: of what was landed, those up to `behind` stay. -#}
{% macro before_landing(table, name, load) -%}
    {% if load.behind > 0 %}
        {{ return([make_landed_lines(table, name), 'delete from ' ~ lines_of(name) ~ ' where line > ' ~ load.behind]) }}
    {% endif %}
    {{ return([make_text_table(lines_of(name), ['line', '_lines'], landed_names(table), anew=true)]) }}
{%- endmacro %}

{#- A trial that was killed, or failed, has left its lines. -#}
{% macro drop_trial(name) -%}
    {%- if takes_files() %}
    drop table if exists {{ lines_of(name ~ '__trial') }};
    drop table if exists {{ lines_of(name ~ '__trial__exceptions') }};
    delete from ops.landed where table_name = '{{ name }}__trial'
    {%- endif %}
{%- endmacro %}

{#- What the file was found to be stands there by name, with a $ before. -#}
{% macro record_of_landing(name, load) -%}
    {% set row = {
        'table_name': text_literal(name), 'load_id': text_literal(load.load_id), 'kind': text_literal(load.kind),
        'source': as_text(load.source), 'state': as_text(load.state), 'actor': as_text(load.actor),
        'delimiter': '$delimiter', 'columns': '$columns', 'behind': load.behind, 'last_line': '$last_line'
    } %}
    {% for account in line_accounts() %}{% do row.update({account: '$' ~ account}) %}{% endfor %}
    {{ return(upsert('ops.landed', 'table_name', dict(row, landed_at=utc_now()))) }}
{%- endmacro %}

{#- How many lines a file has, counted by themselves, and how many of the lines that were landed now are what. -#}
{% macro line_accounts() -%}
    {{ return(['lines', 'header_lines', 'blank_lines', 'skipped_lines', 'record_lines']) }}
{%- endmacro %}

{#- As the dictionary wants it now; its lines stay. -#}
{% macro make_landed_lines(table, name=none) -%}
    {% set columns = {'_lines': 'bigint'} %}
    {% for column in landed_names(table) %}{% do columns.update({column: 'varchar'}) %}{% endfor %}
    {{ make_text_table(lines_of(name or table.name), ['line', '_lines'], landed_names(table)) }};
    {{ add_columns(lines_of(name or table.name), columns) }}
{%- endmacro %}

{#- The table in raw that has the lines of a file; `name` is that of the table, or of its trial. -#}
{% macro lines_of(name) -%}{{ return('raw.' ~ adapter.quote(name)) }}{%- endmacro %}

{% macro landed_names(table) -%}
    {{ return(table.columns.keys() | list + names_kept_apart(table) + ['_rest', '_problem', '_text']) }}
{%- endmacro %}

{% macro as_text(value) -%}
    {{ return(text_literal(value) if value is string else no_text()) }}
{%- endmacro %}
