{#- The project's own rule kinds as dbt data tests, which prove them on the rows that are in core. -#}

{% test not_blank(model, column_name) %}
select * from {{ model }} where {{ rule_not_blank(column_name).violated }}
{% endtest %}

{% test max_length(model, column_name, length) %}
select * from {{ model }} where {{ rule_max_length(column_name, {'length': length}).violated }}
{% endtest %}

{% test in_range(model, column_name, min=none, max=none) %}
select * from {{ model }} where {{ rule_in_range(column_name, {'min': min, 'max': max}).violated }}
{% endtest %}

{#- In place of dbt's own, which counts each value. -#}
{% test unique(model, column_name) %}
{{ written_twice(column_name, model) }}
{% endtest %}

{#- In place of dbt's own, which breaks on a value with an apostrophe. -#}
{% test accepted_values(model, column_name, values, quote=true) %}
select * from {{ model }} where {{ rule_accepted_values(column_name, {'values': values}).violated }}
{% endtest %}

{#- In core the type holds the rule; what is left to prove is that the year can be written. -#}
{% test utc_datetime(model, column_name) %}
select *
from {{ model }}
where not {{ has_year_of_four_digits(adapter.quote(column_name)) }}
{% endtest %}
