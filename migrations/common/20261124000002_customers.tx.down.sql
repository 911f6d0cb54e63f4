DROP TABLE transactions;
DROP TABLE access_code;
DROP TABLE access;
DROP TABLE customer_administrator;
DROP TABLE customer;
DROP TABLE counter;
