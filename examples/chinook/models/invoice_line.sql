{{ table_of_record(parents=[ref('invoice'), ref('track')]) }}
