package blob

import (
	"errors"
	"io"
	"slices"
	"strings"

	"filippo.io/age"
)

// OpenStore opens the store that an address names: file:///path for a folder, which is made if there is none, or
// s3://KEY:SECRET@host:port/bucket?region=…&tls=on|off&path=on|off for a bucket, which is not. It is an error if the address is
// not such a one, or if the folder can't be used; a bucket is not asked yet (see Ready). No error contains the secret.
func OpenStore(address string) (Store, error) {
	if strings.HasPrefix(address, s3Scheme) {
		return OpenS3(address)
	}
	folder, err := folderOf(address)
	if err != nil {
		return nil, err
	}
	return OpenFolder(folder)
}

// CheckURL says whether OpenStore takes an address, without opening anything.
func CheckURL(address string) error {
	if strings.HasPrefix(address, s3Scheme) {
		_, err := parseS3(address)
		return err
	}
	_, err := folderOf(address)
	return err
}

// Place says where the documents of an address lie, without the names and secrets of who may go there.
func Place(address string) string {
	if a, err := parseS3(address); err == nil {
		return s3Scheme + a.host + "/" + a.bucket
	}
	return address
}

// CheckRecipient says whether text is an age recipient for X25519 (age1…), which every version of age understands.
func CheckRecipient(text string) error {
	if _, err := age.ParseX25519Recipient(text); err != nil {
		return errRecipient
	}
	return nil
}

var (
	errRecipient = errors.New("not an age recipient")
	errAddress   = errors.New("not the address of a store")
	errName      = errors.New("not the name of an object")
)

// folderOf returns the path in an address. It stands there as it is, not percent-encoded.
func folderOf(address string) (string, error) {
	folder, isFile := strings.CutPrefix(address, "file://")
	if !isFile || !strings.HasPrefix(folder, "/") || strings.ContainsRune(folder, 0) {
		return "", errAddress
	}
	return folder, nil
}

// The longest names that all stores take, in bytes.
const (
	maxName    = 1000
	maxSegment = 200
)

// checkName says whether a name is one of an object or folder, as Store describes them. A name of dots alone is none.
func checkName(name string) error {
	if len(name) > maxName {
		return errName
	}
	for segment := range strings.SplitSeq(name, "/") {
		if len(segment) > maxSegment || strings.Trim(segment, ".") == "" || strings.ContainsFunc(segment, foreignRune) {
			return errName
		}
	}
	return nil
}

// foreignRune says that a rune has no place in a name.
func foreignRune(r rune) bool {
	return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '.' && r != '-'
}

// appendFrom appends size bytes of r to into. It is an error if there are fewer; into is returned then.
func appendFrom(r io.Reader, size int64, into []byte) ([]byte, error) {
	all := slices.Grow(into, int(size))[:len(into)+int(size)]
	if _, err := io.ReadFull(r, all[len(into):]); err != nil {
		return into, err
	}
	return all, nil
}
