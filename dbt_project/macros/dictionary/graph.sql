{#- The data dictionary: the core models' columns and data tests, read from dbt's graph. -#}

{% macro in_core(node) -%}
    {{ return(node.resource_type == 'model' and node.schema == 'core' and node.package_name == project_name) }}
{%- endmacro %}

{% macro rule_tests_of(unique_id) -%}
    {{ return(
        graph.nodes.values()
        | selectattr('resource_type', 'equalto', 'test')
        | selectattr('attached_node', 'equalto', unique_id)
        | sort(attribute='test_metadata.name,name,unique_id', case_sensitive=true)
        | list
    ) }}
{%- endmacro %}

{#- The rules of one model as a list, by column, then those of the row as a whole; by kind. Found out once in a run. -#}
{% macro rules_of(model) -%}
    {% set notes, note = notes_of_run(), 'rules of ' ~ model.unique_id %}
    {% if note not in notes %}
        {% set rules, tests = [], rule_tests_of(model.unique_id) %}
        {% for column in model.columns.values() %}
            {% for test in tests if test.column_name == column.name %}
                {% do rules.append(rule_of(model, column, test)) %}
            {% endfor %}
            {% do add_rule_of_length(model, column, rules) %}
        {% endfor %}
        {% for test in tests if not test.column_name and test.test_metadata.name not in tests_of_tables() %}
            {% if test.test_metadata.name in tests_of_several_columns() %}
                {% do rules.append(combined_rule(model, test)) %}
            {% else %}
                {% do rules.append(rule_of(model, none, test)) %}
            {% endif %}
        {% endfor %}
        {% do notes.update({note: rules}) %}
    {% endif %}
    {{ return(notes[note]) }}
{%- endmacro %}

{#- A varchar(20) has the rule max_length, in its place by kind; what says it twice fails the build. -#}
{% macro add_rule_of_length(model, column, rules) -%}
    {% set where = model.name ~ '.' ~ column.name %}
    {% set length, own = type_said(column.data_type, where).length, rules | selectattr('column', 'equalto', column.name) | list %}
    {% if length and own | selectattr('kind', 'equalto', 'max_length') | list %}
        {{ exceptions.raise_compiler_error(where ~ ': varchar(' ~ length ~ ') has the rule max_length already') }}
    {% elif length %}
        {% set later = [] %}
        {% for rule in own if rule.kind > 'max_length' %}{% do later.append(rules.pop()) %}{% endfor %}
        {% do rules.append({
            'id': none, 'column': column.name, 'columns': [column.name], 'type': 'varchar', 'kind': 'max_length', 'args': {'length': length},
            'where': none, 'severity': 'error', 'warns': false, 'others': []
        }) %}
        {% do rules.extend(later | reverse) %}
    {% endif %}
{%- endmacro %}

{#- Data tests that are about a table as a whole and judge no row. -#}
{% macro tests_of_tables() -%}{{ return(['history_accounted_for']) }}{%- endmacro %}

{#- One rule, of a column or (none) of the row. Fails the build when it could not be judged at every door. -#}
{% macro rule_of(model, column, test) -%}
    {% set place = model.name ~ ('.' ~ column.name if column else '') ~ ': rule ' ~ test.test_metadata.name %}
    {% set rule = rule_as_said(column, test) %}
    {% if ('rule_' ~ rule.kind) not in context %}
        {{ exceptions.raise_compiler_error(place ~ ' is not a known kind of rule') }}
    {% elif rule.severity not in ('error', 'warn') %}
        {{ exceptions.raise_compiler_error(place ~ ' has the severity ' ~ rule.severity ~ '; there are error and warn') }}
    {% elif rule.kind in kinds_by_other_rows() and (rule.where or rule.warns) %}
        {{ exceptions.raise_compiler_error(place ~ ' has where or severity, which a rule that needs other rows cannot have') }}
    {% elif rule.kind == 'relationships' %}
        {% do rule.args.update({'parent': parent_of(model, rule.args.to, place)}) %}
    {% endif %}
    {% if rule.kind in kinds_of_rules() %}
        {% do check_kind(rule, column, place) %}
    {% else %}
        {% do rule.update(predicate_of_own(rule, test)) %}
    {% endif %}
    {% set problem = problem_of_rule(rule) %}
    {% if problem %}{{ exceptions.raise_compiler_error(place ~ ': ' ~ problem) }}{% endif %}
    {% do rule.update({'others': columns_looked_at(model, rule, place)}) %}
    {{ return(rule) }}
{%- endmacro %}

{#- A data test as {column, kind, args, where, severity, warns}; dbt_utils' names as ours. -#}
{% macro rule_as_said(column, test) -%}
    {% set said, args = test.test_metadata.name, {} %}
    {% set renamed = {'min_value': 'min', 'max_value': 'max'} if said == 'accepted_range' else {} %}
    {% for name, value in test.test_metadata.kwargs.items() if name not in ('model', 'column_name') and value is not none %}
        {% do args.update({renamed.get(name, name): value}) %}
    {% endfor %}
    {% set severity = (test.config.severity or 'error') | lower %}
    {{ return({
        'id': test.unique_id,
        'column': column.name if column else none,
        'columns': [column.name] if column else [],
        'type': type_said(column.data_type, column.name).kind if column else none,
        'kind': 'in_range' if said == 'accepted_range' else said,
        'args': args,
        'where': test.config.where or none,
        'severity': severity,
        'warns': severity == 'warn'
    }) }}
{%- endmacro %}

{#- Of a kind that rules.sql brings: whether its arguments make sense there. -#}
{% macro check_kind(rule, column, place) -%}
    {% set judged = judged_by_kind(rule) %}
    {% if not column and not judged.of_rows %}
        {{ exceptions.raise_compiler_error(place ~ ' is not on a column') }}
    {% elif column and judged.of_rows %}
        {{ exceptions.raise_compiler_error(place ~ ' is of a whole row, and not of a column') }}
    {% elif column and (judged.types and rule.type not in judged.types or rule.type in (judged.unfit or [])) %}
        {{ exceptions.raise_compiler_error(place ~ ' cannot be on a column of type ' ~ column.data_type) }}
    {% elif judged.lacks %}
        {{ exceptions.raise_compiler_error(place ~ ' needs ' ~ judged.lacks) }}
    {% endif %}
{%- endmacro %}

{#- What rule_<kind>() says, of a kind that rules.sql brings; `text` is what was written, where that is known. -#}
{% macro judged_by_kind(rule, text=none) -%}
    {{ return(context['rule_' ~ rule.kind](rule.column, rule.args, text, rule.type)) }}
{%- endmacro %}

{#- Of a kind of one's own: its predicate, and what is said of a row that breaks it, as plain texts. -#}
{% macro predicate_of_own(rule, test) -%}
    {% set call = context['rule_' ~ rule.kind] %}
    {% if rule.column %}
        {% set predicate = call(adapter.quote(rule.column), **rule.args) | string | trim %}
    {% else %}
        {% set predicate = call(**rule.args) | string | trim %}
    {% endif %}
    {% set description = (test.description or '') | trim %}
    {% set words = description[:-1] if description.endswith('.') else description %}
    {% set named = [] %}
    {% for name, value in rule.args.items() %}{% do named.append(name ~ ': ' ~ (value | join(', ') if value is iterable and value is not string else value)) %}{% endfor %}
    {% set name = rule.kind ~ (' (' ~ named | join(', ') ~ ')' if named else '') %}
    {% set told = (rule.column or 'the row') ~ ' breaks the rule ' ~ name %}
    {% if rule.kind == 'expression_is_true' %}
        {% set name = rule.args.expression %}
        {% set told = 'it is not true that ' ~ (rule.column ~ ' ' if rule.column else '') ~ name %}
    {% endif %}
    {% if words %}{% set told = (rule.column ~ ': ' if rule.column else '') ~ words %}{% endif %}
    {{ return({'predicate': predicate, 'message': told, 'words': words or name}) }}
{%- endmacro %}

{#- The columns beside its own that a rule looks at. Fails the build where what it says is not about one row. -#}
{% macro columns_looked_at(model, rule, place) -%}
    {% set said, seen, columns = [], [], {} %}
    {% if rule.predicate is defined %}
        {% do said.append((place, in_dialect(rule.predicate))) %}
    {% elif rule.kind in kinds_by_literals() %}
        {% do said.append((place, 'not (' ~ judged_by_kind(rule).violated ~ ')')) %}
    {% endif %}
    {% if rule.where %}{% do said.append((place ~ ': where', in_dialect(rule.where))) %}{% endif %}
    {% for column in model.columns.values() if said %}{% do columns.update({column.name: type_said(column.data_type, place).name}) %}{% endfor %}
    {% for name, predicate in said %}
        {% set asked = look_at_predicate(predicate, columns, name) %}
        {% if asked.problem %}
            {{ exceptions.raise_compiler_error(name ~ ' ' ~ asked.problem ~ ': ' ~ predicate) }}
        {% endif %}
        {% for column in asked.columns if column != rule.column and column not in seen %}{% do seen.append(column) %}{% endfor %}
    {% endfor %}
    {{ return(seen) }}
{%- endmacro %}

{#- Before anything is done for a table (its node in the graph), once in a run. -#}
{% macro check_table(table) -%}
{% if is_first('check ' ~ table.name) %}
    {% do check_dictionary(table) %}
    {% do check_table_fits(table) %}
{% endif %}
{%- endmacro %}

{#- Types and keys are put into the DDL when a table is made, and never again: say so. -#}
{% macro check_table_fits(table) -%}
    {% set key = key_columns(table) %}
    {% for name, type, is_key in columns_of_table(table.schema, table.name) if name in table.columns %}
        {% set declared = table.columns[name].data_type %}
        {% if type_name(type | lower) != type_name(type_said(declared, table.name ~ '.' ~ name).name) or is_key != (name in key) %}
            {{ exceptions.raise_compiler_error(
                table.name ~ '.' ~ name ~ ' is ' ~ type ~ (' primary key' if is_key else '') ~ ' in the warehouse and '
                ~ declared ~ (' primary key' if name in key else '')
                ~ ' in the dictionary: back the table up, drop it, build, and restore it'
            ) }}
        {% endif %}
    {% endfor %}
{%- endmacro %}

{#- Fails the build when a door could not follow the dictionary; service/dictionary/manifest.py asks the same. -#}
{% macro check_dictionary(table) -%}
    {% for column in table.columns.values() %}
        {% do column_type(column.data_type or '', table.name ~ '.' ~ column.name) %}
        {% do check_steps(table, column) %}
    {% endfor %}
    {% set rules, key = rules_of(table), primary_key(table) %}
    {% set names, whole = key_columns(table), rules | rejectattr('where') | rejectattr('warns') | list %}
    {% set unique = whole | selectattr('kind', 'equalto', 'unique') | map(attribute='column') | list %}
    {% set there = whole | selectattr('kind', 'equalto', 'not_null') | map(attribute='column') | list %}
    {% if key not in unique or names | reject('in', there) | list %}
        {{ exceptions.raise_compiler_error(
            table.name ~ '.' ~ key ~ ': a primary key needs the rules not_null and '
            ~ ('unique' if names | length == 1 else 'unique_combination_of_columns')
        ) }}
    {% endif %}
    {% for rule in rules if rule.kind == 'relationships' %}
        {% do check_reference(table, rule, rules) %}
    {% endfor %}
    {% do check_generated_key(table) %}
    {% do check_files(table) %}
    {% do on_conflict_of(table) %}
{%- endmacro %}

{#- Whether new rows are given their primary key: `meta: {key: generated}`. -#}
{% macro has_generated_key(table=model) -%}{{ return(meta_of(table).get('key') == 'generated') }}{%- endmacro %}

{% macro check_generated_key(table) -%}
    {% set said, key = meta_of(table).get('key'), primary_key(table) %}
    {% set where = table.name ~ ': key: ' ~ said %}
    {% set kinds = rules_of(table) | selectattr('column', 'equalto', key) | map(attribute='kind') | list | sort %}
    {% if said is none %}
    {% elif said != 'generated' %}
        {{ exceptions.raise_compiler_error(where ~ ' is not known: there is generated') }}
    {% elif key not in table.columns %}
        {{ exceptions.raise_compiler_error(where ~ ' needs ' ~ key ~ ' to be a bigint, not several columns') }}
    {% elif type_said(table.columns[key].data_type, where).name != 'bigint' %}
        {{ exceptions.raise_compiler_error(where ~ ' needs ' ~ key ~ ' to be a bigint, not ' ~ table.columns[key].data_type) }}
    {% elif kinds != ['not_null', 'unique'] or meta_of(table.columns[key]).get('default') is not none %}
        {{ exceptions.raise_compiler_error(where ~ ': ' ~ key ~ ' has not_null, unique and nothing else') }}
    {% endif %}
{%- endmacro %}

{#- What is said of how its texts are normalised; service/dictionary/adjusting.py asks the same. -#}
{% macro check_steps(table, column) -%}
    {% set steps, known = meta_of(column).get('normalise'), ['trim', 'collapse', 'lower', 'upper', 'nfc'] %}
    {% set where = table.name ~ '.' ~ column.name ~ ': normalise ' %}
    {% if steps is none %}
    {% elif steps is string or steps is not iterable or not steps or steps | reject('in', known) | list %}
        {{ exceptions.raise_compiler_error(where ~ 'is a list of ' ~ known | join(', ') ~ ', not ' ~ steps) }}
    {% elif steps | unique | list | length < steps | length or ('lower' in steps and 'upper' in steps) %}
        {{ exceptions.raise_compiler_error(where ~ 'has steps that contradict, or repeat, each other: ' ~ steps | join(', ')) }}
    {% elif type_said(column.data_type, where).kind != 'varchar' %}
        {{ exceptions.raise_compiler_error(where ~ 'is for texts, not for ' ~ type_said(column.data_type, where).kind) }}
    {% endif %}
{%- endmacro %}

{#- What is said of the table's history (meta.csv), and of names that files have for its columns (meta.synonyms). -#}
{% macro check_files(table) -%}
    {% set synonyms = {} %}
    {% for column in table.columns.values() %}
        {% do synonyms.update({column.name: meta_of(column).get('synonyms')}) %}
    {% endfor %}
    {% set problem = problem_of_files(meta_of(table).get('csv'), synonyms) %}
    {% if problem %}{{ exceptions.raise_compiler_error(table.name ~ problem) }}{% endif %}
{%- endmacro %}

{#- What a model or a column says under `config: {meta: …}`, or under `meta:` as dbt had it before. -#}
{% macro meta_of(node) -%}
    {{ return(dict(node.meta or {}, **((node.config or {}).meta or {}))) }}
{%- endmacro %}

{#- `ref('departments')` → departments; the model must depend on it, or dbt would not build it first. -#}
{% macro parent_of(model, to, where) -%}
    {% set parent = modules.re.findall("ref\\(\\s*['\"](\\w+)['\"]\\s*\\)", to) | first %}
    {% if parent != model.name and model.depends_on.nodes | select('in', ['model.' ~ project_name ~ '.' ~ parent]) | list | length == 0 %}
        {{ exceptions.raise_compiler_error(
            where ~ ": write table_of_record(parents=[ref('" ~ parent ~ "')]) in the model, so that dbt builds it first"
        ) }}
    {% endif %}
    {{ return(parent) }}
{%- endmacro %}
