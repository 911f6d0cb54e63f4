-- My transactions is also sorted by name, and by due date with what is closed. Sorted by customer or by who is responsible it is
-- read along the customers or people, whose names have an index, and then what nobody is responsible for.
ALTER TABLE transactions ALTER COLUMN name_folded TYPE TEXT COLLATE "C"; -- the order of its bytes, as on SQLite
CREATE INDEX transactions_name ON transactions (name_folded, number);
CREATE INDEX transactions_due_closed ON transactions (due, number) WHERE status = 'closed';
CREATE INDEX transactions_nobody ON transactions (number) WHERE responsible_id IS NULL;
-- The order by number has a name in both directions.
UPDATE saved_view SET query = replace(query, 'sort=newest', 'sort=-number') WHERE list = 'transactions';
