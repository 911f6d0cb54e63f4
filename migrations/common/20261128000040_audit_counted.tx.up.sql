-- What repeats (failed sign-ins, refused requests, downloads) is one row with a count, see app/audit/counted.go.
ALTER TABLE audit ADD COLUMN times INTEGER NOT NULL DEFAULT 1;
ALTER TABLE audit ADD COLUMN last_at TIMESTAMPTZ;   -- of the last one; NULL where there is no count
ALTER TABLE audit ADD COLUMN bucket TEXT;           -- action and hour of a counted row; NULL: not counted
ALTER TABLE audit ADD COLUMN fold TEXT;             -- what is one row within the bucket
CREATE UNIQUE INDEX audit_bucket ON audit (bucket, fold) WHERE bucket IS NOT NULL;
