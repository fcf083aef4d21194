{{ table_of_record(parents=[ref('property_types'), ref('tenures')]) }}
