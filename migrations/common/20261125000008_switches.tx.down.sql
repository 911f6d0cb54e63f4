DROP INDEX transactions_responsible;
DROP TABLE administrator_switch;
