{#- Data test, with the name and the arguments that it has in dbt_utils: no two rows have the same values in
    `combination_of_columns`. Besides, no column of the mart's contract is NULL but those that are named as `nullable`:
    no engine enforces that of a view. One test for both, since a test takes a build longer than a table of record
    of ten thousand rows. Of a table of record it is a rule, `unique` of several columns together, and nothing besides. -#}
{% test unique_combination_of_columns(model, combination_of_columns, quote_columns=true, nullable=[]) %}
{%- if model.schema == 'core' -%}
{{ repeated_values(combination_of_columns, model) }}
{%- else -%}
{%- set keys = [] %}
{%- for name in combination_of_columns %}{% do keys.append(adapter.quote(name) if quote_columns else name) %}{% endfor %}
select
    {{ keys | join(',\n    ') }},
    count(*) as rows_of_it
from {{ model }}
group by {{ keys | join(', ') }}
having
    count(*) > 1
    {%- for name in columns_of_contract(model) if name not in nullable %}
    or count(*) > count({{ adapter.quote(name) }})
    {%- endfor %}
{%- endif -%}
{% endtest %}

{#- The names of a model's columns as its YAML has them; the model is given as a relation. -#}
{% macro columns_of_contract(relation) -%}
    {% set schema, name = relation.schema, relation.identifier %}
    {% for node in (graph.nodes or {}).values() if node.resource_type == 'model' %}
        {% if node.schema == schema and node.alias == name %}{{ return(node.columns.keys() | list) }}{% endif %}
    {% endfor %}
    {{ return([]) }}
{%- endmacro %}
