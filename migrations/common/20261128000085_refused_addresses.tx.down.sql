DROP TABLE refused_address;
