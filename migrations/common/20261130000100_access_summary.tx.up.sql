-- What the overview shows of a customer's accesses, so that it reads no other table. access_worst is the most serious
-- status, with every link still valid; access_expires_at is when the first link of an invitation expires.
ALTER TABLE customer ADD COLUMN access_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE customer ADD COLUMN access_registered INTEGER NOT NULL DEFAULT 0;
ALTER TABLE customer ADD COLUMN access_worst TEXT NOT NULL DEFAULT '';
ALTER TABLE customer ADD COLUMN access_expires_at TIMESTAMPTZ;
UPDATE customer SET access_count = a.n, access_registered = a.registered, access_expires_at = a.expires_at,
  access_worst = CASE a.severity WHEN 5 THEN 'undeliverable' WHEN 4 THEN 'waiting' WHEN 3 THEN 'invited' WHEN 2 THEN 'registered' ELSE 'deactivated' END
FROM (
  SELECT customer_id, count(*) AS n, max(severity) AS severity,
    count(CASE WHEN severity = 2 THEN 1 END) AS registered, min(CASE WHEN severity = 3 THEN link_expires_at END) AS expires_at
  FROM (
    SELECT customer_id, link_expires_at, CASE WHEN waiting THEN 4 WHEN deactivated_at IS NOT NULL THEN 1 WHEN registered_at IS NOT NULL THEN 2
      WHEN undeliverable <> '' THEN 5 ELSE 3 END AS severity
    FROM access
  ) AS status
  GROUP BY customer_id
) AS a
WHERE a.customer_id = customer.id;
