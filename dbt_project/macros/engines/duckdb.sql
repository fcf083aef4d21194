{#- DuckDB, for one machine. engines/_dispatch.sql says what each macro is for. -#}

{% macro duckdb__text_literal(text) -%}
    {{ return("'" ~ text | replace("'", "''") ~ "'") }}
{%- endmacro %}

{% macro duckdb__no_text() -%}
    {{ return('cast(null as varchar)') }}
{%- endmacro %}

{% macro duckdb__type_name(type) -%}
    {{ return(type) }}
{%- endmacro %}

{% macro duckdb__decimal_text(value) -%}
    {{ return("regexp_replace(" ~ as_varchar(value) ~ ", '^(-?)[.]', '\\1' || '0.')") }}
{%- endmacro %}

{% macro duckdb__as_varchar(value) -%}
    {{ return('cast(' ~ value ~ ' as varchar)') }}
{%- endmacro %}

{% macro duckdb__cast_or_null(text, type) -%}
    {{ return('try_cast(' ~ text ~ ' as ' ~ type ~ ')') }}
{%- endmacro %}

{% macro duckdb__full_match(text, form) -%}
    {{ return("regexp_full_match(" ~ text ~ ", " ~ text_literal(form) ~ ")") }}
{%- endmacro %}

{% macro duckdb__fails(predicate) -%}
    {{ return('(not coalesce((\n' ~ predicate ~ '\n), true))') }}
{%- endmacro %}

{% macro duckdb__applies(condition) -%}
    {{ return('coalesce((\n' ~ condition ~ '\n), false)') }}
{%- endmacro %}

{#- As those below: service/dbt/plugin.py. -#}
{% macro duckdb__predicates_that_fail(predicates, rows) -%}
    {% set asked = {'predicates': predicates, 'rows': rows} %}
    {% do adapter.store_relation('gatehouse', this or 'predicate', [], '', 'predicate', asked) %}
    {{ return(asked.failing) }}
{%- endmacro %}

{#- service/engines/sql_functions.py. DuckDB's try() gives wrong answers for other rows of the same chunk (1.5.6). -#}
{% macro duckdb__evaluated(predicate, types, if_null) -%}
    {% set asked, values = tojson({'predicate': predicate, 'types': types, 'if_null': if_null}), {} %}
    {% for name in types %}{% do values.update({name: adapter.quote(name)}) %}{% endfor %}
    {{ return('gatehouse_holds(' ~ text_literal(asked) ~ ', ' ~ struct(values or {'none': 'true'}) ~ ')') }}
{%- endmacro %}

{#- service/engines/predicates.py. -#}
{% macro duckdb__look_at_predicate(predicate, columns) -%}
    {% set asked = {'predicate': predicate, 'of': columns} %}
    {% do adapter.store_relation('gatehouse', this or 'predicate', [], '', 'predicate', asked) %}
    {{ return(asked) }}
{%- endmacro %}

{% macro duckdb__has_nul(text) -%}
    {{ return('contains(' ~ text ~ ', chr(0))') }}
{%- endmacro %}

{% macro duckdb__before_point(text) -%}
    {{ return('split_part(' ~ text ~ ", '.', 1)") }}
{%- endmacro %}

{% macro duckdb__is_finite(number) -%}
    {{ return('isfinite(' ~ number ~ ')') }}
{%- endmacro %}

{% macro duckdb__utc_timestamp(text) -%}
    {#- It knows no t and no z. -#}
    {%- set in_utc = "timezone('UTC', try_cast(upper(" ~ text ~ ") as timestamptz))" -%}
    case
        when {{ text }} like '%T%Z' then try_cast({{ text }} as timestamp)
        when {{ has_year_of_four_digits(in_utc) }}
            then {{ in_utc }}
    end
{%- endmacro %}

{% macro duckdb__moment_in_utc(timestamp) -%}
    {{ return("timezone('UTC', " ~ timestamp ~ ")") }}
{%- endmacro %}

{% macro duckdb__wall_clock_in_utc(moment) -%}
    {{ return("timezone('UTC', " ~ moment ~ ")") }}
{%- endmacro %}

{% macro duckdb__shown_moment(timestamp) -%}
    {{ return("replace(" ~ as_varchar(timestamp) ~ ", ' ', 'T') || 'Z'") }}
{%- endmacro %}

{#- By Python (service/engines/sql_functions.py): what DuckDB takes for JSON is more than is, as NaN. -#}
{% macro duckdb__json_document(text) -%}
    {{ return('cast(gatehouse_json(' ~ text ~ ') as json)') }}
{%- endmacro %}

{#- As that: letters have cases that engines do not agree on. -#}
{% macro duckdb__normalised(text, steps) -%}
    {{ return('gatehouse_normalised(' ~ text ~ ', ' ~ text_literal(steps | join(',')) ~ ')') }}
{%- endmacro %}

{% macro duckdb__has_year_of_four_digits(timestamp) -%}
    {{ return(timestamp ~ " between timestamp '0001-01-01' and timestamp '9999-12-31 23:59:59.999999'") }}
{%- endmacro %}

{% macro duckdb__value_as_shown(value, type) -%}
    {#- service/engines/sql.py says the same. -#}
    {% set text = 'cast(' ~ value ~ ' as varchar)' %}
    {% if type == 'timestamp with time zone' %}
        {{ return("replace(cast(timezone('UTC', " ~ value ~ ") as varchar), ' ', 'T') || 'Z'") }}
    {% elif type.startswith('timestamp') %}
        {{ return("replace(" ~ text ~ ", ' ', 'T') || 'Z'") }}
    {% elif type.startswith('decimal') %}
        {{ return("regexp_replace(" ~ text ~ ", '^(-?)\\.', '\\10.')") }}
    {% endif %}
    {{ return(text if type in ('uuid', 'time') else value) }}
{%- endmacro %}

{% macro duckdb__changes_rows() -%}
    {{ return(true) }}
{%- endmacro %}

{% macro duckdb__utc_now() -%}
    {{ return("cast(timezone('UTC', now()) as timestamp)") }}
{%- endmacro %}

{% macro duckdb__new_id() -%}
    {{ return('cast(uuid() as varchar)') }}
{%- endmacro %}

{% macro duckdb__is_same(one, other) -%}
    {{ return(one ~ ' is not distinct from ' ~ other) }}
{%- endmacro %}

{% macro duckdb__joined(separator, values) -%}
    {{ return('concat_ws(' ~ text_literal(separator) ~ ', ' ~ values | join(', ') ~ ')') }}
{%- endmacro %}

{% macro duckdb__digest(text) -%}
    {{ return('md5(' ~ text ~ ')') }}
{%- endmacro %}

{% macro duckdb__sha_256(text) -%}
    {{ return('sha256(' ~ text ~ ')') }}
{%- endmacro %}

{#- To sort them takes a third of what counting each takes. -#}
{% macro duckdb__written_twice(column, relation) -%}
    {%- set column = adapter.quote(column) -%}
    select {{ column }}
    from (select {{ column }}, lead({{ column }}) over (order by {{ column }}) as _next from {{ relation }}) as sorted
    where {{ column }} = _next
{%- endmacro %}

{% macro duckdb__query_in_steps(steps, last) -%}
    with
    {%- for name, query in steps.items() %}
    {{ name }} as (
        {{ query }}
    ){{ ',' if not loop.last }}
    {%- endfor %}
    {{ last }}
{%- endmacro %}

{% macro duckdb__struct(members) -%}
    {% set pairs = [] %}
    {% for name, value in members.items() %}{% do pairs.append("'" ~ name ~ "': " ~ value) %}{% endfor %}
    {{ return('{' ~ pairs | join(', ') ~ '}') }}
{%- endmacro %}

{% macro duckdb__list_of(item) -%}
    {{ return('coalesce(list(' ~ item ~ '), [])') }}
{%- endmacro %}

{% macro duckdb__json_value(text) -%}
    {{ return('cast(' ~ text ~ ' as json)') }}
{%- endmacro %}

{% macro duckdb__json_text(value) -%}
    {{ return('cast(to_json(' ~ value ~ ') as varchar)') }}
{%- endmacro %}

{% macro duckdb__json_member(json, member) -%}
    {{ return('json_extract_string(' ~ json ~ ", '$." ~ member ~ "')") }}
{%- endmacro %}

{% macro duckdb__row_as_json(columns, rest) -%}
    {% set pairs = [] %}
    {% for name in columns %}{% do pairs.append(adapter.quote(name) ~ ' := ' ~ adapter.quote(name)) %}{% endfor %}
    cast(case
        when {{ rest }} is null then to_json(struct_pack({{ pairs | join(', ') }}))
        else to_json(struct_pack({{ pairs | join(', ') }}, {{ rest }} := {{ rest }}))
    end as varchar)
{%- endmacro %}

{% macro duckdb__unnested(values) -%}
    unnest(list_filter([
        {{ values | join(',\n        ') }}
    ], lambda x: x is not null))
{%- endmacro %}

{% macro duckdb__each_violation(violations) -%}
    unnest(list_transform(
        from_json({{ violations }}, '[{"column": "varchar", "rule": "varchar"}]'),
        lambda x: {'column_name': x.column, 'rule': x.rule}
    ))
{%- endmacro %}

{% macro duckdb__violations_as_json(violation) -%}
    {#- Sorted by their first field, place: six times as fast as an aggregate with an order. -#}
    cast(to_json(list_transform(
        list_sort(list({{ violation }})),
        lambda x: {'column': x.column, 'rule': x.rule, 'message': x.message, 'value': x.value}
    )) as varchar)
{%- endmacro %}

{% macro duckdb__statements(body) -%}
    {{ return(body) }}
{%- endmacro %}

{% macro duckdb__run_statements(body) -%}
    {% call statement('statements', auto_begin=false) %}{{ body }}{% endcall %}
{%- endmacro %}

{% macro duckdb__make_schemas(names) -%}
    {% set made = [] %}
    {% for name in names %}{% do made.append('create schema if not exists ' ~ name) %}{% endfor %}
    {{ return(made | join(';\n')) }}
{%- endmacro %}

{% macro duckdb__make_table(table, columns, key) -%}
    {% set parts = [] %}
    {% for name, type in columns.items() %}{% do parts.append(name ~ ' ' ~ type) %}{% endfor %}
    {% if key %}{% do parts.append('primary key (' ~ key | join(', ') ~ ')') %}{% endif %}
    {{ return('create table if not exists ' ~ table ~ ' (' ~ parts | join(', ') ~ ')') }}
{%- endmacro %}

{% macro duckdb__replace_table(table, query) -%}
    {{ return('create or replace table ' ~ table ~ ' as ' ~ query) }}
{%- endmacro %}

{#- DuckDB tries all its ways to pack each column, which takes longer than to read the file; told to use zstd,
    it tries no other, and leaves short texts as they are. -#}
{% macro duckdb__make_text_table(table, numbers, columns, anew) -%}
    {% set parts = [] %}
    {% for name in numbers %}{% do parts.append(name ~ ' bigint') %}{% endfor %}
    {% for name in columns %}{% do parts.append(adapter.quote(name) ~ ' varchar using compression zstd') %}{% endfor %}
    {% set create = 'create or replace table ' if anew else 'create table if not exists ' %}
    {{ return(create ~ table ~ ' (' ~ parts | join(', ') ~ ')') }}
{%- endmacro %}

{% macro duckdb__work_table(name) -%}
    {{ return(adapter.quote(name)) }}
{%- endmacro %}

{% macro duckdb__replace_work_table(table, query) -%}
    {{ return('create or replace temporary table ' ~ table ~ ' as ' ~ query) }}
{%- endmacro %}

{% macro duckdb__add_columns(table, columns) -%}
    {%- for name, type in columns.items() %}
    alter table {{ table }} add column if not exists {{ adapter.quote(name) }} {{ type }};
    {%- endfor %}
{%- endmacro %}

{#- A default that is there already is left alone: to set it again would fail those who are just inserting. It is set
    last, so that what a killed build has left is done again. Numbers of before lie below 0, by the time. -#}
{% macro duckdb__number_rows(table, moment) -%}
    {% set numbered = "select 1 from duckdb_columns() where column_name = 'number' and column_default is not null"
        ~ " and database_name = current_database() and schema_name || '.' || table_name = '" ~ table ~ "'" %}
    {%- if not run_query(numbered).rows %}
    create sequence if not exists ops.numbers;
    alter table {{ table }} add column if not exists number bigint;
    update {{ table }} set number = epoch_us({{ moment }}) - 4000000000000000000 where number is null;
    alter table {{ table }} alter column number set default nextval('ops.numbers');
    {%- endif %}
{%- endmacro %}

{% macro duckdb__add_primary_key(table, columns) -%}
    {% set key = "select 1 from duckdb_constraints() where constraint_type = 'PRIMARY KEY'"
        ~ " and schema_name = '" ~ table.schema ~ "' and table_name = '" ~ table.identifier ~ "'" %}
    {{ return('' if run_query(key).rows else 'alter table ' ~ table ~ ' add primary key (' ~ listed(columns) ~ ');') }}
{%- endmacro %}

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

{% macro duckdb__upsert(table, key, row, source) -%}
    insert or replace into {{ table }} ({{ row | join(', ') }})
    select {{ row.values() | join(', ') }}
    {{ source }}
{%- endmacro %}

{% macro duckdb__insert_or_change(table, key, columns, query, changes, only_where) -%}
    {% set changed, holds = [], [] %}
    {% for name, value in changes.items() %}{% do changed.append(name ~ ' = ' ~ value) %}{% endfor %}
    {% for name, value in only_where.items() %}{% do holds.append(table ~ '.' ~ name ~ ' = ' ~ value) %}{% endfor %}
    insert into {{ table }} ({{ columns | join(', ') }})
    {{ query }}
    on conflict ({{ key }}) do update set {{ changed | join(', ') }}
    where {{ holds | join(' and ') }}
{%- endmacro %}

{% macro duckdb__update_from(table, changes, source, condition) -%}
    {% set changed = [] %}
    {% for name, value in changes.items() %}{% do changed.append(name ~ ' = ' ~ value) %}{% endfor %}
    update {{ table }} set
        {{ changed | join(',\n        ') }}
    from {{ source }}
    where {{ condition }}
{%- endmacro %}

{% macro duckdb__rows_of_others(table, load) -%}
    {{ return(table) }}
{%- endmacro %}

{#- The service writes them itself. -#}
{% macro duckdb__take_in_books() -%}{%- endmacro %}

{% macro duckdb__names_of_tables() -%}
    {% set tables = run_query("select table_schema || '.' || table_name from information_schema.tables") %}
    {{ return(tables.columns[0].values()) }}
{%- endmacro %}

{% macro duckdb__columns_of_table(schema, name) -%}
    {% set table = "schema_name = '" ~ schema ~ "' and table_name = '" ~ name ~ "'" %}
    {{ return(run_query(
        "select column_name, data_type, column_name in (select unnest(constraint_column_names)"
        ~ " from duckdb_constraints() where constraint_type = 'PRIMARY KEY' and " ~ table ~ ")"
        ~ " from duckdb_columns() where " ~ table
    ).rows) }}
{%- endmacro %}

{#- A large file is told by its size and time of change, which DuckDB knows to the second. -#}
{% macro duckdb__file_state(path) -%}
    {% set quoted = text_literal(path) %}
    {% if run_query('select count(*) from glob(' ~ quoted ~ ')').rows[0][0] == 0 %}
        {{ return(none) }}
    {% endif %}
    {{ return(run_query(
        "select case when size < 64000000 then md5(content) else size || ' ' || last_modified end from read_blob(" ~ quoted ~ ')'
    ).rows[0][0]) }}
{%- endmacro %}

{#- Python knows it (service/dictionary/file_options.py), as for land_file. -#}
{% macro duckdb__problem_of_files(options, synonyms) -%}
    {% set asked = {'options': options, 'synonyms': synonyms} %}
    {% do adapter.store_relation('gatehouse', this or 'yaml', [], '', 'yaml', asked) %}
    {{ return(asked.problem) }}
{%- endmacro %}

{#- As that: service/dbt/history_files.py. DuckDB's glob() sees neither a folder that is not there nor a broken link. -#}
{% macro duckdb__files_of_history(folder, table, tables) -%}
    {% set asked = {'folder': folder, 'table': table, 'tables': tables} %}
    {% do adapter.store_relation('gatehouse', this or 'history', [], folder, 'folder', asked) %}
    {{ return(asked) }}
{%- endmacro %}

{% macro duckdb__takes_files() -%}
    {{ return(true) }}
{%- endmacro %}

{#- As that: service/dbt/run_context.py. -#}
{% macro duckdb__is_open(load_id) -%}
    {% set asked = {'load_id': load_id} %}
    {% do adapter.store_relation('gatehouse', this or 'open', [], '', 'open', asked) %}
    {{ return(asked.is_open) }}
{%- endmacro %}

{#- By the project's plugin of dbt-duckdb, which profiles.yml names. -#}
{% macro duckdb__land_file(load) -%}
    {% do adapter.store_relation('gatehouse', this, [], load.path, 'csv', load) %}
{%- endmacro %}

{#- As that: service/outbox/build_changes.py, on the connection of the model. -#}
{% macro duckdb__record_change(load) -%}
    {% do adapter.store_relation('gatehouse', this, [], '', 'change', load) %}
{%- endmacro %}

{#- As that: service/evolution/evolving.py, on the connection that files are landed by. -#}
{% macro duckdb__altering_changes(content) -%}
    {% set asked = {'content': content} %}
    {% do adapter.store_relation('gatehouse', this or 'dictionary', [], '', 'altering', asked) %}
    {{ return(asked.changes) }}
{%- endmacro %}

{% macro duckdb__altered(asked) -%}
    {% do adapter.store_relation('gatehouse', this or 'dictionary', [], '', 'alter', asked) %}
    {{ return(asked.problem) }}
{%- endmacro %}

{% macro duckdb__show_dictionary(content) -%}
    {% do adapter.store_relation('gatehouse', this or 'dictionary', [], '', 'dictionary', {'content': content}) %}
{%- endmacro %}

{% macro duckdb__rename_table(table, name) -%}
    {{ return('alter table ' ~ table ~ ' rename to ' ~ adapter.quote(name)) }}
{%- endmacro %}

{% macro duckdb__rename_column(table, was, name) -%}
    {{ return('alter table ' ~ table ~ ' rename column ' ~ adapter.quote(was) ~ ' to ' ~ adapter.quote(name)) }}
{%- endmacro %}

{#- What has a key of another type is copied: DuckDB alters no column of a primary key, and none of what it has altered
    in the same transaction can it update. The rest is altered; of names that is no work. -#}
{% macro duckdb__alter_columns(table, was, changes) -%}
    {% set core, there = 'core.' ~ adapter.quote(table.name), columns_of_table('core', was) | map(attribute=0) | list %}
    {% set keys, statements = key_columns(table), [] %}
    {% set retyped = {} %}
    {% for change in changes if change.kind in ('column widened', 'column narrowed', 'column retyped') %}
        {% do retyped.update({change.column: duckdb_cast(adapter.quote(change.column), change.becomes, change.was)}) %}
    {% endfor %}
    {% for change in changes if change.kind == 'column dropped' %}
        {% do statements.append('alter table ' ~ core ~ ' drop column ' ~ adapter.quote(change.column)) %}
    {% endfor %}
    {% for change in changes if change.kind == 'column renamed' %}
        {% do statements.append(rename_column(core, change.was, change.column)) %}
    {% endfor %}
    {% if keys | select('in', retyped) | list %}
        {% set values = [] %}
        {% for name, value in retyped.items() %}{% do values.append(value ~ ' as ' ~ adapter.quote(name)) %}{% endfor %}
        {% do statements.append('create or replace table ' ~ core ~ ' as select * replace (' ~ values | join(', ') ~ ') from ' ~ core) %}
        {% set quoted = [] %}
        {% for key in keys %}{% do quoted.append(adapter.quote(key)) %}{% endfor %}
        {% do statements.append('alter table ' ~ core ~ ' add primary key (' ~ quoted | join(', ') ~ ')') %}
    {% else %}
        {% for change in changes if change.column in retyped %}
            {% do statements.append(
                'alter table ' ~ core ~ ' alter column ' ~ adapter.quote(change.column) ~ ' type ' ~ change.becomes
                ~ ' using ' ~ retyped[change.column]
            ) %}
        {% endfor %}
    {% endif %}
    {% for change in changes if change.kind == 'column added' and change.column not in there %}
        {% set column = adapter.quote(change.column) %}
        {% set default = 'null' if change.default is none else text_literal(change.default) %}
        {% do statements.append(
            'alter table ' ~ core ~ ' add column ' ~ column ~ ' ' ~ change.becomes
            ~ ' default cast(' ~ default ~ ' as ' ~ change.becomes ~ ')'
        ) %}
        {% do statements.append('alter table ' ~ core ~ ' alter column ' ~ column ~ ' drop default') %}
    {% endfor %}
    {{ return(statements) }}
{%- endmacro %}

{#- service/evolution/rows_to_come.py says the same, of what may not be one. -#}
{% macro duckdb_cast(value, type, was) -%}
    {% if type != was and type.startswith('timestamp') and was.startswith('timestamp') %}
        {{ return("timezone('UTC', " ~ value ~ ')') }}
    {% endif %}
    {{ return('cast(' ~ value ~ ' as ' ~ type ~ ')') }}
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
