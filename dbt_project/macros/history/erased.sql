{#- Lines of rows that were erased: they are kept out, and nothing of them is kept. service/ops/erased_rows.py makes the same
    hashes. -#}

{#- Whether rows of the table were erased; else no line is hashed. -#}
{% macro has_erased() -%}
    {% set some = "select 1 from ops.erased where table_name = '" ~ model.name ~ "' limit 1" %}
    {{ return(takes_files() and run_query(some).rows | length > 0) }}
{%- endmacro %}

{#- A query: the numbers of the lines whose keys are those of erased rows. -#}
{% macro lines_of_erased_rows() -%}
    {% set key = joined('', [text_literal(model.name ~ '/'), as_varchar(shown_value(key_columns(), 'typed.'))]) %}
    {% set hashed = sha_256(joined('', ['secret', sha_256(joined('', ['secret', key]))])) %}
    select line
    from (
        select typed.line, {{ hashed }} as key_hash
        from {{ typed_lines() }} as typed
        cross join ops.erasure_secret
        where {{ is_there(key_columns(), 'typed.') }}
    ) as hashed
    where key_hash in (select key_hash from ops.erased where table_name = '{{ model.name }}')
{%- endmacro %}

{% macro violation_of_erased() -%}
    {{ return(violation('0', "'" ~ primary_key() ~ "'", 'erased', text_literal(words_of_erased()), no_text())) }}
{%- endmacro %}

{% macro words_of_erased() -%}{{ return('a row of this key was erased, and is kept out') }}{%- endmacro %}

{#- What such a line is said to break, as violations_as_json() writes it: this, and nothing else of it. -#}
{% macro violations_of_erased() -%}
    {% set said = '[{"column":"' ~ primary_key() ~ '","rule":"erased","message":"' ~ words_of_erased() ~ '","value":null}]' %}
    {{ return(text_literal(said)) }}
{%- endmacro %}

{#- The last of a load: what is landed of such lines goes, but for their numbers. -#}
{% macro blank_erased_lines() -%}
    update {{ landed_lines() }} set
        {%- for name in model.columns.keys() | list + ['_rest', '_text'] %}
        {{ adapter.quote(name) }} = null{{ ',' if not loop.last }}
        {%- endfor %}
    where line in (
        select line from {{ exceptions_of_lines() }} where violations = {{ violations_of_erased() }}
    )
{%- endmacro %}
