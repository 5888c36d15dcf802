package container

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/time/rate"
)

// A container that logs without end is held up; what it has in its pipes when it
// ends is still written.
func TestLogPace(t *testing.T) {
	const burst, all = 64 << 10, 256 << 10
	log, err := openLog(t.TempDir()+"/log", rate.NewLimiter(0, burst)) // it never gets more
	if err != nil {
		t.Fatal(err)
	}
	defer log.close()
	line := strings.Repeat("x", 1023) + "\n"
	done := make(chan struct{})
	go func() {
		defer close(done)
		l := lines{log: log, stream: "stdout"}
		for range all / len(line) {
			l.add([]byte(line))
		}
	}()
	size := func() int64 {
		info, err := os.Stat(log.path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	// All of the burst is taken, but for less than one line.
	for deadline := time.Now().Add(time.Minute); size() < burst-2*int64(len(line)); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("only %d bytes of the burst were written", size())
		}
	}
	select {
	case <-done:
		t.Fatalf("nothing held it up: %d bytes", size())
	default:
	}
	if got := size(); got > burst {
		t.Errorf("%d bytes were written, more than %d", got, burst)
	}
	log.hurry()
	<-done
	if got := size(); got < all {
		t.Errorf("%d bytes in the end, of more than %d", got, all)
	}
}

// TestHugeLine has a container write one line of 100 MB.
func TestHugeLine(t *testing.T) {
	const length = 100 << 20
	s := testSession(t, testHost(t), 1, func(c *SessionConfig) { c.LogBytes = length })
	c := run(t, s, nil, "sh", "-c", "head -c 104857600 /dev/zero | tr '\\0' x; echo; echo end")
	if st := wait(t, c); st.ExitCode != 0 {
		t.Fatalf("status %+v", st)
	}
	text, err := os.ReadFile(c.Spec().LogPath)
	if err != nil {
		t.Fatal(err)
	}
	partial, total := 0, 0
	for line := range bytes.Lines(text) {
		if len(line) > maxLine+100 {
			t.Fatalf("a line of %d bytes", len(line))
		}
		_, rest, _ := bytes.Cut(line, []byte(" stdout "))
		tag, content, _ := bytes.Cut(bytes.TrimSuffix(rest, []byte("\n")), []byte(" "))
		if string(tag) == "P" {
			partial++
		}
		total += len(content)
	}
	// The line is a multiple of what is cut, so that its end is a full line of that size.
	if total != length+len("end") || partial != length/maxLine-1 || !bytes.HasSuffix(text, []byte(" stdout F end\n")) {
		t.Errorf("%d bytes in %d partial lines, the last %.80q", total, partial, text[len(text)-80:])
	}
}
