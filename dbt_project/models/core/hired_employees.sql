{{ table_of_record(parents=[ref('departments'), ref('jobs')]) }}
