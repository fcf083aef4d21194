{{ table_of_record(parents=[ref('employees'), ref('territories')]) }}
