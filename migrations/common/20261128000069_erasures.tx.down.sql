DROP TABLE erasure_log;
ALTER TABLE deletion DROP COLUMN recorded_at;
