DROP TABLE recent_customer;
