package blob

import (
	"encoding/binary"
	"encoding/hex"
	"errors"

	"golang.org/x/crypto/blake2b"
)

// part is a part of a blob: the keyed hash of its bytes and their number. The hash is also its name in the blob's folder, so
// sending a part twice is storing it once, and a part can't be exchanged for another one.
type part struct {
	hash [partHash]byte
	size uint32
}

const (
	partHash = 16 // bytes of a part's hash: BLAKE2b-128 with a key
	partRow  = partHash + 4
)

// object is the part's name in the store.
func (p part) object(folder string) string { return folder + "/" + p.name() }

func (p part) name() string { return hex.EncodeToString(p.hash[:]) }

// partOf names bytes of an owner as a part.
func (o owner) partOf(data []byte) (p part, err error) {
	h, err := blake2b.New(partHash, o.derived("part"))
	if err != nil {
		return p, err
	}
	h.Write(data)
	h.Sum(p.hash[:0])
	p.size = uint32(len(data)) //nolint:gosec // at most PartSize
	return p, nil
}

// packParts writes parts as the column parts has them.
func packParts(parts []part) []byte {
	b := make([]byte, 0, len(parts)*partRow)
	for _, p := range parts {
		b = binary.BigEndian.AppendUint32(append(b, p.hash[:]...), p.size)
	}
	return b
}

func unpackParts(b []byte) ([]part, error) {
	if len(b)%partRow != 0 {
		return nil, errors.New("the list of parts is damaged")
	}
	parts := make([]part, len(b)/partRow)
	for i := range parts {
		row := b[i*partRow:]
		parts[i].size = binary.BigEndian.Uint32(row[partHash:])
		copy(parts[i].hash[:], row)
	}
	return parts, nil
}
