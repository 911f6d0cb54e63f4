UPDATE policy_version SET comment = 'The policy that Kontor starts with.' WHERE author_id IS NULL AND comment = 'policy.comment_first';
UPDATE policy_version SET comment = 'Reset to the policy that Kontor starts with.' WHERE author_id IS NULL AND comment = 'policy.comment_reset';
