-- What the overview is sorted and filtered by besides the name. The worker computes city_sort of rows that exist. The indexes have
-- the columns of the other filters as well, so that rows that these exclude are not read.
ALTER TABLE customer ADD COLUMN city_sort TEXT COLLATE "C" NOT NULL DEFAULT ''; -- the folded city; '' without a city, or not computed yet
CREATE INDEX customer_city_name ON customer (city_sort, name_sort, number, type, access_worst, access_expires_at) WHERE NOT deleting;
CREATE INDEX customer_city_unknown ON customer (number) WHERE city <> '' AND city_sort = '';
CREATE INDEX customer_status_name ON customer (access_worst, name_sort, number, access_expires_at, type, city_sort) WHERE NOT deleting;
CREATE INDEX customer_invited ON customer (access_expires_at, number) WHERE access_worst = 'invited' AND NOT deleting;
DROP INDEX customer_type_name;
CREATE INDEX customer_type_name ON customer (type, name_sort, number, access_worst, access_expires_at) WHERE NOT deleting;
CREATE INDEX customer_changed ON customer (updated_at, number) WHERE NOT deleting;
