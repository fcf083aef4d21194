{#- Rules of several columns together: unique_combination_of_columns is the rule `unique` of them, and
    relationships_of_columns their rule `relationships`. Such a rule has the name of its columns with commas between; its
    value is a text, as service/dictionary/combined_columns.py has it. Every rule on a column has its `columns`, too. -#}

{% macro tests_of_several_columns() -%}
    {{ return(['unique_combination_of_columns', 'relationships_of_columns']) }}
{%- endmacro %}

{#- The rule that such a data test is; service/dictionary/combined_rules.py asks the same of it. -#}
{% macro combined_rule(model, test) -%}
    {% set said, place = test.test_metadata, model.name ~ ': rule ' ~ test.test_metadata.name %}
    {% set is_unique = said.name == 'unique_combination_of_columns' %}
    {% set names = names_together(said, 'combination_of_columns' if is_unique else 'columns', place) %}
    {% for name in names %}
        {% if name not in model.columns %}
            {{ exceptions.raise_compiler_error(place ~ ': there is no column ' ~ name) }}
        {% elif type_said(model.columns[name].data_type, place).kind not in key_kinds() %}
            {{ exceptions.raise_compiler_error(place ~ ' cannot be on a column of type ' ~ model.columns[name].data_type ~ ': ' ~ name) }}
        {% endif %}
    {% endfor %}
    {% if test.config.where or (test.config.severity or 'error') | lower != 'error' %}
        {{ exceptions.raise_compiler_error(place ~ ' has where or severity, which a rule that needs other rows cannot have') }}
    {% endif %}
    {% set args = {'columns': names} %}
    {% if not is_unique %}
        {% set fields = names_together(said, 'fields', place) %}
        {% if fields | length != names | length %}
            {{ exceptions.raise_compiler_error(place ~ ' needs as many fields as columns') }}
        {% endif %}
        {% do args.update({
            'fields': fields, 'field': fields | join(','), 'parent': parent_of(model, said.kwargs.to or '', place)
        }) %}
    {% endif %}
    {{ return({
        'id': test.unique_id, 'column': names | join(','), 'columns': names, 'type': none,
        'kind': 'unique' if is_unique else 'relationships', 'args': args,
        'where': none, 'severity': 'error', 'warns': false, 'others': []
    }) }}
{%- endmacro %}

{% macro names_together(said, argument, place) -%}
    {% set names = said.kwargs.get(argument) %}
    {% if names is string or names is not iterable or names | unique | list | length < 2 or names | unique | list | length < names | length %}
        {{ exceptions.raise_compiler_error(place ~ ' needs ' ~ argument ~ ', two names or more') }}
    {% endif %}
    {{ return(names | list) }}
{%- endmacro %}

{#- The columns of the primary key: that with the constraint, or those of the model's constraint. -#}
{% macro key_columns(table=model) -%}
    {% set keys = [] %}
    {% for column in table.columns.values() if column.constraints | selectattr('type', 'equalto', 'primary_key') | list %}
        {% do keys.append([column.name]) %}
    {% endfor %}
    {% for constraint in table.constraints or [] if constraint.type == 'primary_key' %}
        {% do keys.append(constraint.columns | list) %}
    {% endfor %}
    {% if keys | length != 1 %}
        {{ exceptions.raise_compiler_error(table.name ~ ': there must be one constraint primary_key') }}
    {% endif %}
    {{ return(keys[0]) }}
{%- endmacro %}

{#- Its name: those of its columns, with commas between. -#}
{% macro primary_key(table=model) -%}{{ return(key_columns(table) | join(',')) }}{%- endmacro %}

{#- What a rule refers to must be unique there, in core, and of the same types; in the own table, it is the key. -#}
{% macro check_reference(table, rule, rules) -%}
    {% set where = table.name ~ '.' ~ rule.column ~ ': rule relationships' %}
    {% set target = graph.nodes['model.' ~ project_name ~ '.' ~ rule.args.parent] %}
    {% set fields = rule.args.fields or [rule.args.field] %}
    {% set unique = (rules_of(target) if in_core(target) else [])
        | selectattr('column', 'equalto', rule.args.field)
        | selectattr('kind', 'equalto', 'unique') | list %}
    {% if not unique %}
        {{ exceptions.raise_compiler_error(
            where ~ ' needs a unique column ' ~ rule.args.parent ~ '.' ~ rule.args.field ~ ' in core'
        ) }}
    {% endif %}
    {% for name in rule.columns %}
        {% set of_parent = target.columns[fields[loop.index0]].data_type %}
        {% if type_said(of_parent, where).name != type_said(table.columns[name].data_type, where).name %}
            {{ exceptions.raise_compiler_error(
                where ~ ' needs the type of ' ~ rule.args.parent ~ '.' ~ fields[loop.index0] ~ ', ' ~ of_parent
            ) }}
        {% endif %}
    {% endfor %}
    {% if rules | selectattr('column', 'equalto', rule.column) | selectattr('kind', 'equalto', rule.kind) | list | length > 1 %}
        {{ exceptions.raise_compiler_error(where ~ ' stands twice') }}
    {% elif rule.args.parent == table.name and rule.args.field != primary_key(table) %}
        {{ exceptions.raise_compiler_error(where ~ ' needs the primary key ' ~ primary_key(table) ~ ', as it is in its own table') }}
    {% endif %}
{%- endmacro %}

{#- ---- Columns together in SQL; `alias` ends with a dot, or is none ---- -#}

{% macro listed(names, alias='') -%}
    {% set found = [] %}
    {% for name in names %}{% do found.append(alias ~ adapter.quote(name)) %}{% endfor %}
    {{ return(found | join(', ')) }}
{%- endmacro %}

{#- Equal in each column; `others` are those of the other row, where they have other names. -#}
{% macro equal_in(names, alias, other, others=none) -%}
    {% set found = [] %}
    {% for name in names %}
        {% do found.append(alias ~ adapter.quote(name) ~ ' = ' ~ other ~ adapter.quote((others or names)[loop.index0])) %}
    {% endfor %}
    {{ return(found | join(' and ')) }}
{%- endmacro %}

{#- Of a row: it has a value in each. Of one that an outer join found, the first says so: `names[:1]`. -#}
{% macro is_there(names, alias='') -%}
    {% set found = [] %}
    {% for name in names %}{% do found.append(alias ~ adapter.quote(name) ~ ' is not null') %}{% endfor %}
    {{ return(found | join(' and ')) }}
{%- endmacro %}

{#- An expression: the value of a rule's columns as it is shown, of one as it is compared, of several as text. -#}
{% macro shown_value(names, alias, table=model) -%}
    {% set parts = [] %}
    {% for name in names %}
        {% set type = table.columns[name].data_type %}
        {% set shown = as_shown(type, alias ~ adapter.quote(name), table.name) %}
        {% if names | length > 1 %}
            {% set shown = as_varchar(shown) %}
            {% if type_said(type, table.name).kind == 'varchar' %}
                {% set shown = "replace(replace(" ~ shown ~ ", '%', '%25'), ',', '%2C')" %}
            {% endif %}
        {% endif %}
        {% do parts.append(shown) %}
    {% endfor %}
    {{ return(joined(',', parts) if parts | length > 1 else parts[0]) }}
{%- endmacro %}

{#- A query: the values that several rows of a relation have. -#}
{% macro repeated_values(names, relation) -%}
    {% if names | length == 1 %}{{ return(written_twice(names[0], relation)) }}{% endif %}
    select {{ listed(names) }} from {{ relation }} where {{ is_there(names) }} group by {{ listed(names) }} having count(*) > 1
{%- endmacro %}

{#- Data test: each row's columns together are those of a row in another table, or in this one. -#}
{% test relationships_of_columns(model, columns, to, fields) %}
select child.*
from {{ model }} as child
where
    {{ is_there(columns, 'child.') }}
    and not exists (select 1 from {{ to }} as parent where {{ equal_in(columns, 'child.', 'parent.', fields) }})
{% endtest %}
