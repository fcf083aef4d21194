{#- The part of dbt's graph that the service derives everything from, kept in the warehouse itself. Only
    of what is built: a dictionary must not run ahead of its tables. The same project is the same text: all is sorted by
    unique id, as dbt has it in the order in which it parsed files. -#}
{% macro save_dictionary() -%}
    {{ upsert_of_dictionary(content_of_dictionary(names_of_tables())) }}
{%- endmacro %}

{% macro upsert_of_dictionary(content) -%}
    {{ return(upsert('ops.dictionary', 'only_row', {
        'only_row': 'true', 'content': text_literal(content), 'saved_at': utc_now()
    })) }}
{%- endmacro %}

{#- `built` are names, with their schemas, of the tables and views that are there. -#}
{% macro content_of_dictionary(built) -%}
    {{ return(tojson({'nodes': saved_nodes(built), 'groups': saved_groups(), 'exposures': saved_exposures()})) }}
{%- endmacro %}

{#- The models that are built, and the data tests of all models, by unique id. -#}
{% macro saved_nodes(built) -%}
    {% set nodes = {} %}
    {% for node in graph.nodes.values() | sort(attribute='unique_id', case_sensitive=true) if node.package_name == project_name %}
        {% if node.resource_type == 'model' and node.schema in ('core', 'marts') and node.schema ~ '.' ~ node.name in built %}
            {% do nodes.update({node.unique_id: {
                'resource_type': 'model', 'name': node.name, 'schema': node.schema, 'description': node.description,
                'columns': node.columns, 'constraints': node.constraints, 'config': {'meta': node.config.meta},
                'group': node.group, 'depends_on': {'nodes': node.depends_on.nodes}
            }}) %}
        {% elif node.resource_type == 'test' and node.attached_node %}
            {% do nodes.update({node.unique_id: {
                'resource_type': 'test', 'name': node.name, 'attached_node': node.attached_node,
                'column_name': node.column_name, 'test_metadata': node.test_metadata, 'rule': compiled_rule(node, built),
                'config': {'where': node.config.where, 'severity': node.config.severity}
            }}) %}
        {% endif %}
    {% endfor %}
    {{ return(nodes) }}
{%- endmacro %}

{#- What the service asks DuckDB of a rule that Python does not know: {predicate, message, words}. None of a data test
    that is no rule of a row by itself, or of a table that is not built. -#}
{% macro compiled_rule(test, built) -%}
    {% set model = graph.nodes.get(test.attached_node) %}
    {% if not model or not in_core(model) or 'core.' ~ model.name not in built %}{{ return(none) }}{% endif %}
    {% for rule in rules_of(model) if rule.id == test.unique_id and rule.kind not in kinds_by_other_rows() %}
        {% if rule.predicate is defined %}
            {{ return({'predicate': rule.predicate, 'message': rule.message, 'words': rule.words}) }}
        {% endif %}
        {{ return({'predicate': 'not (' ~ judged_by_kind(rule).violated ~ ')', 'message': none, 'words': none}) }}
    {% endfor %}
    {{ return(none) }}
{%- endmacro %}

{#- A file that is sent is judged as requests are, by what the last build has compiled: fails where a macro says something
    else by now. What the YAML says, the service compares itself. -#}
{% macro check_rules_are_built() -%}
    {% set saved = fromjson(run_query('select content from ops.dictionary').rows[0][0]).nodes %}
    {% set built = ['core.' ~ model.name] %}
    {% for test in rule_tests_of(model.unique_id) if 'rule' in saved.get(test.unique_id, {}) %}
        {% if compiled_rule(test, built) != saved[test.unique_id].rule %}
            {{ exceptions.raise_compiler_error(
                'the rule ' ~ test.test_metadata.name ~ ' of ' ~ model.name ~ ' has changed since the last build; build first'
            ) }}
        {% endif %}
    {% endfor %}
{%- endmacro %}

{#- Who answers for the models of a group, by its name. -#}
{% macro saved_groups() -%}
    {% set groups = {} %}
    {% for group in graph.groups.values() | sort(attribute='unique_id', case_sensitive=true) if group.package_name == project_name %}
        {% do groups.update({group.name: {'owner': {'name': group.owner.name, 'email': group.owner.email}}}) %}
    {% endfor %}
    {{ return(groups) }}
{%- endmacro %}

{% macro saved_exposures() -%}
    {% set exposures = [] %}
    {% for each in graph.exposures.values() | sort(attribute='unique_id', case_sensitive=true) if each.package_name == project_name %}
        {% do exposures.append({
            'name': each.name, 'label': each.label, 'type': each.type, 'description': each.description,
            'url': each.url, 'owner': {'name': each.owner.name, 'email': each.owner.email},
            'depends_on': {'nodes': each.depends_on.nodes}
        }) %}
    {% endfor %}
    {{ return(exposures) }}
{%- endmacro %}
