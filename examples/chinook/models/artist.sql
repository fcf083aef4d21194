{{ table_of_record() }}
