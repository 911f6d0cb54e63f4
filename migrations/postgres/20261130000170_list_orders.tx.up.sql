-- What the overview is sorted and filtered by besides the name. The worker computes city_sort of rows that exist.
ALTER TABLE customer ADD COLUMN city_sort TEXT COLLATE "C" NOT NULL DEFAULT ''; -- the folded city; '' without a city, or not computed yet
CREATE INDEX customer_city_name ON customer (city_sort, name_sort, number) WHERE NOT deleting;
CREATE INDEX customer_city_unknown ON customer (number) WHERE city <> '' AND city_sort = '';
CREATE INDEX customer_status_name ON customer (access_worst, name_sort, number, access_expires_at) WHERE NOT deleting;
CREATE INDEX customer_invited ON customer (access_expires_at, number) WHERE access_worst = 'invited' AND NOT deleting;
CREATE INDEX customer_changed ON customer (updated_at, number) WHERE NOT deleting;
