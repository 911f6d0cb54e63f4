DELETE FROM account_role WHERE role = 'specialist';
