UPDATE saved_view SET query = replace(query, 'sort=-number', 'sort=newest') WHERE list = 'transactions';
DROP INDEX transactions_nobody;
DROP INDEX transactions_due_closed;
DROP INDEX transactions_name;
ALTER TABLE transactions ALTER COLUMN name_folded TYPE TEXT COLLATE "default";
