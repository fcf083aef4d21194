{{ table_of_record(parents=[ref('customers'), ref('employees'), ref('shippers')]) }}
