{#- The warehouse's own books. The service writes them too; they are made here, once. -#}
{% macro create_ops_tables() -%}
{% if execute %}
    {% set body %}
{{ make_schemas(['raw', 'core', 'ops']) }};

-- One row per load and table: a request may bring rows of several tables under one load_id.
{{ make_table('ops.loads', {
    'load_id': 'varchar not null',
    'table_name': 'varchar not null',
    'kind': 'varchar not null',
    'source': 'varchar',
    'status': 'varchar not null',
    'received': 'bigint not null',
    'accepted': 'bigint not null',
    'rejected': 'bigint not null',
    'already_present': 'bigint not null',
    'started_at': 'timestamp not null',
    'finished_at': 'timestamp',
    'actor': 'varchar',
    'detail': 'varchar',
}, key=['load_id', 'table_name']) }};
-- Of a file or history, how many lines it has, counted by themselves, and how many of them were what; NULL where the
-- rows came by no file, or before lines were counted.
{{ add_columns('ops.loads', {
    'lines': 'bigint',
    'header_lines': 'bigint',
    'blank_lines': 'bigint',
    'skipped_lines': 'bigint',
    'record_lines': 'bigint',
}) }}
-- Of the rows that went in, how many values are defaults, and how many were normalised to something else.
{{ add_columns('ops.loads', {'defaulted': 'bigint', 'normalised': 'bigint'}) }}
-- changed and removed: rows of the table that the load has changed, or removed; NULL is none.
{{ add_columns('ops.loads', {'changed': 'bigint', 'removed': 'bigint'}) }}
-- on_conflict: what was said of rows whose primary key is there (error, ignore, merge); NULL: what the door does.
{{ add_columns('ops.loads', {'on_conflict': 'varchar'}) }}
-- number, here and below: what came later has a higher one, in any of the tables. Times are no order: clocks go back.
{{ number_rows('ops.loads', 'started_at') }}

-- One row per row that was kept out. payload is what was sent, untouched; violations is JSON.
{{ make_table('ops.rejections', {
    'rejection_id': 'varchar not null',
    'load_id': 'varchar not null',
    'table_name': 'varchar not null',
    'source': 'varchar',
    'position': 'bigint not null',
    'payload': 'varchar not null',
    'violations': 'varchar not null',
    'rejected_at': 'timestamp not null',
    'status': 'varchar not null',
    'raw': 'varchar',
}, key=['rejection_id']) }};
-- raw, of a line of a file: as it stood there. is_text: whether the payload's values are text, to be read as
-- their columns' types; NULL: if it came by a file. The others: how it came to be accepted or dismissed, by whom,
-- and the load that the row went in by, or the reason.
{{ add_columns('ops.rejections', {
    'raw': 'varchar',
    'is_text': 'boolean',
    'resolved_at': 'timestamp',
    'resolved_by': 'varchar',
    'resolution': 'varchar',
}) }}
{{ number_rows('ops.rejections', 'rejected_at') }}

-- One row per rejected row and load of kind replay in which it was tried again. outcome is accepted, rejected or
-- already_present; payload the corrected row, in JSON, NULL where the same row was tried again; violations NULL
-- where there are none, or the same as before.
{{ make_table('ops.replays', {
    'load_id': 'varchar not null',
    'rejection_id': 'varchar not null',
    'table_name': 'varchar not null',
    'outcome': 'varchar not null',
    'payload': 'varchar',
    'violations': 'varchar',
    'replayed_at': 'timestamp not null',
    'actor': 'varchar',
}) }};
{{ number_rows('ops.replays', 'replayed_at') }}

-- One row per row that went in although it breaks rules of severity warn, and load that it went in by. row_key is its
-- primary key as text; position as that of a rejection; warnings JSON as violations.
{{ make_table('ops.warnings', {
    'load_id': 'varchar not null',
    'table_name': 'varchar not null',
    'source': 'varchar',
    'position': 'bigint not null',
    'row_key': 'varchar not null',
    'warnings': 'varchar not null',
    'warned_at': 'timestamp not null',
}) }};
{{ number_rows('ops.warnings', 'warned_at') }}

-- One row per row of a table of record that was changed or removed, or put in by a restore or one by one, until it is
-- old enough. operation is insert, update or delete; before and after are the whole row as a JSON object, NULL where
-- there was, or is, none. row_key is the primary key, as text. Only where a gate changes rows: Spark has a table of its
-- own by that name, of what it has taken over.
{% if takes_files() %}
{{ make_table('ops.changes', {
    'load_id': 'varchar not null',
    'table_name': 'varchar not null',
    'row_key': 'varchar not null',
    'operation': 'varchar not null',
    'before': 'varchar',
    'after': 'varchar',
    'changed_at': 'timestamp not null',
    'actor': 'varchar',
}) }};
{{ number_rows('ops.changes', 'changed_at') }}

-- One row per row that was erased: what it was is kept nowhere, and its key as a hash with the secret, so that it is known
-- when it comes again. service/ops/erased_rows.py hashes.
{{ make_table('ops.erased', {
    'table_name': 'varchar not null',
    'key_hash': 'varchar not null',
    'erased_at': 'timestamp not null',
    'reason': 'varchar',
    'actor': 'varchar',
    'load_id': 'varchar not null',
}, key=['table_name', 'key_hash']) }};
{{ make_table('ops.erasure_secret', {
    'only_row': 'boolean not null check (only_row)',
    'secret': 'varchar not null',
}, key=['only_row']) }};
insert into ops.erasure_secret (only_row, secret)
select true, {{ new_id() }} || {{ new_id() }} where not exists (select 1 from ops.erasure_secret);
{% endif %}

-- One row per file that the service is asked to load, until it has. `behind` is the last line that was
-- judged; of a trial, which changes nothing else, `result` says what it found.
{{ make_table('ops.files', {
    'load_id': 'varchar not null',
    'table_name': 'varchar not null',
    'path': 'varchar not null',
    'source': 'varchar not null',
    'shape': 'varchar not null',
    'behind': 'bigint not null',
    'is_trial': 'boolean not null',
    'is_current': 'boolean not null',
    'actor': 'varchar',
    'asked_at': 'timestamp not null',
    'result': 'varchar',
}, key=['load_id']) }};
-- on_conflict: error, ignore or merge, what becomes of a row whose primary key is there; NULL is ignore.
{{ add_columns('ops.files', {'on_conflict': 'varchar'}) }}
{{ number_rows('ops.files', 'asked_at') }}

-- One row per table in raw with lines of a file: the load that they are of. `state` is that of the history file and of
-- the rules by which it was read, `columns` the names of those that the file has (a JSON list). The lines behind line
-- `behind` up to `last_line` were landed last, and are counted; `lines` are those of the whole file.
{{ make_table('ops.landed', {'table_name': 'varchar not null', 'load_id': 'varchar not null'}, key=['table_name']) }};
{{ add_columns('ops.landed', {
    'kind': 'varchar',
    'source': 'varchar',
    'state': 'varchar',
    'actor': 'varchar',
    'delimiter': 'varchar',
    'columns': 'varchar',
    'behind': 'bigint',
    'last_line': 'bigint',
    'lines': 'bigint',
    'header_lines': 'bigint',
    'blank_lines': 'bigint',
    'skipped_lines': 'bigint',
    'record_lines': 'bigint',
    'landed_at': 'timestamp',
}) }}

-- One row per table: its history file and rules when they were last judged, and the sizes of the
-- tables that one of its lines waits for ('' when none does). A restore deletes the row.
{{ make_table('ops.history', {
    'table_name': 'varchar not null',
    'state': 'varchar not null',
    'parents': 'varchar not null',
    'load_id': 'varchar not null',
}, key=['table_name']) }};

{% if takes_files() %}
-- One row per table with a generated key: the last id that it has given. It never becomes smaller.
{{ make_table('ops.sequences', {'table_name': 'varchar not null', 'last_id': 'bigint not null'}) }};

-- One row per line of a history that was given an id, by a hash of what it says with the secret; of several lines that say
-- the same, the first is `nth` 1. One per part of a file that was sent: its lines have the ids from `first_id` on.
{{ make_table('ops.line_ids', {
    'table_name': 'varchar not null',
    'line_hash': 'varchar not null',
    'nth': 'bigint not null',
    'id': 'bigint not null',
}) }};
{{ make_table('ops.file_ids', {
    'table_name': 'varchar not null',
    'digest': 'varchar not null',
    'behind': 'bigint not null',
    'last_line': 'bigint not null',
    'first_id': 'bigint not null',
    'load_id': 'varchar not null',
}) }};
-- digest: of the bytes of a file whose table has a generated key; NULL of others.
{{ add_columns('ops.files', {'digest': 'varchar'}) }}
{% endif %}

-- One row per Idempotency-Key: the answer that a repeated request gets again.
{{ make_table('ops.idempotency_keys', {
    'key': 'varchar not null',
    'request': 'varchar not null',
    'status': 'integer not null',
    'headers': 'varchar not null',
    'body': 'blob not null',
    'created_at': 'timestamp not null',
}, key=['key']) }};

-- What was done besides loading rows, by whom: only ever added to. actor is the name of the key, NULL where none is
-- configured; action what was done (backup.delete, rejection.dismiss, key.create …), subject to what: an id or a name.
{{ make_table('ops.trail', {
    'entry_id': 'varchar not null',
    'happened_at': 'timestamp not null',
    'actor': 'varchar',
    'action': 'varchar not null',
    'subject': 'varchar',
    'detail': 'varchar',
}, key=['entry_id']) }};
-- is_intent: whether it was written before it was done; then ops.outcomes says what came of it.
{{ add_columns('ops.trail', {'is_intent': 'boolean'}) }}
{{ number_rows('ops.trail', 'happened_at') }}

-- One row per intent of the trail, when it has ended. outcome is done, failed or interrupted.
{{ make_table('ops.outcomes', {
    'entry_id': 'varchar not null',
    'outcome': 'varchar not null',
    'detail': 'varchar',
    'ended_at': 'timestamp not null',
}, key=['entry_id']) }};

-- One row, whose only_row is true: the dictionary that this warehouse was last built by.
{{ make_table('ops.dictionary', {
    'only_row': 'boolean not null check (only_row)',
    'content': 'varchar not null',
    'saved_at': 'timestamp not null',
}, key=['only_row']) }};

-- One row per change that a build has made to the form of a table of record. kind, was and becomes are those of
-- service/dictionary/dictionary_change.py; lost is how many values, or rows, were given up for it.
{% if takes_files() %}
{{ make_table('ops.alterations', {
    'altered_at': 'timestamp not null',
    'kind': 'varchar not null',
    'table_name': 'varchar not null',
    'column_name': 'varchar',
    'was': 'varchar',
    'becomes': 'varchar',
    'lost': 'bigint not null',
}) }};
{% endif %}

-- One row, whose only_row is true: by what id the folder of the backups knows this warehouse.
{{ make_table('ops.warehouse', {
    'only_row': 'boolean not null check (only_row)',
    'warehouse_id': 'varchar not null',
}, key=['only_row']) }};
insert into ops.warehouse (only_row, warehouse_id)
select true, {{ new_id() }} where not exists (select 1 from ops.warehouse);
    {% endset %}
    {{ return(body) }}
{% endif %}
{%- endmacro %}
