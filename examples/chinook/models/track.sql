{{ table_of_record(parents=[ref('album'), ref('media_type'), ref('genre')]) }}
