DROP TABLE preference;
