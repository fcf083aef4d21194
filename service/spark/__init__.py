"""The same dbt project on Spark, for what is bigger than a machine (docs/spark.md).

It works on the lake: history as Parquet, change segments of the gate, tables in Iceberg.
"""
