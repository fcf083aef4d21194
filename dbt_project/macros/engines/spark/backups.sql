{#- Spark: the schema `backup`, with each table as its newest whole backup has it. The Avro files are read where they are:
    service/spark/verified_backups.py says which. -#}
{% macro spark_show_backups() -%}
    {% for row in run_query('select * from ' ~ on_lake('spark/backups.parquet')).rows %}
        {% do spark_execute(
            'create or replace view backup.' ~ adapter.quote(row['table_name'])
            ~ ' comment ' ~ text_literal('Backup ' ~ row['backup_id'] ~ ', taken at ' ~ row['created_at'])
            ~ ' as select * from avro.`' ~ row['path'] ~ '`'
        ) %}
    {% endfor %}
{%- endmacro %}
