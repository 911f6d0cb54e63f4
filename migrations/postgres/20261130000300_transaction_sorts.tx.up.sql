-- My transactions is also sorted by name, and by due date with what is closed. Sorted by customer it is read along the
-- customers, whose names have an index.
ALTER TABLE transactions ALTER COLUMN name_folded TYPE TEXT COLLATE "C"; -- the order of its bytes, as on SQLite
CREATE INDEX transactions_name ON transactions (name_folded, number);
CREATE INDEX transactions_due_closed ON transactions (due, number) WHERE status = 'closed';
-- The order by number has a name in both directions.
UPDATE saved_view SET query = replace(query, 'sort=newest', 'sort=-number') WHERE list = 'transactions';
