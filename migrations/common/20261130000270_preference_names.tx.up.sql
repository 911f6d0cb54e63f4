-- Who has chosen something, in the order of the accounts: to find those who want the daily summary.
CREATE INDEX preference_name ON preference (name, account_id, value);
