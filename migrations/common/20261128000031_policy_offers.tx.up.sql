-- Rights that are new in a version of the program, as far as this installation is done with them: they came with its
-- first policy, stand in a published one, were put into the draft by Kontor itself, or were dismissed.
CREATE TABLE policy_offer (
  id         TEXT PRIMARY KEY,        -- of policies.Offers
  state      TEXT NOT NULL,           -- drafted, given, dismissed
  settled_by UUID,                    -- who dismissed it or published it; NULL: Kontor itself
  settled_at TIMESTAMPTZ NOT NULL
);
