-- From when on a customer needs attention, for each kind of reason; attention_at is the earliest of the three. An index of
-- each has the customers of one kind in the order in which they are listed.
ALTER TABLE customer ADD COLUMN no_administrator_since TIMESTAMPTZ; -- no active specialist user administers it
ALTER TABLE customer ADD COLUMN no_access_since TIMESTAMPTZ;        -- nobody has, or had, access to it
ALTER TABLE customer ADD COLUMN invitation_at TIMESTAMPTZ;          -- an invitation failed, or will have gone unanswered
UPDATE customer SET
  no_administrator_since = CASE WHEN NOT EXISTS (
    SELECT 1 FROM customer_administrator AS a JOIN account AS p ON p.id = a.specialist_id AND p.active
    WHERE a.customer_id = customer.id) THEN attention_at END,
  no_access_since = CASE WHEN NOT EXISTS (SELECT 1 FROM access AS a WHERE a.customer_id = customer.id) THEN attention_at END,
  -- With another reason as well, this may be too early. What is listed depends on the access besides.
  invitation_at = CASE WHEN EXISTS (
    SELECT 1 FROM access AS a WHERE a.customer_id = customer.id AND a.registered_at IS NULL AND a.deactivated_at IS NULL) THEN attention_at END
WHERE attention_at IS NOT NULL;
CREATE INDEX customer_no_administrator ON customer (no_administrator_since, number, id, type, deleting)
  WHERE no_administrator_since IS NOT NULL AND NOT deleting;
CREATE INDEX customer_no_access ON customer (no_access_since, number, id, type, deleting) WHERE no_access_since IS NOT NULL AND NOT deleting;
CREATE INDEX customer_invitation ON customer (invitation_at, number, id, type, deleting) WHERE invitation_at IS NOT NULL AND NOT deleting;
-- Rows whose attention_at is none of the three: a process of the version before wrote it. The worker writes the three.
CREATE INDEX customer_needs_unknown ON customer (number)
  WHERE COALESCE(attention_at, no_administrator_since, no_access_since, invitation_at) IS NOT NULL
  AND (attention_at IN (no_administrator_since, no_access_since, invitation_at)) IS NOT TRUE;
