{{ table_of_record(parents=[ref('orders'), ref('products')]) }}
