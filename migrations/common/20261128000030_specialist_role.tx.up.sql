-- Roles are what was given: being a specialist user is one of them. Until now every account of the firm had it without
-- a row; all keep it but those who are auditors and nothing else, since an auditor changes nothing.
INSERT INTO account_role (account_id, role)
  SELECT a.id, 'specialist' FROM account AS a
  WHERE a.specialist
    AND (EXISTS (SELECT 1 FROM account_role AS r WHERE r.account_id = a.id AND r.role <> 'auditor')
      OR NOT EXISTS (SELECT 1 FROM account_role AS r WHERE r.account_id = a.id))
  ON CONFLICT (account_id, role) DO NOTHING;
