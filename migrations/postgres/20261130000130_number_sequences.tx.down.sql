DROP TRIGGER counter_sequence ON counter;
DROP FUNCTION next_of_sequence();
UPDATE counter SET value = (SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM customer_number) WHERE name = 'customer_number';
UPDATE counter SET value = (SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM transaction_number) WHERE name = 'transaction_number';
DROP SEQUENCE customer_number;
DROP SEQUENCE transaction_number;
