package journal

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"slices"
)

// writeSnapshot writes a state, and the generation of the log that goes on from it.
func writeSnapshot(w io.Writer, s State, next uint64) error {
	b := bufio.NewWriterSize(w, 64<<10)
	head := appendFrame(slices.Clone(snapshotMagic), func(b []byte) []byte {
		b = binary.AppendUvarint(b, s.Revision)
		b = binary.AppendUvarint(b, next)
		b = binary.AppendUvarint(b, uint64(len(s.Objects)))
		b = binary.AppendUvarint(b, uint64(len(s.Written)))
		for _, resource := range slices.Sorted(maps.Keys(s.Written)) {
			b = binary.AppendUvarint(b, uint64(len(resource)))
			b = append(b, resource...)
			b = binary.AppendUvarint(b, s.Written[resource])
		}
		return b
	})
	if _, err := b.Write(head); err != nil {
		return err
	}
	var buf []byte
	for _, c := range s.Objects {
		buf = appendFrame(buf[:0], c.append)
		if _, err := b.Write(buf); err != nil {
			return err
		}
	}
	return b.Flush()
}

// parseSnapshot reads what writeSnapshot wrote: all of it, and nothing behind.
func parseSnapshot(text []byte) (s State, next uint64, err error) {
	rest, ok := bytes.CutPrefix(text, snapshotMagic)
	if !ok {
		return s, 0, fmt.Errorf("%w: it does not begin as one", ErrDamaged)
	}
	head, rest, ok := frame(rest)
	if !ok {
		return s, 0, fmt.Errorf("%w: its head is not whole", ErrDamaged)
	}
	r := reader{head}
	s.Revision, next = r.uvarint(), r.uvarint()
	objects, resources := r.uvarint(), r.uvarint()
	s.Written = map[string]uint64{}
	for ; resources > 0 && r.b != nil; resources-- {
		name := r.text()
		s.Written[name] = r.uvarint()
	}
	if r.b == nil || len(r.b) > 0 {
		return s, 0, fmt.Errorf("%w: its head says nothing that was written", ErrDamaged)
	}
	for ; objects > 0; objects-- {
		payload, behind, ok := frame(rest)
		if !ok {
			return s, 0, fmt.Errorf("%w: the object at byte %d is not whole", ErrDamaged, len(text)-len(rest))
		}
		c, err := parse(payload)
		if err != nil || c.Value == nil || c.Revision > s.Revision {
			return s, 0, fmt.Errorf("%w: at byte %d there is no object", ErrDamaged, len(text)-len(rest))
		}
		s.Objects = append(s.Objects, c)
		rest = behind
	}
	if len(rest) > 0 {
		return s, 0, fmt.Errorf("%w: there is more than it says", ErrDamaged)
	}
	return s, next, nil
}
