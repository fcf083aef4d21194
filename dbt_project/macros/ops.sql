{#- The warehouse's own books. The service writes them too; they are made here, once. -#}
{% macro create_ops_tables() -%}
{% if execute %}
create schema if not exists raw;
create schema if not exists core;
create schema if not exists ops;

-- One row per load and table: a request may bring rows of several tables under one load_id.
create table if not exists ops.loads (
    load_id varchar not null,
    table_name varchar not null,
    kind varchar not null,
    source varchar,
    status varchar not null,
    received bigint not null,
    accepted bigint not null,
    rejected bigint not null,
    already_present bigint not null,
    started_at timestamp not null,
    finished_at timestamp,
    actor varchar,
    detail varchar,
    primary key (load_id, table_name)
);

-- One row per row that was kept out. payload is what was sent, untouched; violations is JSON.
create table if not exists ops.rejections (
    rejection_id varchar primary key,
    load_id varchar not null,
    table_name varchar not null,
    source varchar,
    position bigint not null,
    payload varchar not null,
    violations varchar not null,
    rejected_at timestamp not null,
    status varchar not null,
    raw varchar -- of a line of a file: as it stood there
);
alter table ops.rejections add column if not exists raw varchar;
-- Whether the payload's values are text, to be read as their columns' types; NULL: if it came by a file.
alter table ops.rejections add column if not exists is_text boolean;
-- How it came to be accepted or dismissed: by whom, and the load that the row went in by, or the reason.
alter table ops.rejections add column if not exists resolved_at timestamp;
alter table ops.rejections add column if not exists resolved_by varchar;
alter table ops.rejections add column if not exists resolution varchar;

-- One row per rejected row and load of kind replay in which it was tried again.
create table if not exists ops.replays (
    load_id varchar not null,
    rejection_id varchar not null,
    table_name varchar not null,
    outcome varchar not null, -- accepted, rejected or already_present
    payload varchar, -- the corrected row, in JSON; NULL where the same row was tried again
    violations varchar, -- NULL where there are none, or the same as before
    replayed_at timestamp not null,
    actor varchar
);

-- One row per file that the service is asked to load, until it has. `behind` is the last line that was
-- judged; of a trial, which changes nothing else, `result` says what it found.
create table if not exists ops.files (
    load_id varchar primary key,
    table_name varchar not null,
    path varchar not null,
    source varchar not null,
    shape varchar not null,
    behind bigint not null,
    is_trial boolean not null,
    is_current boolean not null,
    actor varchar,
    asked_at timestamp not null,
    result varchar
);

-- One row per table: the load whose lines are in raw.<table>.
create table if not exists ops.landed (
    table_name varchar primary key,
    load_id varchar not null
);

-- One row per table: its history file and rules when they were last judged, and the sizes of the
-- tables that one of its lines waits for ('' when none does). A restore deletes the row.
create table if not exists ops.history (
    table_name varchar primary key,
    state varchar not null,
    parents varchar not null,
    load_id varchar not null
);

-- One row per Idempotency-Key: the answer that a repeated request gets again.
create table if not exists ops.idempotency_keys (
    key varchar primary key,
    request varchar not null,
    status integer not null,
    headers varchar not null,
    body blob not null,
    created_at timestamp not null
);

-- What was done besides loading rows, by whom: only ever added to.
create table if not exists ops.trail (
    entry_id varchar primary key,
    happened_at timestamp not null,
    actor varchar, -- the name of the key; NULL where none is configured
    action varchar not null, -- what was done: backup.delete, rejection.dismiss, key.create …
    subject varchar, -- to what: an id or a name
    detail varchar
);

-- One row: the dictionary that this warehouse was last built by.
create table if not exists ops.dictionary (
    only_row boolean primary key check (only_row),
    content varchar not null,
    saved_at timestamp not null
);
{% endif %}
{%- endmacro %}

{#- The part of dbt's graph that the service derives everything from, kept in the warehouse itself. Only
    of what is built: a dictionary must not run ahead of its tables. -#}
{% macro save_dictionary() -%}
{% if execute and flags.WHICH in ('build', 'run') and not core_has_errors() and whole_core() %}
    {% set built = run_query("select table_schema || '.' || table_name from information_schema.tables").columns[0].values() %}
    {% set nodes = {} %}
    {% for node in graph.nodes.values() if node.package_name == project_name %}
        {% if node.resource_type == 'model' and node.schema in ('core', 'marts') and node.schema ~ '.' ~ node.name in built %}
            {% do nodes.update({node.unique_id: {
                'resource_type': 'model', 'name': node.name, 'schema': node.schema, 'description': node.description,
                'columns': node.columns, 'config': {'meta': node.config.meta}
            }}) %}
        {% elif node.resource_type == 'test' and node.attached_node %}
            {% do nodes.update({node.unique_id: {
                'resource_type': 'test', 'attached_node': node.attached_node, 'column_name': node.column_name,
                'test_metadata': node.test_metadata,
                'config': {'where': node.config.where, 'severity': node.config.severity}
            }}) %}
        {% endif %}
    {% endfor %}
    insert or replace into ops.dictionary
    values (true, '{{ tojson({'nodes': nodes}) | replace("'", "''") }}', {{ utc_now() }});
{% endif %}
{%- endmacro %}

{#- Not so when the service loads a file into one table. -#}
{% macro whole_core() -%}
    {% for node in graph.nodes.values() if in_core(node) and node.unique_id not in selected_resources %}
        {{ return(false) }}
    {% endfor %}
    {{ return(true) }}
{%- endmacro %}

{% macro core_has_errors() -%}
    {% for result in results if result.node.resource_type == 'model' and result.node.schema == 'core' %}
        {% if result.status | string not in ('success', 'no-op') %}{{ return(true) }}{% endif %}
    {% endfor %}
    {{ return(false) }}
{%- endmacro %}

{% macro utc_now() -%}
    cast(timezone('UTC', now()) as timestamp)
{%- endmacro %}
