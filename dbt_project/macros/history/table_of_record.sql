{#-
    How a CSV file becomes rows of a table of record, a file for each step. The seed raw_<table> brings the lines, the
    core model <table> judges them in its hooks:

      seed.sql     the materialization of the seed: lands the file as text in raw.<table>, records that in ops.landed
      read.sql     judge_history(): reads what was landed and not judged as typed rows   (no lock)
      judge.sql    judge_keys(): says of each line which rules it breaks                 (writer's lock)
      here         table_of_record(), the model: the lines without exception, typed
      record.sql   record_history(): rejections and load record, in the transaction of the rows
    choose.sql says which file it is, land.sql how its lines come into raw.<table>, line_rules.sql which rules a line
    breaks by itself, again.sql what becomes of a line whose row is there, accounting.sql proves the sums.

    The file is the one that someone has the service load (ops.files), else that of the history. Between
    the steps stand the work tables <table>__load (one row, or none when there is nothing new)
    and <table>__typed, and raw.<table>__exceptions: one row per line that was not accepted.
    A long file comes in parts, each a run of its own: `behind` is the last line of the part before.
    What a run that was killed left behind that line, each step takes away before it begins.
-#}

{#- `parents` are ref() of the tables that it refers to. Outside of a build it says what the table is: that is what
    `dbt show`, `dbt compile` and the docs site have of it. -#}
{% macro table_of_record(parents=[]) -%}
{%- do ref('raw_' ~ model.name) -%}
{%- if execute and flags.WHICH not in ('build', 'run') -%}
select
    {%- for column in model.columns.values() %}
    {{ adapter.quote(column.name) }}{{ ',' if not loop.last }}
    {%- endfor %}
from {{ this }}
{%- else -%}
{%- do prepare_run() -%} {#- dbt renders the model before its hooks -#}
select
    {%- for column in model.columns.values() %}
    typed.{{ adapter.quote(column.name) }}{{ ',' if not loop.last }}
    {%- endfor %}
from {{ typed_lines() }} as typed
left join {{ exceptions_of_lines() }} as exceptions on typed.line = exceptions.line
where
    exceptions.line is null
    and not exists (select 1 from {{ current_load() }} where is_trial)
{%- endif -%}
{%- endmacro %}

{% macro typed_lines() -%}{{ work_table(model.name ~ '__typed') }}{%- endmacro %}
{% macro current_load() -%}{{ work_table(model.name ~ '__load') }}{%- endmacro %}
{% macro landed_lines() -%}{{ lines_of(model.name ~ trial()) }}{%- endmacro %}
{% macro exceptions_of_lines() -%}{{ lines_of(model.name ~ trial() ~ '__exceptions') }}{%- endmacro %}

{#- A trial leaves the lines of the last load alone. -#}
{% macro trial() -%}
    {% set asked = "select 1 from ops.files where is_current and is_trial and table_name = '" ~ model.name ~ "'" %}
    {% set notes, note = notes_of_run(), 'trial of ' ~ model.name %}
    {% if execute and note not in notes %}
        {% set suffix = '__trial' if takes_files() and run_query(asked).rows else '' %}
        {#- Before the run is prepared, one that was killed may have left a trial. -#}
        {% if not is_done('prepare') %}{{ return(suffix) }}{% endif %}
        {% do notes.update({note: suffix}) %}
    {% endif %}
    {{ return(notes[note] if execute else '') }}
{%- endmacro %}
