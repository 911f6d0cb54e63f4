ALTER TABLE handover DROP COLUMN stopped_for;
