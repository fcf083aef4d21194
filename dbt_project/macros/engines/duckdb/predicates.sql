{#- DuckDB: predicates over one row, which the YAML says in its SQL. -#}

{% macro duckdb__in_dialect(predicate) -%}{{ return(predicate) }}{%- endmacro %}

{% macro duckdb__problem_of_rule(rule) -%}{{ return(none) }}{%- endmacro %}

{% macro duckdb__fails(predicate) -%}
    {{ return('(not coalesce((\n' ~ predicate ~ '\n), true))') }}
{%- endmacro %}

{% macro duckdb__applies(condition) -%}
    {{ return('coalesce((\n' ~ condition ~ '\n), false)') }}
{%- endmacro %}

{#- Python, as in asked.sql: service/dbt/plugin.py. -#}
{% macro duckdb__predicates_that_fail(predicates, rows) -%}
    {% set asked = {'predicates': predicates, 'rows': rows} %}
    {% do adapter.store_relation('gatehouse', this or 'predicate', [], '', 'predicate', asked) %}
    {{ return(asked.failing) }}
{%- endmacro %}

{#- service/engines/sql_functions.py. DuckDB's try() gives wrong answers for other rows of the same chunk (1.5.6). -#}
{% macro duckdb__evaluated(predicate, types, if_null) -%}
    {% set asked, values = tojson({'predicate': predicate, 'types': types, 'if_null': if_null}), {} %}
    {% for name in types %}{% do values.update({name: adapter.quote(name)}) %}{% endfor %}
    {{ return('gatehouse_holds(' ~ text_literal(asked) ~ ', ' ~ struct(values or {'none': 'true'}) ~ ')') }}
{%- endmacro %}

{% macro duckdb__get_where_subquery(relation) -%}{{ return(rows_where(relation)) }}{%- endmacro %}

{#- service/engines/predicates.py. -#}
{% macro duckdb__look_at_predicate(predicate, columns, place) -%}
    {% set asked = {'predicate': predicate, 'of': columns} %}
    {% do adapter.store_relation('gatehouse', this or 'predicate', [], '', 'predicate', asked) %}
    {{ return(asked) }}
{%- endmacro %}
