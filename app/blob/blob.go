// Package blob stores the bytes of documents. Bytes are cut into parts of at most 1 MiB, each encrypted and stored as an object
// of its own, in a folder or in a store that speaks S3's protocol. The package knows nothing of what the bytes are for.
package blob
