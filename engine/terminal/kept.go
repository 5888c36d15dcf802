package terminal

import "bytes"

// kept is the end of a stream of bytes: the last size of them. Its memory grows with
// what is written.
type kept struct {
	size int
	ring []byte
	end  int64 // how many bytes have been written
}

// begin is the number of the first byte that is there.
func (k *kept) begin() int64 { return max(0, k.end-int64(len(k.ring))) }

func (k *kept) write(p []byte) {
	if room := k.size - len(k.ring); room > 0 && k.end == int64(len(k.ring)) { // it has not gone round yet
		n := min(room, len(p))
		k.ring = append(k.ring, p[:n]...)
		k.end += int64(n)
		p = p[n:]
	}
	for len(p) > 0 {
		n := copy(k.ring[k.end%int64(k.size):], p)
		k.end += int64(n)
		p = p[n:]
	}
}

// read copies at most n bytes from the one of that number on, which must be there.
func (k *kept) read(from int64, n int) []byte {
	n = min(n, int(k.end-from))
	out := make([]byte, 0, n)
	for len(out) < n {
		at := int(from+int64(len(out))) % max(len(k.ring), 1)
		out = append(out, k.ring[at:min(len(k.ring), at+n-len(out))]...)
	}
	return out
}

// whole is where somebody begins to read who has seen nothing: at the first line that is
// whole, where some of the output is gone. It is the middle of a line where lines are long.
func (k *kept) whole() int64 {
	from := k.begin()
	if from == 0 {
		return 0
	}
	if i := bytes.IndexByte(k.read(from, k.size/4), '\n'); i >= 0 {
		return from + int64(i) + 1
	}
	return from
}
