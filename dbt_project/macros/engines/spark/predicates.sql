{#- Spark: predicates over one row, which the YAML says in DuckDB's SQL. What both may read otherwise is refused. -#}

{#- Texts there know no '', and stand between double quotes, too; a backslash escapes. -#}
{% macro spark__in_dialect(predicate) -%}
    {% set said = [] %}
    {% for text, name, other in spark_pieces(predicate) %}
        {% if text %}{% do said.append(text_literal(text[1:-1] | replace("''", "'"))) %}
        {% elif name %}{% do said.append(adapter.quote(name[1:-1] | replace('""', '"'))) %}
        {% else %}{% do said.append(other) %}
        {% endif %}
    {% endfor %}
    {{ return(said | join('')) }}
{%- endmacro %}

{#- (text, quoted name, other) of each piece of a predicate, two of them empty; a comment is an other. -#}
{% macro spark_pieces(predicate) -%}
    {{ return(modules.re.findall(
        "('(?:[^']|'')*')|(\"(?:[^\"]|\"\")*\")|(`[^`]*`|--[^\n]*|/[*](?:.|\n)*?[*]/|[\\w.]+|\\s+|[^\\w\\s])", predicate
    )) }}
{%- endmacro %}

{% macro spark__problem_of_rule(rule) -%}
    {% if rule.kind == 'matches' %}
        {% set strange = java_form(rule.args.regex).strange %}
        {{ return('Spark reads ' ~ strange ~ ' of a regex otherwise, or not at all' if strange else none) }}
    {% elif rule.kind == 'accepted_values' and rule.type == 'json' %}
        {{ return('Spark cannot tell which documents are the same') }}
    {% endif %}
    {% for said in (rule.predicate, rule.where) if said %}
        {% set strange = strange_in_predicate(said) %}
        {% if strange %}{{ return('Spark reads ' ~ strange ~ ' otherwise than DuckDB, or not at all: ' ~ said) }}{% endif %}
    {% endfor %}
    {{ return(none) }}
{%- endmacro %}

{#- The first piece of a predicate that both may read otherwise: functions but those known to be the same, operators, and what
    may divide by zero, which is no failure to DuckDB. None where there is none. -#}
{% macro strange_in_predicate(predicate) -%}
    {% set words = [] %}
    {% for text, name, other in spark_pieces(predicate) if text or name or other | trim and not other.startswith(('--', '/*')) %}
        {% do words.append(other | lower or ("'\\'" if '\\' in text else "''")) %}
    {% endfor %}
    {% for word in words %}
        {% set next = loop.nextitem or '' %}
        {% if next == '(' and modules.re.match('[a-z_]', word) and word not in functions_of_both() %}{{ return(word ~ '()') }}
        {% elif word ~ next in ('::', '//', '**', '<<', '>>', '->', '!~', "e''", "x''", "uuid''", "time''", "like'\\'") %}
            {{ return(word ~ ' ' ~ next if next[0] == "'" else word ~ next) }}
        {% elif word in ('^', '~', '$', '[', '{', '@', 'ilike', 'current_date', 'current_timestamp') %}{{ return(word) }}
        {% elif word in ('/', '%') and not (modules.re.match('[0-9.]+$', next) and next | float != 0) %}
            {{ return(word ~ ' by what may be 0') }}
        {% endif %}
    {% endfor %}
    {{ return(none) }}
{%- endmacro %}

{#- Those of one row that mean the same in both, and the words that may stand before a parenthesis. -#}
{% macro functions_of_both() -%}
    {{ return([
        'abs', 'ceil', 'coalesce', 'day', 'floor', 'greatest', 'hour', 'instr', 'isnan', 'least', 'left', 'length', 'md5', 'minute',
        'month', 'nullif', 'quarter', 'replace', 'right', 'second', 'sign', 'substr', 'substring', 'year',
        'and', 'as', 'between', 'bigint', 'case', 'cast', 'decimal', 'else', 'in', 'is', 'like', 'not', 'numeric', 'or', 'then',
        'try_cast', 'when'
    ]) }}
{%- endmacro %}

{% macro spark__fails(predicate) -%}
    {{ return('(not coalesce((\n' ~ predicate ~ '\n), true))') }}
{%- endmacro %}

{% macro spark__applies(condition) -%}
    {{ return('coalesce((\n' ~ condition ~ '\n), false)') }}
{%- endmacro %}

{#- Any may: to find out takes as long as to guard them. -#}
{% macro spark__predicates_that_fail(predicates, rows) -%}{{ return(predicates) }}{%- endmacro %}

{#- Spark has no try() of a whole expression, but one of this function. What stands in a lambda it does not take out of it as
    a common subexpression. -#}
{% macro spark__evaluated(predicate, types, if_null) -%}
    {% do spark_fails_aloud() %}
    {{ return("(try_to_binary(cast(exists(array(0), _each -> coalesce((\n" ~ predicate ~ '\n), ' ~ if_null
        ~ ")) as string), 'utf-8') = X'74727565')") }}
{%- endmacro %}

{#- What cannot be evaluated would be NULL, and so fit. dbt-spark turns that off for each connection, whatever profiles.yml says:
    here it is turned on, for this connection and those to come. -#}
{% macro spark_fails_aloud() -%}
    {% if execute and is_first('fails aloud') %}
        {% do adapter.config.credentials.server_side_parameters.update({'spark.sql.ansi.enabled': 'true'}) %}
        {% do spark_execute('set spark.sql.ansi.enabled = true') %}
    {% endif %}
{%- endmacro %}

{% macro spark__get_where_subquery(relation) -%}{{ return(rows_where(relation)) }}{%- endmacro %}

{#- To explain a query is to answer what is wrong with it, if it can be parsed. Those columns are meant whose names stand in it. -#}
{% macro spark__look_at_predicate(predicate, columns, place) -%}
    {% set seen, row, notes = [], [], notes_of_run() %}
    {% for name, type in columns.items() %}
        {% do row.append('cast(null as ' ~ type_name(type) ~ ') as ' ~ adapter.quote(name)) %}
        {% if modules.re.search('\\b' ~ name ~ '\\b', predicate) %}{% do seen.append(name) %}{% endif %}
    {% endfor %}
    {% set asked = 'explain select 1 from (select ' ~ row | join(', ') ~ ') as row where coalesce((\n' ~ predicate ~ '\n), true)' %}
    {% if execute and asked not in notes %}
        {% if not spark_parses(predicate) %}{{ return({'columns': seen, 'problem': 'cannot be parsed by Spark'}) }}{% endif %}
        {% set said = run_query(asked).rows[0][0] %}
        {% set problem = modules.re.search('AnalysisException: (.*?)[.]?(?:; line [0-9]|\\n|$)', said) %}
        {% do notes.update({asked: 'cannot be evaluated by Spark: ' ~ problem.group(1) if problem else none}) %}
    {% endif %}
    {{ return({'columns': seen, 'problem': notes.get(asked)}) }}
{%- endmacro %}

{#- Whether it is an expression by itself, and in parentheses. Spark's parser of expressions is called as a function of Java, and what it throws is
    caught as in spark__evaluated(): no statement of SQL catches what cannot be parsed. -#}
{% macro spark_parses(predicate) -%}
    {% set parsed = [] %}
    {% for said in (predicate, '(\n' ~ predicate ~ '\n)') %}
        {% do parsed.append("java_method('org.apache.spark.sql.functions', 'expr', " ~ text_literal(said) ~ ')') %}
    {% endfor %}
    {{ return(run_query('select 1 where try_to_binary(' ~ parsed | join(' || ') ~ ", 'utf-8') is not null").rows | length > 0) }}
{%- endmacro %}
