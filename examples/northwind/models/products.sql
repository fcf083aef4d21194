{{ table_of_record(parents=[ref('suppliers'), ref('categories')]) }}
