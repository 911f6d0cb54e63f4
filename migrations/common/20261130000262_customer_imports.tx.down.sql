DROP TABLE customer_import_chunk;
DROP TABLE customer_import;
