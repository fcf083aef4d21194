{#- The hook behind record_history(), in the transaction of the rows: where there is a lake, what was changed is recorded. -#}
{% macro tell_feed() -%}
{% if execute %}
    {% set load = run_query('select load_id, is_trial from ' ~ current_load()).rows | first %}
    {% if load and not load[1] %}
        {% set columns = {} %}
        {% for column in model.columns.values() %}{% do columns.update({column.name: type_said(column.data_type, model.name).name}) %}{% endfor %}
        {{ record_change({
            'table': model.name, 'load_id': load[0], 'columns': columns,
            'typed': typed_lines() | string, 'exceptions': exceptions_of_lines() | string
        }) }}
    {% endif %}
{% endif %}
{%- endmacro %}
