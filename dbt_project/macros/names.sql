{#- A layer's schema is called by its own name: core, not main_core. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name or target.schema }}
{%- endmacro %}

{#- The seed raw_departments lies in raw.departments: a model and a seed of one name are deprecated by dbt. -#}
{% macro generate_alias_name(custom_alias_name=none, node=none) -%}
    {%- set own = node.name.removeprefix('raw_') if node.resource_type == 'seed' else node.name -%}
    {{ return(custom_alias_name | trim if custom_alias_name else own) }}
{%- endmacro %}
