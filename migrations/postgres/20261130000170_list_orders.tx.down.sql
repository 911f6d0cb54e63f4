DROP INDEX customer_changed;
DROP INDEX customer_type_name;
CREATE INDEX customer_type_name ON customer (type, name_sort, number) WHERE NOT deleting;
DROP INDEX customer_invited;
DROP INDEX customer_status_name;
DROP INDEX customer_city_unknown;
DROP INDEX customer_city_name;
ALTER TABLE customer DROP COLUMN city_sort;
