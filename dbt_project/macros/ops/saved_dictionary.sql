{#- The part of dbt's graph that the service derives everything from, kept in the warehouse itself. Only
    of what is built: a dictionary must not run ahead of its tables. -#}
{% macro save_dictionary() -%}
    {% set built = names_of_tables() %}
    {% set nodes = {} %}
    {% for node in graph.nodes.values() if node.package_name == project_name %}
        {% if node.resource_type == 'model' and node.schema in ('core', 'marts') and node.schema ~ '.' ~ node.name in built %}
            {% do nodes.update({node.unique_id: {
                'resource_type': 'model', 'name': node.name, 'schema': node.schema, 'description': node.description,
                'columns': node.columns, 'config': {'meta': node.config.meta}
            }}) %}
        {% elif node.resource_type == 'test' and node.attached_node %}
            {% do nodes.update({node.unique_id: {
                'resource_type': 'test', 'attached_node': node.attached_node, 'column_name': node.column_name,
                'test_metadata': node.test_metadata,
                'config': {'where': node.config.where, 'severity': node.config.severity}
            }}) %}
        {% endif %}
    {% endfor %}
    {{ upsert('ops.dictionary', 'only_row', {
        'only_row': 'true', 'content': text_literal(tojson({'nodes': nodes})), 'saved_at': utc_now()
    }) }}
{%- endmacro %}
