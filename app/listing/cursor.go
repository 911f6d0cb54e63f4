package listing

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gofrs/uuid/v5"

	"kontor/app/store"
)

// maxCursor is the longest cursor that is decoded. A sort name comes from at most 200 characters of a form field;
// folding may lengthen it.
const maxCursor = 4096

// Text is a value of a cursor that may be any text, unlike a string, which must be a sort name. It may only be the last value.
type Text string

// Encode writes a cursor: the key of a row, for use in a URL. The values are of type int, int64, time.Time, uuid.UUID,
// string or Text. Numbers must not be negative, times must be whole microseconds, and a string must be a sort name
// (store.SortKey). form distinguishes lists, orders and versions of a key.
func Encode(form byte, key ...any) string {
	b := []byte{form}
	for i, value := range key {
		switch v := value.(type) {
		case int:
			b = binary.AppendUvarint(b, uint64(v)) //nolint:gosec // not negative
		case int64:
			b = binary.AppendUvarint(b, uint64(v)) //nolint:gosec // not negative
		case time.Time:
			b = binary.BigEndian.AppendUint64(b, uint64(v.UnixMicro())) //nolint:gosec // Decode turns it back
		case uuid.UUID:
			b = append(b, v.Bytes()...)
		case string:
			if i < len(key)-1 { // the last one ends with the cursor
				b = binary.AppendUvarint(b, uint64(len(v)))
			}
			b = append(b, v...)
		case Text:
			b = append(b, v...)
		default:
			panic(fmt.Sprintf("a cursor of type %T", value))
		}
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// Decode reads a cursor of the given form into the variables to which key points. ok is false for everything that
// Encode can't have written for these types; the variables must not be used then.
func Decode(cursor string, form byte, key ...any) (ok bool) {
	if cursor == "" || len(cursor) > maxCursor {
		return false
	}
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(b) == 0 || b[0] != form {
		return false
	}
	b = b[1:]
	values := make([]any, len(key))
	for i, variable := range key {
		if text, is := variable.(*string); is && i < len(key)-1 {
			length, n := binary.Uvarint(b)
			if n <= 0 || length > uint64(len(b)-n) {
				return false
			}
			end := n + int(length) //nolint:gosec // not longer than b
			values[i], _, ok = take(b[n:end], text)
			b = b[end:]
		} else {
			values[i], b, ok = take(b, variable)
		}
		if !ok {
			return false
		}
	}
	// No bytes may be left over. The cursor must also be spelled as Encode does: base64 ignores line breaks, for
	// example.
	return len(b) == 0 && Encode(form, values...) == cursor
}

// take reads one value into a variable.
func take(b []byte, variable any) (value any, rest []byte, ok bool) {
	switch v := variable.(type) {
	case *int:
		var n int64
		_, rest, ok = take(b, &n)
		*v = int(n)
		return *v, rest, ok
	case *int64:
		n, length := binary.Uvarint(b)
		if length <= 0 || n > math.MaxInt32 { // no row has a larger number
			return nil, nil, false
		}
		*v = int64(n)
		return *v, b[length:], true
	case *time.Time:
		if len(b) < 8 {
			return nil, nil, false
		}
		*v = time.UnixMicro(int64(binary.BigEndian.Uint64(b))).UTC() //nolint:gosec // as Encode
		return *v, b[8:], v.Year() >= 1 && v.Year() <= 9999          // databases accept no other years
	case *uuid.UUID:
		if len(b) < uuid.Size {
			return nil, nil, false
		}
		*v = uuid.FromBytesOrNil(b[:uuid.Size])
		return *v, b[uuid.Size:], true
	case *string:
		*v = string(b)
		return *v, nil, utf8.Valid(b) && *v == store.SortKey(*v) // databases accept only valid text
	case *Text:
		*v = Text(b)
		return *v, nil, utf8.Valid(b) && !strings.ContainsRune(string(b), 0) // PostgreSQL's texts have no zeros
	}
	panic(fmt.Sprintf("a cursor of type %T", variable))
}
