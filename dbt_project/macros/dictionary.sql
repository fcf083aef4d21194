{#- The data dictionary: the core models' columns and data tests, read from dbt's graph. -#}

{% macro in_core(node) -%}
    {{ return(node.resource_type == 'model' and node.schema == 'core' and node.package_name == project_name) }}
{%- endmacro %}

{% macro rule_tests_of(unique_id) -%}
    {{ return(
        graph.nodes.values()
        | selectattr('resource_type', 'equalto', 'test')
        | selectattr('attached_node', 'equalto', unique_id)
        | sort(attribute='test_metadata.name')
        | list
    ) }}
{%- endmacro %}

{#-
    The rules of one model as a list of {column, kind, args, place}, by column and kind.
    Fails the build on a rule that could not be judged on a single row everywhere.
-#}
{% macro rules_of(model) -%}
    {% set rules = [] %}
    {% for column in model.columns.values() %}
        {% for test in rule_tests_of(model.unique_id) if test.column_name == column.name %}
            {% set kind = test.test_metadata.name %}
            {% set where = model.name ~ '.' ~ column.name ~ ': rule ' ~ kind %}
            {% if kind != 'not_null' and ('rule_' ~ kind) not in context %}
                {{ exceptions.raise_compiler_error(where ~ ' is not a known kind of rule') }}
            {% endif %}
            {% if test.config.where or test.config.severity | lower != 'error' or not test.config.enabled %}
                {{ exceptions.raise_compiler_error(where ~ ' has where, severity or enabled, which no door could follow') }}
            {% endif %}
            {% set args = dict(test.test_metadata.kwargs) %}
            {% if kind == 'relationships' %}
                {% do args.update({'parent': parent_of(model, args.to, where)}) %}
            {% endif %}
            {% do rules.append({'column': column.name, 'kind': kind, 'args': args}) %}
        {% endfor %}
    {% endfor %}
    {% for test in rule_tests_of(model.unique_id) if not test.column_name %}
        {% if test.test_metadata.name != 'history_accounted_for' %}
            {{ exceptions.raise_compiler_error(model.name ~ ': rule ' ~ test.test_metadata.name ~ ' is not on a column') }}
        {% endif %}
    {% endfor %}
    {{ return(rules) }}
{%- endmacro %}

{#- `ref('departments')` → departments; the model must depend on it, or dbt would not build it first. -#}
{% macro parent_of(model, to, where) -%}
    {% set parent = modules.re.findall("ref\\(\\s*['\"](\\w+)['\"]\\s*\\)", to) | first %}
    {% if model.depends_on.nodes | select('in', ['model.' ~ project_name ~ '.' ~ parent]) | list | length == 0 %}
        {{ exceptions.raise_compiler_error(
            where ~ ": write table_of_record(parents=[ref('" ~ parent ~ "')]) in the model, so that dbt builds it first"
        ) }}
    {% endif %}
    {{ return(parent) }}
{%- endmacro %}
