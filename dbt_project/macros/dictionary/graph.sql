{#- The data dictionary: the core models' columns and data tests, read from dbt's graph. -#}

{% macro in_core(node) -%}
    {{ return(node.resource_type == 'model' and node.schema == 'core' and node.package_name == project_name) }}
{%- endmacro %}

{% macro rule_tests_of(unique_id) -%}
    {{ return(
        graph.nodes.values()
        | selectattr('resource_type', 'equalto', 'test')
        | selectattr('attached_node', 'equalto', unique_id)
        | sort(attribute='test_metadata.name')
        | list
    ) }}
{%- endmacro %}

{#- The rules of one model as a list of {column, kind, args}, by column and kind. -#}
{% macro rules_of(model) -%}
    {% set rules = [] %}
    {% for column in model.columns.values() %}
        {% for test in rule_tests_of(model.unique_id) if test.column_name == column.name %}
            {% do rules.append(rule_of(model, column, test)) %}
        {% endfor %}
        {% do add_rule_of_length(model, column, rules) %}
    {% endfor %}
    {{ return(rules) }}
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
        {% do rules.append({'column': column.name, 'kind': 'max_length', 'args': {'length': length}}) %}
        {% do rules.extend(later | reverse) %}
    {% endif %}
{%- endmacro %}

{#- One rule. Fails the build when it could not be judged on a single row at every door. -#}
{% macro rule_of(model, column, test) -%}
    {% set kind = test.test_metadata.name %}
    {% set where = model.name ~ '.' ~ column.name ~ ': rule ' ~ kind %}
    {% set args = dict(test.test_metadata.kwargs) %}
    {% if kind != 'not_null' and ('rule_' ~ kind) not in context %}
        {{ exceptions.raise_compiler_error(where ~ ' is not a known kind of rule') }}
    {% elif test.config.where or test.config.severity | lower != 'error' %}
        {{ exceptions.raise_compiler_error(where ~ ' has where or severity, which no door could follow') }}
    {% elif kind == 'relationships' %}
        {% do args.update({'parent': parent_of(model, args.to, where)}) %}
    {% endif %}
    {% if kind != 'not_null' %}
        {% set judged = context['rule_' ~ kind](column.name, args) %}
        {% if judged.lacks %}
            {{ exceptions.raise_compiler_error(where ~ ' needs ' ~ judged.lacks) }}
        {% elif type_said(column.data_type, where).kind not in judged.types %}
            {{ exceptions.raise_compiler_error(where ~ ' cannot be on a column of type ' ~ column.data_type) }}
        {% endif %}
    {% endif %}
    {{ return({'column': column.name, 'kind': kind, 'args': args}) }}
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
    {% set key = primary_key(table) %}
    {% for name, type, is_key in columns_of_table(table.schema, table.name) if name in table.columns %}
        {% set declared = table.columns[name].data_type %}
        {% if type | lower != type_said(declared, table.name ~ '.' ~ name).name or is_key != (name == key) %}
            {{ exceptions.raise_compiler_error(
                table.name ~ '.' ~ name ~ ' is ' ~ type ~ (' primary key' if is_key else '') ~ ' in the warehouse and '
                ~ declared ~ (' primary key' if name == key else '')
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
    {% for test in rule_tests_of(table.unique_id) if not test.column_name and test.test_metadata.name != 'history_accounted_for' %}
        {{ exceptions.raise_compiler_error(table.name ~ ': rule ' ~ test.test_metadata.name ~ ' is not on a column') }}
    {% endfor %}
    {% set rules, key = rules_of(table), primary_key(table) %}
    {% set kinds_of_key = rules | selectattr('column', 'equalto', key) | map(attribute='kind') | list %}
    {% if 'not_null' not in kinds_of_key or 'unique' not in kinds_of_key %}
        {{ exceptions.raise_compiler_error(table.name ~ '.' ~ key ~ ': a primary key needs the rules not_null and unique') }}
    {% endif %}
    {% for rule in rules if rule.kind == 'relationships' %}
        {% do check_reference(table, rule, rules) %}
    {% endfor %}
    {% do check_files(table) %}
    {% do on_conflict_of(table) %}
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

{#- A column refers to one column, which is unique, in core and of the same type. -#}
{% macro check_reference(table, rule, rules) -%}
    {% set where = table.name ~ '.' ~ rule.column ~ ': rule relationships' %}
    {% set target = graph.nodes['model.' ~ project_name ~ '.' ~ rule.args.parent] %}
    {% set unique = rule_tests_of(target.unique_id)
        | selectattr('column_name', 'equalto', rule.args.field)
        | selectattr('test_metadata.name', 'equalto', 'unique') | list %}
    {% if not in_core(target) or not unique %}
        {{ exceptions.raise_compiler_error(
            where ~ ' needs a unique column ' ~ rule.args.parent ~ '.' ~ rule.args.field ~ ' in core'
        ) }}
    {% elif type_said(target.columns[rule.args.field].data_type, where).name != type_said(table.columns[rule.column].data_type, where).name %}
        {{ exceptions.raise_compiler_error(
            where ~ ' needs the type of ' ~ rule.args.parent ~ '.' ~ rule.args.field ~ ', '
            ~ target.columns[rule.args.field].data_type
        ) }}
    {% elif rules | selectattr('column', 'equalto', rule.column) | selectattr('kind', 'equalto', 'relationships') | list | length > 1 %}
        {{ exceptions.raise_compiler_error(where ~ ' stands twice') }}
    {% endif %}
{%- endmacro %}

{#- `ref('departments')` → departments; the model must depend on it, or dbt would not build it first. -#}
{% macro parent_of(model, to, where) -%}
    {% set parent = modules.re.findall("ref\\(\\s*['\"](\\w+)['\"]\\s*\\)", to) | first %}
    {% if model.depends_on.nodes | select('in', ['model.' ~ project_name ~ '.' ~ parent]) | list | length == 0 %}
        {{ exceptions.raise_compiler_error(
            where ~ ": write table_of_record(parents=[ref('" ~ parent ~ "')]) in the model, so that dbt builds it first"
        ) }}
    {% endif %}
    {{ return(parent) }}
{%- endmacro %}

{% macro primary_key(table=model) -%}
    {% for column in table.columns.values() if column.constraints | selectattr('type', 'equalto', 'primary_key') | list %}
        {{ return(column.name) }}
    {% endfor %}
    {{ exceptions.raise_compiler_error(table.name ~ ': no column has the constraint primary_key') }}
{%- endmacro %}
