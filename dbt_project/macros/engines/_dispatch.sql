{#-
    All that an engine must bring. Each macro here is brought by engines/<engine>.sql under the prefix of its
    dbt adapter (duckdb__upsert). There is no default__: an engine that lacks one of them does not compile.

    An argument is SQL, as text: an expression, a query, the name of a table as it is to be written. Where one
    is a plain value, a name or a mapping, it is said so. What is answered is SQL too, if nothing else is said;
    a statement comes without a semicolon at its end, `add_columns`, `number_rows` and `add_primary_key` with one, or as nothing.
    `types` are those of the dictionary, as type_said() names them, and blob.

    Of dbt's own macros, an engine may bring get_table_columns_and_constraints too: the columns of a new table of
    record, whose primary key add_primary_key() adds; and get_create_view_as_sql.
-#}


{#- ---- Values ---- -#}

{#- A text, given as it is, as a literal. -#}
{% macro text_literal(text) -%}{{ return(adapter.dispatch('text_literal')(text)) }}{%- endmacro %}

{#- The NULL of type varchar. -#}
{% macro no_text() -%}{{ return(adapter.dispatch('no_text')()) }}{%- endmacro %}

{#- What the engine calls a type (one of the types, by its name). -#}
{% macro type_name(type) -%}{{ return(adapter.dispatch('type_name')(type)) }}{%- endmacro %}

{#- Any value as varchar; numbers as they would be written in a file. -#}
{% macro as_varchar(value) -%}{{ return(adapter.dispatch('as_varchar')(value)) }}{%- endmacro %}

{#- A decimal as varchar with all its digits, and one at least before the point. -#}
{% macro decimal_text(value) -%}{{ return(adapter.dispatch('decimal_text')(value)) }}{%- endmacro %}

{#- A value of a type that a text says, as a literal. -#}
{% macro typed_literal(text, type) -%}{{ return(adapter.dispatch('typed_literal')(text, type)) }}{%- endmacro %}

{#- A text as a type; NULL, and no error, where it cannot be. -#}
{% macro cast_or_null(text, type) -%}{{ return(adapter.dispatch('cast_or_null')(text, type)) }}{%- endmacro %}

{#- Whether the whole of a text, and no line of it, has a form: a regular expression of RE2, as it is. -#}
{% macro full_match(text, form) -%}{{ return(adapter.dispatch('full_match')(text, form)) }}{%- endmacro %}

{#- A predicate over one row as YAML says it, in DuckDB's SQL, in the engine's: its texts and quoted names. -#}
{% macro in_dialect(predicate) -%}{{ return(adapter.dispatch('in_dialect')(predicate)) }}{%- endmacro %}

{#- Why the engine does not judge by a rule as DuckDB does, in words; none where it does. -#}
{% macro problem_of_rule(rule) -%}{{ return(adapter.dispatch('problem_of_rule')(rule)) }}{%- endmacro %}

{#- Whether a predicate over one row is not true of it, and not NULL. Never NULL. -#}
{% macro fails(predicate) -%}{{ return(adapter.dispatch('fails')(predicate)) }}{%- endmacro %}

{#- Whether a condition that says of which rows a rule is asked is true of a row. Never NULL. -#}
{% macro applies(condition) -%}{{ return(adapter.dispatch('applies')(condition)) }}{%- endmacro %}

{#- Which of some predicates, each over one row, cannot be evaluated for some row of a relation (or of a query in
    parentheses). An engine that cannot find out answers none: there the build ends. -#}
{% macro predicates_that_fail(predicates, rows) -%}
    {{ return(adapter.dispatch('predicates_that_fail')(predicates, rows)) }}
{%- endmacro %}

{#- A predicate that cannot be evaluated for some rows: NULL of those, `if_null` of rows of which it is NULL. `types` are
    those of the columns that it looks at, by name. -#}
{% macro evaluated(predicate, types, if_null) -%}
    {{ return(adapter.dispatch('evaluated')(predicate, types, if_null)) }}
{%- endmacro %}

{#- What a predicate looks at: {columns, problem}. `columns` are names of those given (names mapped to types); `problem`
    says in words why it is no predicate over one row, or none. `place` is where it stands, in words. -#}
{% macro look_at_predicate(predicate, columns, place) -%}
    {{ return(adapter.dispatch('look_at_predicate')(predicate, columns, place)) }}
{%- endmacro %}

{#- Whether a text has the character NUL; never where the engine keeps no such text. -#}
{% macro has_nul(text) -%}{{ return(adapter.dispatch('has_nul')(text)) }}{%- endmacro %}

{#- What stands before the first point of a text; all of it where there is none. -#}
{% macro before_point(text) -%}{{ return(adapter.dispatch('before_point')(text)) }}{%- endmacro %}

{#- Whether a double is neither infinite nor NaN. -#}
{% macro is_finite(number) -%}{{ return(adapter.dispatch('is_finite')(number)) }}{%- endmacro %}

{#- A text with or without an offset as a timestamp in UTC, NULL where its year has not four digits then.
    It must never be cast to a plain timestamp: the offset would be dropped. -#}
{% macro utc_timestamp(text) -%}{{ return(adapter.dispatch('utc_timestamp')(text)) }}{%- endmacro %}

{#- A timestamp in UTC as a `timestamp with time zone`. -#}
{% macro moment_in_utc(timestamp) -%}{{ return(adapter.dispatch('moment_in_utc')(timestamp)) }}{%- endmacro %}

{#- The other way: a `timestamp with time zone` as a timestamp in UTC. -#}
{% macro wall_clock_in_utc(moment) -%}{{ return(adapter.dispatch('wall_clock_in_utc')(moment)) }}{%- endmacro %}

{#- A timestamp in UTC as rows show it, 2021-07-27T16:02:08.5Z, as varchar. -#}
{% macro shown_moment(timestamp) -%}{{ return(adapter.dispatch('shown_moment')(timestamp)) }}{%- endmacro %}

{#- Names of columns that raw has beside those of a table, given by its node: what Python has made of their texts, normalised
    or as documents, where the engine cannot ask it to. A list. -#}
{% macro names_kept_apart(table) -%}{{ return(adapter.dispatch('names_kept_apart')(table)) }}{%- endmacro %}

{#- A text as a JSON document in its canonical form, of type json; NULL where it is none. -#}
{% macro json_document(text) -%}{{ return(adapter.dispatch('json_document')(text)) }}{%- endmacro %}

{#- What a text of a column of raw, given by its node in a table, becomes before it is read, where the YAML asks for it:
    meta.normalise and meta.default. `alias` ends with a dot, or is none. -#}
{% macro as_kept(column, alias='') -%}{{ return(adapter.dispatch('as_kept')(column, alias)) }}{%- endmacro %}

{#- Whether a timestamp is in the years 0001 to 9999. -#}
{% macro has_year_of_four_digits(timestamp) -%}
    {{ return(adapter.dispatch('has_year_of_four_digits')(timestamp)) }}
{%- endmacro %}

{#- A value of a type as answers show it: a timestamp as a text like 2021-07-27T16:02:08Z, another as it is. -#}
{% macro value_as_shown(value, type) -%}{{ return(adapter.dispatch('value_as_shown')(value, type)) }}{%- endmacro %}

{#- This moment, as a timestamp in UTC. -#}
{% macro utc_now() -%}{{ return(adapter.dispatch('utc_now')()) }}{%- endmacro %}

{#- A random UUID, as varchar. -#}
{% macro new_id() -%}{{ return(adapter.dispatch('new_id')()) }}{%- endmacro %}

{#- Whether two values are equal, or both NULL. -#}
{% macro is_same(one, other) -%}{{ return(adapter.dispatch('is_same')(one, other)) }}{%- endmacro %}

{#- The values of a list with a separator between; a value that is NULL is left out. -#}
{% macro joined(separator, values) -%}{{ return(adapter.dispatch('joined')(separator, values)) }}{%- endmacro %}

{#- A digest of a text, the same at any time and on any machine. -#}
{% macro digest(text) -%}{{ return(adapter.dispatch('digest')(text)) }}{%- endmacro %}

{#- The SHA-256 of a text, as 64 hexadecimal digits. -#}
{% macro sha_256(text) -%}{{ return(adapter.dispatch('sha_256')(text)) }}{%- endmacro %}

{#- A query: the values of a column, a name, that more than one row of a relation has. -#}
{% macro written_twice(column, relation) -%}{{ return(adapter.dispatch('written_twice')(column, relation)) }}{%- endmacro %}

{#- A query that others lead to: `steps` map names to queries, in their order; those behind and `last` may use them by
    name. An engine that would work a step out again for each use does it here, once. -#}
{% macro query_in_steps(steps, last) -%}{{ return(adapter.dispatch('query_in_steps')(steps, last)) }}{%- endmacro %}


{#- ---- JSON, and what becomes JSON ---- -#}

{#- A struct, which json_text() writes as an object; `members` maps each name to its value. -#}
{% macro struct(members) -%}{{ return(adapter.dispatch('struct')(members)) }}{%- endmacro %}

{#- An aggregate: the items of all rows as a list, an empty one where there is no row. -#}
{% macro list_of(item) -%}{{ return(adapter.dispatch('list_of')(item)) }}{%- endmacro %}

{#- JSON text as a value that goes into a struct or a list as what it says. -#}
{% macro json_value(text) -%}{{ return(adapter.dispatch('json_value')(text)) }}{%- endmacro %}

{#- A value as JSON, in a varchar; a member that is NULL is written. -#}
{% macro json_text(value) -%}{{ return(adapter.dispatch('json_text')(value)) }}{%- endmacro %}

{#- A member (its name, as it is) of a JSON object as varchar; NULL where it is not there. -#}
{% macro json_member(json, member) -%}{{ return(adapter.dispatch('json_member')(json, member)) }}{%- endmacro %}

{#- A row as a JSON object, in a varchar: its `columns` (names), and `rest` where that is not NULL. -#}
{% macro row_as_json(columns, rest) -%}{{ return(adapter.dispatch('row_as_json')(columns, rest)) }}{%- endmacro %}

{#- In a select list: one row per element of a list of values that is not NULL. -#}
{% macro unnested(values) -%}{{ return(adapter.dispatch('unnested')(values)) }}{%- endmacro %}

{#- In a select list: one row per violation of what violations_as_json() has written, as a struct
    {column_name, rule}. -#}
{% macro each_violation(violations) -%}{{ return(adapter.dispatch('each_violation')(violations)) }}{%- endmacro %}

{#- An aggregate of structs {place, column, rule, message, value}: all of them in the order of place, as JSON
    without it, in a varchar. -#}
{% macro violations_as_json(violation) -%}{{ return(adapter.dispatch('violations_as_json')(violation)) }}{%- endmacro %}


{#- ---- Tables, made and changed ---- -#}

{#- Statements with semicolons between, as what a hook executes. An engine that takes one at a time executes them
    here, and answers nothing. -#}
{% macro statements(body) -%}{{ return(adapter.dispatch('statements')(body)) }}{%- endmacro %}

{#- Executes statements with semicolons between, at once. Answers nothing. -#}
{% macro run_statements(body) -%}{{ return(adapter.dispatch('run_statements')(body)) }}{%- endmacro %}

{#- Makes schemas, given by name, where they are not there. -#}
{% macro make_schemas(names) -%}{{ return(adapter.dispatch('make_schemas')(names)) }}{%- endmacro %}

{#- Makes a table, if it is not there; `columns` maps each name to one of the types, with what has to hold behind
    it (`not null`, `check (…)`); `key` are the names of its primary key. What an engine cannot enforce, it leaves
    out. -#}
{% macro make_table(table, columns, key=[]) -%}
    {{ return(adapter.dispatch('make_table')(table, columns, key)) }}
{%- endmacro %}

{#- Makes a table of what a query answers, in place of the one that is there. -#}
{% macro replace_table(table, query) -%}{{ return(adapter.dispatch('replace_table')(table, query)) }}{%- endmacro %}

{#- Makes a table for a file's lines as they are written: the `numbers` are bigint, the `columns` (names) are varchar.
    With `anew` in place of the one that is there, else if there is none. -#}
{% macro make_text_table(table, numbers, columns, anew=false) -%}
    {{ return(adapter.dispatch('make_text_table')(table, numbers, columns, anew)) }}
{%- endmacro %}

{#- The name of a table that only this run of dbt sees, or needs. -#}
{% macro work_table(name) -%}{{ return(adapter.dispatch('work_table')(name)) }}{%- endmacro %}

{#- Makes it of what a query answers, in place of the one that is there. -#}
{% macro replace_work_table(table, query) -%}
    {{ return(adapter.dispatch('replace_work_table')(table, query)) }}
{%- endmacro %}

{#- Adds those of the columns, names mapped to types, that a table has not. -#}
{% macro add_columns(table, columns) -%}{{ return(adapter.dispatch('add_columns')(table, columns)) }}{%- endmacro %}

{#- Gives the rows of a table a column `number`, by which they are in the order in which they came, whatever the clock
    said: each row that is inserted gets the next one, of all tables together. Rows of before are in the order of
    `moment`, a column, and below those that are to come. Nothing where the table has it. -#}
{% macro number_rows(table, moment) -%}{{ return(adapter.dispatch('number_rows')(table, moment)) }}{%- endmacro %}

{#- Gives a table (a relation) its primary key, columns' names, in the transaction that made it; nothing where it
    has its key, or the engine knows none. -#}
{% macro add_primary_key(table, columns) -%}
    {{ return(adapter.dispatch('add_primary_key')(table, columns)) }}
{%- endmacro %}

{#- Puts rows in, each in place of the one that has the same primary key, `key` (a name, or some). `row` maps each column's name to
    its value, `source` is the rest of the query that has them: nothing, or from … where …. -#}
{% macro upsert(table, key, row, source='') -%}
    {{ return(adapter.dispatch('upsert')(table, key, row, source)) }}
{%- endmacro %}

{#- Inserts what a query answers, by `columns` (names). A row whose `key` is there is not inserted: the one that is
    there is changed instead, by `changes` (name to value), where `only_where` (name to value) holds of it. -#}
{% macro insert_or_change(table, key, columns, query, changes, only_where) -%}
    {{ return(adapter.dispatch('insert_or_change')(table, key, columns, query, changes, only_where)) }}
{%- endmacro %}

{#- Inserts what a query answers, by `columns` (names), in the order of `key` (names), but for rows whose key is there. -#}
{% macro insert_missing(table, key, columns, query) -%}
    {{ return(adapter.dispatch('insert_missing')(table, key, columns, query)) }}
{%- endmacro %}

{#- Changes the rows of a table, by `changes` (name to value), for which `source`, a table with an alias, has the
    row that `condition` says; both may name columns of it, and those of the table by the table's name. -#}
{% macro update_from(table, changes, source, condition) -%}
    {{ return(adapter.dispatch('update_from')(table, changes, source, condition)) }}
{%- endmacro %}

{#- The rows of a table of record that did not come by a load, given by the table with its record: all where rows and
    record are committed together. -#}
{% macro rows_of_others(table, load) -%}{{ return(adapter.dispatch('rows_of_others')(table, load)) }}{%- endmacro %}

{#- Before anything of a run, once: stops it where the engine cannot build some table as its dictionary says, whatever is
    selected. Answers nothing. -#}
{% macro check_run() -%}{{ return(adapter.dispatch('check_run')()) }}{%- endmacro %}

{#- Brings loads, rejections and replays that others have recorded into the books, once in a run. Answers nothing. -#}
{% macro take_in_books() -%}{{ return(adapter.dispatch('take_in_books')()) }}{%- endmacro %}


{#- ---- Asked of the engine, while dbt compiles ---- -#}

{#- The names of all tables and views, as `schema.name`: a list. -#}
{% macro names_of_tables() -%}{{ return(adapter.dispatch('names_of_tables')()) }}{%- endmacro %}

{#- (name, type, is primary key) of each column of a table, given by names: a list, empty when there is no such
    table. -#}
{% macro columns_of_table(schema, name) -%}
    {{ return(adapter.dispatch('columns_of_table')(schema, name)) }}
{%- endmacro %}

{#- What tells that the file at a path has changed: a plain text, or none when there is no such file. -#}
{% macro file_state(path) -%}{{ return(adapter.dispatch('file_state')(path)) }}{%- endmacro %}

{#- What there is in the folder of the history, given by its path: {path, problem, strange}. `path` is that of the file
    of a table (a name, or none), none where it has none; `problem` says in words why it cannot be told, or read;
    `strange` are the names of files that look like a history and are of none of the `tables` (names). -#}
{% macro files_of_history(folder, table, tables) -%}
    {{ return(adapter.dispatch('files_of_history')(folder, table, tables)) }}
{%- endmacro %}

{#- Whether a service loads files into it, one that is sent, or only tried, before a history: plain true or false. -#}
{% macro takes_files() -%}{{ return(adapter.dispatch('takes_files')()) }}{%- endmacro %}

{#- Whether the service that runs dbt has opened the file of a load, given by its id, for this run. -#}
{% macro is_open(load_id) -%}{{ return(adapter.dispatch('is_open')(load_id)) }}{%- endmacro %}

{#- What is wrong with options of CSV files as the YAML has them (a mapping, or none), or with the synonyms of columns
    (each column's name mapped to a list, or none): words that go behind the table's name, or none. -#}
{% macro problem_of_files(options, synonyms) -%}
    {{ return(adapter.dispatch('problem_of_files')(options, synonyms)) }}
{%- endmacro %}

{#- Reads the file `load.path` and adds its lines to the table `load.target`, in one transaction with the statements
    `load.before`, and `load.after`; it is read as `load.shape` says, else as it is found to be
    by what `load.options` say of it, from behind line `load.behind` on.
    What was found, `load.after` may name with a $ before: `columns`, the table's names of its columns (a JSON list);
    `delimiter`; `last_line`, its number; by the names of line_accounts() how many lines were what (NULL: not known).
    It goes into `load`, too: `described`, in words; `counted`, by those names; or else `refused`, why no sense could be
    made of it. -#}
{% macro land_file(load) -%}{{ return(adapter.dispatch('land_file')(load)) }}{%- endmacro %}

{#- Records in the open transaction, for the feed of changes, what a load has changed: the rows of `load.table` that are
    in `load.typed` and not in `load.exceptions`, and what the books say of `load.load_id`. `load.columns` are the
    table's, mapped to their types. -#}
{% macro record_change(load) -%}{{ return(adapter.dispatch('record_change')(load)) }}{%- endmacro %}


{#- ---- Another form of tables ---- -#}

{#- How the dictionary of a text (as it is saved) differs from the one that the tables are of, as far as tables are to be
    altered: a list of {kind, table, column, was, becomes, default, described}, as service/dictionary/dictionary_change.py has
    them. None where an engine alters no tables. -#}
{% macro altering_changes(content) -%}{{ return(adapter.dispatch('altering_changes')(content)) }}{%- endmacro %}

{#- Executes `asked.statements` in one transaction, for the dictionary in `asked.content`, if nothing is lost but what
    `asked.allowed` says: returns why not, or none. -#}
{% macro altered(asked) -%}{{ return(adapter.dispatch('altered')(asked)) }}{%- endmacro %}

{#- Hands a dictionary's text to the service that has asked for it. -#}
{% macro show_dictionary(content) -%}{{ return(adapter.dispatch('show_dictionary')(content)) }}{%- endmacro %}

{#- A statement that drops a table, with its rows, if it is there. -#}
{% macro drop_table(table) -%}{{ return(adapter.dispatch('drop_table')(table)) }}{%- endmacro %}

{#- A statement that gives a table another name, a plain one; it stays in its schema. -#}
{% macro rename_table(table, name) -%}{{ return(adapter.dispatch('rename_table')(table, name)) }}{%- endmacro %}

{#- A statement that gives a column another name; both are plain names. -#}
{% macro rename_column(table, was, name) -%}{{ return(adapter.dispatch('rename_column')(table, was, name)) }}{%- endmacro %}

{#- A list of statements by which the columns of a table of record, given by its node, become what the changes say; rows
    stay. `was` is its plain name before them, which it may no longer have. -#}
{% macro alter_columns(table, was, changes) -%}{{ return(adapter.dispatch('alter_columns')(table, was, changes)) }}{%- endmacro %}
