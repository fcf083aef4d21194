{#- The project's own rule kinds as dbt data tests, which prove them on the rows that are in core. -#}

{% test not_blank(model, column_name) %}
select * from {{ model }} where {{ rule_not_blank(column_name).violated }}
{% endtest %}

{% test max_length(model, column_name, length) %}
select * from {{ model }} where {{ rule_max_length(column_name, {'length': length}).violated }}
{% endtest %}

{% test min_length(model, column_name, length) %}
select * from {{ model }} where {{ rule_min_length(column_name, {'length': length}).violated }}
{% endtest %}

{% test matches(model, column_name, regex) %}
select * from {{ model }} where {{ rule_matches(column_name, {'regex': regex}).violated }}
{% endtest %}

{% test in_range(model, column_name, min=none, max=none, inclusive=true) %}
{{ rows_out_of_range(model, column_name, min, max, inclusive) }}
{% endtest %}

{#- dbt_utils' name of it, and dbt_utils' arguments. -#}
{% test accepted_range(model, column_name, min_value=none, max_value=none, inclusive=true) %}
{{ rows_out_of_range(model, column_name, min_value, max_value, inclusive) }}
{% endtest %}

{% macro rows_out_of_range(model, column_name, min, max, inclusive) -%}
    {% set args = {'min': min, 'max': max, 'inclusive': inclusive} %}
    select * from {{ model }} where {{ rule_in_range(column_name, args, type=type_of_column(column_name)).violated }}
{%- endmacro %}

{#- What was in the future when it came was kept out. -#}
{% test not_in_future(model, column_name) %}
select * from {{ model }} where {{ rule_not_in_future(column_name, type=type_of_column(column_name)).violated }}
{% endtest %}

{#- dbt_utils' name and arguments; on a column, it stands before the expression. -#}
{% test expression_is_true(model, expression, column_name=none) %}
{{ rows_that_break(model, rule_expression_is_true(column_name or '', expression), column_name) }}
{% endtest %}

{#- A query: the rows of which a predicate over one row is not true, and not NULL. For tests of one's own kinds; `column`
    is that of a rule on one, which is not asked of a missing value. -#}
{% macro rows_that_break(model, predicate, column=none) -%}
    {% set predicate = in_dialect(predicate) %}
    {% set violated = fails(predicate) %}
    {#- There is such a row where the rule is new, or of severity warn. -#}
    {% if execute and predicates_that_fail([predicate], model) %}
        {% set violated = 'not coalesce(' ~ evaluated(predicate, types_tested(predicate), true) ~ ', false)' %}
    {% endif %}
    select * from {{ model }} where {{ column ~ ' is not null and ' if column }}{{ violated }}
{%- endmacro %}

{#- dbt asks for it, by get_where_subquery: a relation, or its rows of which a data test's `where` is true. One that
    cannot be evaluated for some rows is so of them, as when they came. -#}
{% macro rows_where(relation) -%}
    {% if not config.get('where') %}{{ return(relation) }}{% endif %}
    {% set where = in_dialect(config.get('where')) %}
    {% if execute and predicates_that_fail([where], relation) %}
        {% set where = 'coalesce(' ~ evaluated(where, types_tested(where), false) ~ ', true)' %}
    {% endif %}
    {{ return('(select * from ' ~ relation ~ ' where ' ~ where ~ ') dbt_subquery') }}
{%- endmacro %}

{#- Of the columns that a predicate looks at, by name, of the model that the data test is of. -#}
{% macro types_tested(predicate) -%}
    {% set types, found = {}, {} %}
    {% for column in graph.nodes[model.attached_node].columns.values() if column.data_type %}
        {% do types.update({column.name: type_said(column.data_type, column.name).name}) %}
    {% endfor %}
    {% for name in look_at_predicate(predicate, types, model.name).columns %}{% do found.update({name: types[name]}) %}{% endfor %}
    {{ return(found) }}
{%- endmacro %}

{#- The type of a column of the model that the data test is of, as its YAML has it; none where that has none. A `where`
    makes the test's own argument a subquery: here the node is the test. -#}
{% macro type_of_column(column_name) -%}
    {% set tested = (graph.nodes or {}).get(model.attached_node) %}
    {% set column = tested.columns.get(column_name) if tested else none %}
    {{ return(column.data_type | lower if column and column.data_type else none) }}
{%- endmacro %}

{#- In place of dbt's own, which counts each value. -#}
{% test unique(model, column_name) %}
{{ written_twice(column_name, model) }}
{% endtest %}

{#- In place of dbt's own, which breaks on a value with an apostrophe. -#}
{% test accepted_values(model, column_name, values, quote=true) %}
select * from {{ model }} where {{ rule_accepted_values(column_name, {'values': values}, type=type_of_column(column_name)).violated }}
{% endtest %}

{#- In core the type holds the rule; what is left to prove is that the year can be written. -#}
{% test utc_datetime(model, column_name) %}
select *
from {{ model }}
where not {{ has_year_of_four_digits(adapter.quote(column_name)) }}
{% endtest %}
