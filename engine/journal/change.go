package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"
)

// A Change is one write. As a part of a State it is an object, with the revision of its
// last write.
type Change struct {
	Revision uint64
	// Resource and Prefix are what the key belongs to.
	Resource, Prefix, Key string
	// Value is what was written; nil: the key was deleted.
	Value   []byte
	Expires time.Time // zero: never
}

// A State is everything as of a revision.
type State struct {
	Revision uint64
	Objects  []Change
	// Written are the revisions of the last writes to resources.
	Written map[string]uint64
}

var (
	// ErrDamaged says that what is in the folder is not what was written there.
	ErrDamaged = errors.New("the journal is damaged")
	// ErrFull says that a session has as much as it may have.
	ErrFull = errors.New("the session has reached the size that it may have")
	// ErrClosed says that nothing is written any more.
	ErrClosed = errors.New("the journal is closed")
)

// A frame is a length and a checksum of four bytes each, little endian, and then so many
// bytes.
const (
	frameHead = 8
	// mostBytes bounds a frame: objects are smaller by far.
	mostBytes = 32 << 20
)

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// appendFrame appends what fill appends, as a frame.
func appendFrame(b []byte, fill func([]byte) []byte) []byte {
	start := len(b)
	b = fill(append(b, make([]byte, frameHead)...))
	payload := b[start+frameHead:]
	binary.LittleEndian.PutUint32(b[start:], uint32(len(payload)))
	binary.LittleEndian.PutUint32(b[start+4:], checksum(payload))
	return b
}

// frame returns what the frame at the beginning of b holds, and what is behind it; false
// if there is no whole frame.
func frame(b []byte) (payload, rest []byte, ok bool) {
	if len(b) < frameHead {
		return nil, b, false
	}
	n := binary.LittleEndian.Uint32(b)
	if n == 0 || n > mostBytes || int(n) > len(b)-frameHead {
		return nil, b, false
	}
	payload = b[frameHead : frameHead+n]
	if binary.LittleEndian.Uint32(b[4:]) != checksum(payload) {
		return nil, b, false
	}
	return payload, b[frameHead+n:], true
}

const (
	deleted = 1 << iota
	expires
)

// append writes the change as the payload of a frame.
func (c Change) append(b []byte) []byte {
	b = binary.AppendUvarint(b, c.Revision)
	var flags byte
	if c.Value == nil {
		flags |= deleted
	}
	if !c.Expires.IsZero() {
		flags |= expires
	}
	b = append(b, flags)
	if flags&expires != 0 {
		b = binary.AppendVarint(b, c.Expires.UnixNano())
	}
	for _, s := range []string{c.Resource, c.Prefix, c.Key} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	return append(b, c.Value...)
}

// parse reads a change; its bytes are its own.
func parse(payload []byte) (c Change, err error) {
	r := reader{payload}
	c.Revision = r.uvarint()
	flags := r.byte()
	if flags&expires != 0 {
		c.Expires = time.Unix(0, r.varint())
	}
	for _, s := range []*string{&c.Resource, &c.Prefix, &c.Key} {
		*s = r.text()
	}
	if r.b == nil || flags&^(deleted|expires) != 0 || flags&deleted != 0 && len(r.b) > 0 {
		return c, fmt.Errorf("%w: a record says nothing that was written", ErrDamaged)
	}
	if flags&deleted == 0 {
		c.Value = append([]byte{}, r.b...)
	}
	return c, nil
}

// A reader takes values off the beginning of b, which is nil once one was not there.
type reader struct{ b []byte }

func (r *reader) skip(n int) {
	if n <= 0 || n > len(r.b) {
		r.b = nil
		return
	}
	r.b = r.b[n:]
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	r.skip(n)
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.b)
	r.skip(n)
	return v
}

func (r *reader) byte() (b byte) {
	if len(r.b) > 0 {
		b = r.b[0]
	}
	r.skip(1)
	return b
}

func (r *reader) text() string {
	n := r.uvarint()
	if r.b == nil || n > uint64(len(r.b)) {
		r.b = nil
		return ""
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}
