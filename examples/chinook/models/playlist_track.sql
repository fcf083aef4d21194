{{ table_of_record(parents=[ref('playlist'), ref('track')]) }}
