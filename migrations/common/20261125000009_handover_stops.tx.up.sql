-- A handover stops when one of those who take over is no longer an active specialist user; who, it remembers.
ALTER TABLE handover ADD COLUMN stopped_for UUID;
