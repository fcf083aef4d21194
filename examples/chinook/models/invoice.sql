{{ table_of_record(parents=[ref('customer')]) }}
