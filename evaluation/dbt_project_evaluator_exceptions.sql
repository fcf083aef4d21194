-- Findings of dbt-project-evaluator that are meant to be so, and why.
{{ config(
    materialized='table', schema='main', group=none, access='protected', contract={'enforced': false},
    docs={'show': false}
) }}

select * from (
    values
    (
        'fct_model_naming_conventions', 'resource_name', '%',
        'A table is called what its rows are. The name is in every URL, file and message: no prefix.'
    ),
    (
        'fct_exposure_parents_materializations', 'parent_resource_name', '%',
        'Marts are views, so that a row counts as soon as it is in; the books of ops are tables.'
    ),
    (
        'fct_exposures_dependent_on_private_models', 'parent_resource_name', 'ops.%',
        'The service writes these tables and hands them out: it needs no model between.'
    ),
    (
        'fct_marts_or_intermediate_dependent_on_source', 'parent', 'ops.%',
        'A table of ours, typed, in our own words: a staging model would say the same again.'
    ),
    (
        'fct_sources_without_freshness', 'resource_name', 'ops.re%',
        'That nothing was kept out, or tried again, for long is good news. ops.loads has a freshness.'
    ),
    (
        'fct_model_fanout', 'parent', '%',
        'Each mart is one question, asked of the tables of record: no two compute the same.'
    ),
    (
        'fct_unused_sources', 'parent', 'ops.%',
        'The service hands them out (exposure rest_service), and people ask them.'
    )
) as exceptions (fct_name, column_name, id_to_exclude, comment)
