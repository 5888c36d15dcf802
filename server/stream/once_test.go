package stream

import (
	"bytes"
	"net"
	"strings"
	"testing"
)

type written struct {
	net.Conn
	text bytes.Buffer
}

func (w *written) Write(p []byte) (int, error) { return w.text.Write(p) }

// However frames are cut into writes, what comes after a close frame is dropped, and
// nothing before.
func TestLastFrame(t *testing.T) {
	frame := func(first byte, payload string) string {
		switch n := len(payload); {
		case n < 126:
			return string([]byte{first, byte(n)}) + payload
		case n < 1<<16:
			return string([]byte{first, 126, byte(n >> 8), byte(n)}) + payload
		default:
			return string([]byte{first, 127, 0, 0, 0, 0, 0, byte(n >> 16), byte(n >> 8), byte(n)}) + payload
		}
	}
	// A message in two frames with a ping between, and texts that look like close frames.
	before := frame(0x01, "\x88\x00") + frame(0x89, "") + frame(0x80, strings.Repeat("\x88\x02", 200)) + frame(0x82, strings.Repeat("\x88\x02", 40_000))
	for _, last := range []string{frame(0x88, ""), frame(0x88, "\x03\xe9the server goes away")} {
		whole := before + last + frame(0x88, "\x03\xe9") + frame(0x81, "late")
		for _, step := range []int{1, 2, 3, 7, 4096, len(before) + 1, len(before) + len(last), len(whole)} {
			w := &written{}
			l := &lastFrame{Conn: w}
			for rest := []byte(whole); len(rest) > 0; {
				n := min(step, len(rest))
				if m, err := l.Write(rest[:n]); m != n || err != nil {
					t.Fatalf("wrote %d, %v", m, err)
				}
				rest = rest[n:]
			}
			if got := w.text.String(); got != before+last {
				t.Errorf("in steps of %d: %d bytes were written, want %d", step, len(got), len(before+last))
			}
		}
	}
}
