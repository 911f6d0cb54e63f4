DROP TABLE installation_id;
