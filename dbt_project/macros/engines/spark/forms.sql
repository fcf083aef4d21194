{#- Spark: regular expressions of RE2, as Java reads them. -#}

{#- (?d): a point stands for all but a line feed, as RE2 has it. The i without and the I with its point have no other case in
    RE2: where cases are one, characters that are none stand for them. Java finds no capital of ß. -#}
{% macro spark__full_match(text, form) -%}
    {%- set java = java_form(form) -%}
    {%- set text = 'translate(' ~ text ~ ", 'ıİ', '\U0010FFFE\U0010FFFF')" if java.folds else text -%}
    {{ return('(' ~ text ~ " rlike r'(?d)\\A(?:" ~ java.form ~ ")\\z')") }}
{%- endmacro %}

{#- {form, strange, folds}: the same in Java's words, and the first piece that it has none for, or none; whether a part
    of it takes all cases of a letter for one. One macro, as each piece is one case: between brackets others mean something. -#}
{% macro java_form(form) -%}
    {% set done, at = [], {'class': none, 'strange': none} %}
    {% set folds = modules.re.search('[(][?][a-z]*i', form) is not none %}
    {% set pieces = modules.re.findall(
        '\\\\Q(?:.|\\n)*?(?:\\\\E|$)|\\\\x(?:[{][0-9A-Fa-f]+[}]|[0-9A-Fa-f]{2})|\\\\[pP](?:[{]\\^?\\w+[}]|[A-Z])|\\\\[0-7]{2,3}|\\\\(?:.|\\n)'
        ~ '|\\[:\\^?[a-z]+:\\]|\\[\\^?\\]?|[(][?]P?<\\w+>|[(][?][a-zA-Z-]*.?|(?:[*+?]|[{][0-9]+(?:,[0-9]*)?[}])[*+?]?|(?:.|\\n)', form
    ) %}
    {% for piece in pieces %}
        {% set inside, letter = at.class is not none, piece[1:] %}
        {% set group = ranges_of_re2().get(modules.re.sub('[^a-z]', '', piece) if piece.startswith('[:') else letter | lower) %}
        {% set strange, said = folds and modules.re.match('\\\\x[{]?0*13[01][}]?$', piece) is not none, piece %}
        {% if piece.startswith('\\') %}
            {% if piece.startswith('\\Q') and not inside %}{% set said = modules.re.escape(letter[1:].split('\\E')[0]) | replace("'", '\\x27') %}
            {% elif letter | lower in 'dws' and (letter in 'dws' or at.class != '[^') %}
                {% set said = ('' if letter in 'dws' else '^') ~ group %}
                {% set said = said if inside and letter in 'dws' else '[' ~ said ~ ']' %}
            {% elif letter | lower == 'b' and not inside %}
                {% set ends = '(?<=[W])(?![W])|(?<![W])(?=[W])' if letter == 'b' else '(?<=[W])(?=[W])|(?<![W])(?![W])' %}
                {% set said = '(?:' ~ ends | replace('W', ranges_of_re2().w) ~ ')' %}
            {% elif letter[0] in 'pP' and not folds %}
                {% set name = letter[1:] | replace('{', '') | replace('}', '') | replace('^', '') %}
                {% set is_not = (letter[0] == 'P') != ('^' in letter) %}
                {% set strange = name == 'Any' %}
                {% set said = '\\' ~ ('P' if is_not else 'p') ~ '{' ~ ('Is' if name | length > 2) ~ name ~ '}' %}
            {% elif letter == 'v' %}{% set said = '\\x0B' %}
            {% elif modules.re.match('[0-7]{2,3}$|0$', letter) %}{% set said = '\\0' ~ letter %}
            {% elif letter == "'" %}{% set said = '\\x27' %}
            {% elif letter[0] != 'x' %}{% set strange = not modules.re.match('[^0-9A-Za-z]$|' ~ ('[aftnr]$' if inside else '[aftnrAz]$'), letter) %}
            {% endif %}
        {% elif inside and piece.startswith('[:') %}
            {% set strange = group is none or '^' in piece and at.class == '[^' %}
            {% set said = '[^' ~ group ~ ']' if '^' in piece else group %}
        {% elif inside and piece == ']' %}{% do at.update({'class': none}) %}
        {% elif inside and folds and piece == '-' and (loop.nextitem or '')[:1] > '~' %}{% set strange, said = true, piece %}
        {% elif piece == 'ß' and folds %}{% set said = 'ßẞ' if inside else '[ßẞ]' %}
        {% elif piece in ('ı', 'İ') and folds %}{% set said = '\\x{10FFF' ~ ('E' if piece == 'ı' else 'F') ~ '}' %}
        {% elif inside %}{% set said = modules.re.sub('([\\[&^])', '\\\\\\1', piece) | replace("'", '\\x27') %}
        {% elif piece.startswith('[') %}
            {% set strange = piece.startswith('[:') %}
            {% do at.update({'class': piece | replace(']', '')}) %}
            {% set said = piece | replace(']', '\\]') %}
        {% elif modules.re.match('[(][?]P?<\\w+>', piece) %}{% set said = '(' %}
        {% elif piece.startswith('(?') %}
            {% set strange = not modules.re.match('[(][?][is]*-?[is]*[:)]$', piece) %}
            {% set said = piece | replace('i', 'iu') %}
        {% elif piece == '$' %}{% set said = '\\z' %}
        {% elif piece in ('{', '}') %}{% set said = '\\' ~ piece %}
        {% elif piece == "'" %}{% set said = '\\x27' %}
        {% else %}{% set strange = piece | length > 1 and piece[-1] in '*+' %}
        {% endif %}
        {% if strange and not at.strange %}{% do at.update({'strange': piece}) %}{% endif %}
        {% do done.append(said) %}
    {% endfor %}
    {{ return({'form': done | join(''), 'strange': at.strange, 'folds': folds}) }}
{%- endmacro %}

{#- What RE2's groups are, of ASCII alone, as they stand between brackets. -#}
{% macro ranges_of_re2() -%}
    {{ return({
        'd': '0-9', 'w': '0-9A-Za-z_', 's': '\\t\\n\\f\\r ', 'alnum': '0-9A-Za-z', 'alpha': 'A-Za-z', 'ascii': '\\x00-\\x7F',
        'blank': '\\t ', 'cntrl': '\\x00-\\x1F\\x7F', 'digit': '0-9', 'graph': '!-~', 'lower': 'a-z', 'print': ' -~',
        'punct': '!-/:-@\\[-`{-~', 'space': '\\t\\n\\x0B\\f\\r ', 'upper': 'A-Z', 'word': '0-9A-Za-z_', 'xdigit': '0-9A-Fa-f'
    }) }}
{%- endmacro %}
