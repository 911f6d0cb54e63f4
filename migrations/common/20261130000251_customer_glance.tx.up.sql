-- How many transactions of a customer are open and overdue stands at the head of its pages.
CREATE INDEX transactions_customer_status ON transactions (customer_id, status, due);
