package journal

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// aSession is a state as a new session has it: some 600 objects of 900 bytes.
func aSession() State {
	s := State{Revision: 1000, Written: map[string]uint64{}}
	for i := range 600 {
		s.Objects = append(s.Objects, Change{Revision: uint64(i + 1), Resource: "things", Prefix: "/things/", Key: fmt.Sprintf("/things/%04d", i), Value: make([]byte, 900)})
	}
	return s
}

func BenchmarkCreate(b *testing.B) {
	s, dir := aSession(), b.TempDir()
	for i := range b.N {
		name := filepath.Join(dir, fmt.Sprint(i))
		if err := os.Mkdir(name, 0o700); err != nil {
			b.Fatal(err)
		}
		j, err := Create(Config{Dir: name, State: aSession}, s)
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		j.Discard()
		b.StartTimer()
	}
}

func BenchmarkAppend(b *testing.B) {
	s := aSession()
	j, err := Create(Config{Dir: b.TempDir(), State: func() State { s.Revision = 1 << 62; return s }, Syncer: &Syncer{Every: 5 * time.Second}}, s)
	if err != nil {
		b.Fatal(err)
	}
	c := s.Objects[0]
	for i := range b.N {
		c.Revision = uint64(1001 + i)
		if err := j.Append(c, false); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	j.Discard()
}
