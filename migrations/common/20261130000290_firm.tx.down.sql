DROP TABLE firm_phrase;
DROP TABLE firm_holiday;
DROP TABLE firm_setting;
DROP TABLE firm;
