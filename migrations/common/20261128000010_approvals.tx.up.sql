-- What takes a second person: proposed, then approved, stopped, expired, or in force after a wait that anybody who
-- holds a guarding role could have used to stop it.
CREATE TABLE approval (
  id           UUID PRIMARY KEY,
  kind         TEXT NOT NULL,            -- policy, roles, reactivation, access, assignment
  subject_id   UUID,                     -- the account or access that it is about
  customer_id  UUID REFERENCES customer (id) ON DELETE CASCADE,
  concerned_id UUID,                     -- the account of the person who would get something; they can't approve it
  subject      TEXT NOT NULL DEFAULT '', -- the name then
  detail       TEXT NOT NULL DEFAULT '', -- JSON of the feature that it belongs to
  why          TEXT NOT NULL DEFAULT '', -- what the proposer says
  proposed_by  UUID NOT NULL,
  proposer     TEXT NOT NULL,            -- the name then
  proposed_at  TIMESTAMPTZ NOT NULL,
  expires_at   TIMESTAMPTZ NOT NULL,
  passes_at    TIMESTAMPTZ,              -- when it takes effect by itself, since nobody can approve it; NULL: never
  state        TEXT NOT NULL,            -- waiting, approved, passed, stopped, expired, void
  decided_by   UUID,
  decider      TEXT NOT NULL DEFAULT '',
  decided_at   TIMESTAMPTZ
);
CREATE INDEX approval_waiting ON approval (expires_at) WHERE state = 'waiting';
CREATE INDEX approval_subject ON approval (subject_id);
CREATE INDEX approval_customer ON approval (customer_id);
CREATE INDEX approval_proposed ON approval (proposed_at);

-- Who made whose account and gave or took which guarding role: within 30 days neither the one nor the other counts as a
-- second person.
CREATE TABLE guard_event (
  id         UUID PRIMARY KEY,
  account_id UUID NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  what       TEXT NOT NULL, -- made, given, lost
  role       TEXT NOT NULL, -- empty with made, and where all that the account has are meant
  by_id      UUID,          -- NULL: Kontor itself, a command
  at         TIMESTAMPTZ NOT NULL
);
CREATE INDEX guard_event_account ON guard_event (account_id);
CREATE INDEX guard_event_at ON guard_event (at);
-- What was done before this version counts as well; the log has it.
INSERT INTO guard_event (id, account_id, what, role, by_id, at)
  SELECT e.id, e.subject_id, CASE e.action WHEN 'account.created' THEN 'made' ELSE 'given' END, '', e.actor_id, e.at
  FROM audit AS e JOIN account AS a ON a.id = e.subject_id
  WHERE a.specialist AND e.action IN ('account.created', 'account.roles_changed', 'account.reactivated');

-- Mails about an approval go with it.
ALTER TABLE message ADD COLUMN approval_id UUID REFERENCES approval (id) ON DELETE CASCADE;
CREATE INDEX message_approval ON message (approval_id) WHERE approval_id IS NOT NULL;

-- An access that waits is deactivated as well, so that nothing lets it in. approved says for which address (folded) a
-- second person agreed that it may be a specialist user's.
ALTER TABLE access ADD COLUMN waiting BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE access ADD COLUMN approved TEXT NOT NULL DEFAULT '';
