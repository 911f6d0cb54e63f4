package migrations

// LockKey is the advisory lock of a step.
const LockKey = lockKey
