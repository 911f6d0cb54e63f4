-- Specialist users are few among very many accounts of end users. SQLite did not use the index that began with the flag.
DROP INDEX account_specialist_name;
CREATE INDEX account_specialists ON account (name_sort, id) WHERE specialist;
