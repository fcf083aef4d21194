{#- DuckDB: what dbt asks for by itself, of each node. -#}

{#- A new table's contract without the primary key, which is added when the rows are in. DuckDB would make its index
    twice, for the rows on their way and again for those in the table. -#}
{% macro duckdb__get_table_columns_and_constraints() -%}
    {% set columns = {} %}
    {% for name, column in model.columns.items() %}
        {% set others = column.constraints | rejectattr('type', 'equalto', 'primary_key') | list %}
        {% do columns.update({name: dict(column, constraints=others)}) %}
    {% endfor %}
    ({{ adapter.render_raw_columns_constraints(raw_columns=columns) | join(', ') }})
{%- endmacro %}

{#- Without the database's name, which is that of the file: a view must survive a renamed warehouse. -#}
{% macro duckdb__get_create_view_as_sql(relation, sql) -%}
    {{ return(create_view_as(relation, sql | replace(adapter.quote(relation.database) ~ '.', ''))) }}
{%- endmacro %}

{#- For dbt's persist_docs: comments of a relation and its columns, and only those that are not there yet. A table of
    record keeps its own for good, so that to look is all that most builds do; a view has just been made without any.
    DuckDB lets rows be inserted meanwhile: no lock is needed. -#}
{% macro duckdb__persist_docs(relation, model, for_relation, for_columns) -%}
    {% set wanted, there, changed = {}, {}, [] %}
    {% if for_relation and config.persist_relation_docs() %}
        {% do wanted.update({relation.type ~ ' ' ~ relation: model.description}) %}
    {% endif %}
    {% if for_columns and config.persist_column_docs() %}
        {% for column in model.columns.values() %}
            {% do wanted.update({'column ' ~ relation ~ '.' ~ adapter.quote(column.name): column.description}) %}
        {% endfor %}
    {% endif %}
    {% if not relation.is_view %}
        {% set table = " where schema_name = '" ~ relation.schema ~ "' and table_name = '" ~ relation.identifier ~ "'" %}
        {% for name, comment in run_query(
            'select null, comment from duckdb_tables()' ~ table
            ~ ' union all select column_name, comment from duckdb_columns()' ~ table
        ).rows %}
            {% set what = 'column ' ~ relation ~ '.' ~ adapter.quote(name) if name else 'table ' ~ relation %}
            {% do there.update({what: comment}) %}
        {% endfor %}
    {% endif %}
    {% for what, comment in wanted.items() if comment and there.get(what) != comment %}
        {% do changed.append('comment on ' ~ what ~ ' is ' ~ text_literal(comment)) %}
    {% endfor %}
    {% if changed %}{% do run_query(changed | join(';\n')) %}{% endif %}
{%- endmacro %}

{#- For dbt's docs: what stands in the warehouse, as dbt-duckdb asks for it, with numbers that the site shows beside
    each table: its rows, and of a table of record its last load and its open rejections. -#}
{% macro duckdb__get_catalog_results_sql() -%}
    {% set there, counts = names_of_tables(), [] %}
    {% for node in graph.nodes.values() | list + graph.sources.values() | list %}
        {% set schema, name = node.schema, node.alias or node.identifier %}
        {% if schema in ('core', 'ops') and schema ~ '.' ~ name in there %}
            {% do counts.append(
                'select ' ~ text_literal(schema) ~ ' as table_schema, ' ~ text_literal(name) ~ ' as table_name,'
                ~ ' count(*) as row_count from ' ~ schema ~ '.' ~ adapter.quote(name)
            ) %}
        {% endif %}
    {% endfor %}
    {% set has_books = 'ops.loads' in there and 'ops.rejections' in there %}
    ,
    counted as (
        {{ counts | join(' union all ') or 'select null as table_schema, null as table_name, null as row_count where false' }}
    ),
    {% if has_books %}
    loaded as (
        select 'core' as table_schema, table_name, arg_max(finished_at, number) as last_load from ops.loads group by table_name
    ),
    kept_out as (
        select 'core' as table_schema, table_name, count(*) as open_rejections
        from ops.rejections where status = 'open' group by table_name
    ),
    {% endif %}
    stated as (
        select
            table_schema, table_name, row_count,
            {{ 'last_load, coalesce(open_rejections, 0)' if has_books else 'cast(null as timestamp) as last_load, 0' }}
                as open_rejections
        from counted
        {% if has_books %}
        left join loaded using (table_schema, table_name)
        left join kept_out using (table_schema, table_name)
        {% endif %}
    )
    select
        tables.table_database,
        tables.table_schema,
        tables.table_name,
        tables.table_type,
        tables.table_comment,
        columns.column_name,
        columns.column_index,
        columns.column_type,
        columns.column_comment,
        null as table_owner,
        'Rows' as "stats:row_count:label",
        stated.row_count as "stats:row_count:value",
        'Rows when this page was made.' as "stats:row_count:description",
        stated.row_count is not null as "stats:row_count:include",
        'Last load' as "stats:last_load:label",
        strftime(stated.last_load, '%Y-%m-%d %H:%M:%S UTC') as "stats:last_load:value",
        'When rows were last loaded, before this page was made.' as "stats:last_load:description",
        stated.last_load is not null as "stats:last_load:include",
        'Open rejections' as "stats:open_rejections:label",
        stated.open_rejections as "stats:open_rejections:value",
        'Rows that were kept out and are not settled yet.' as "stats:open_rejections:description",
        coalesce(stated.table_schema = 'core', false) as "stats:open_rejections:include"
    from tables
    join columns using (table_database, table_schema, table_name)
    left join stated using (table_schema, table_name)
    order by table_schema, table_name, column_index
{%- endmacro %}
