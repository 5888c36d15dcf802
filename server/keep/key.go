package keep

import (
	"errors"
	"fmt"
)

// Bounds of documents.
const (
	MaxKey   = 200 // bytes
	MaxValue = 1 << 20
)

// ErrInvalid says that there can be no such document: its key is none, or it is too large.
var ErrInvalid = errors.New("there can be no such document")

// Check reports with ErrInvalid what no Store takes.
func Check(key string, value []byte) error {
	if len(key) == 0 || len(key) > MaxKey {
		return fmt.Errorf("%w: a key has 1 to %d characters, not %d", ErrInvalid, MaxKey, len(key))
	}
	empty := true // the segment so far
	for _, c := range []byte(key + "/") {
		switch {
		case c == '/' && empty:
			return fmt.Errorf("%w: %q has a segment that is empty", ErrInvalid, key)
		case c == '/':
			empty = true
			continue
		case c == '.' && empty:
			return fmt.Errorf("%w: %q has a segment that begins with a dot", ErrInvalid, key)
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-':
		default:
			return fmt.Errorf("%w: %q has more than a-z, 0-9, dots, dashes, underscores and slashes", ErrInvalid, key)
		}
		empty = false
	}
	if len(value) > MaxValue {
		return fmt.Errorf("%w: it has %d bytes, and may have %d", ErrInvalid, len(value), MaxValue)
	}
	return nil
}
