{#- As ref() of names.sql: without the database's name, since a view must survive a renamed warehouse. -#}
{% macro source() -%}
    {{ return(builtins.source(*varargs, **kwargs).include(database=false)) }}
{%- endmacro %}
