DROP TABLE installation;
DROP TABLE process;
