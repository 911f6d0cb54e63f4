-- What Kontor itself says at its versions is a text id: each reader has a language.
UPDATE policy_version SET comment = 'policy.comment_first' WHERE author_id IS NULL AND comment = 'The policy that Kontor starts with.';
UPDATE policy_version SET comment = 'policy.comment_reset' WHERE author_id IS NULL AND comment = 'Reset to the policy that Kontor starts with.';
