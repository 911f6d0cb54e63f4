-- The keys that encrypt documents: one for each customer, and one for what belongs to no customer (owner_id is all zeros).
-- owner_id is no foreign key, since the key outlives the rows of a customer until its bytes are gone.
CREATE TABLE blob_key (
  owner_id   UUID PRIMARY KEY,
  sealed     BYTEA NOT NULL,          -- an age identity, sealed with SECRET_KEY
  folder     TEXT NOT NULL UNIQUE,    -- where the owner's objects are in the store
  escrow     TEXT NOT NULL DEFAULT '', -- ESCROW_RECIPIENT for whom the store has the key; '': for nobody
  created_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX blob_key_escrow ON blob_key (escrow, owner_id);

-- Bytes that are complete. Equal bytes of one owner are stored once.
CREATE TABLE blob (
  id         UUID PRIMARY KEY,
  owner_id   UUID NOT NULL REFERENCES blob_key (owner_id),
  digest     BYTEA NOT NULL,  -- keyed hash of the bytes
  size       BIGINT NOT NULL, -- bytes
  type       TEXT NOT NULL,   -- media type, by content
  parts      BYTEA NOT NULL,  -- for each part its keyed hash (16 bytes) and its size (4 bytes, big endian)
  scan       TEXT NOT NULL,   -- what is known of malware in it: off, waiting, clean, too_large, away, infected
  signature  TEXT NOT NULL DEFAULT '', -- of the malware that was found; '': none, or it has no name
  scanned_at TIMESTAMPTZ,     -- when that was found out; of away since when; NULL: nobody has looked yet
  scan_at    TIMESTAMPTZ,     -- when it is to be scanned, or is given up by the process that scans it; NULL: never
  created_at TIMESTAMPTZ NOT NULL
);
CREATE UNIQUE INDEX blob_digest ON blob (owner_id, digest);
CREATE INDEX blob_scan ON blob (scan, scan_at) WHERE scan_at IS NOT NULL;
CREATE INDEX blob_scan_off ON blob (id) WHERE scan = 'off';

-- Bytes that are on their way. A row that is complete stays until it expires, for a sender who did not hear the answer.
CREATE TABLE upload (
  id          UUID PRIMARY KEY,
  owner_id    UUID NOT NULL REFERENCES blob_key (owner_id),
  sender_id   UUID NOT NULL,          -- the account that sends it
  name        TEXT NOT NULL,          -- of the file
  target      TEXT NOT NULL,          -- what the bytes are for, in the words of the package that takes them
  size        BIGINT NOT NULL,        -- bytes, as announced
  received    BIGINT NOT NULL DEFAULT 0,
  hash        BYTEA NOT NULL,         -- state of SHA-256 over what was received
  parts       BYTEA NOT NULL,         -- as in blob
  blob_id     UUID,                   -- what became of it; NULL: not complete
  created_at  TIMESTAMPTZ NOT NULL,
  expires_at  TIMESTAMPTZ NOT NULL
);
CREATE INDEX upload_owner ON upload (owner_id);
CREATE INDEX upload_expiry ON upload (expires_at);

-- Folders of the store that must be deleted: at once, and again when nobody can still be writing into them.
CREATE TABLE blob_garbage (
  folder     TEXT PRIMARY KEY,
  due_at     TIMESTAMPTZ NOT NULL,
  final_at   TIMESTAMPTZ NOT NULL -- from then on nobody can still be writing
);
CREATE INDEX blob_garbage_due ON blob_garbage (due_at);
