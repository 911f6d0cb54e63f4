DROP INDEX account_specialists;
CREATE INDEX account_specialist_name ON account (specialist, name_sort, id);
