DROP TABLE blob_garbage;
DROP TABLE upload;
DROP TABLE blob;
DROP TABLE blob_key;
