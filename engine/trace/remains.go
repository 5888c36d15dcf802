package trace

import (
	"bytes"
	"os"
	"runtime"

	"github.com/podhop/podhop/engine/trace/capture"
)

// Remains counts what capturing has: nothing, when nobody watches.
type Remains struct {
	Rings      int // packet sockets in the sources
	Tables     int // of taps, in the sources
	Goroutines int // of this package's tracers and those below it, in this process
}

// Remains counts in the kernel and in the process; other sessions' tracers are among
// the goroutines.
func (t *Tracer) Remains() (r Remains, err error) {
	for _, s := range t.cfg.Sources() {
		err := s.Net.Do(func() error {
			packet, err := os.ReadFile("/proc/thread-self/net/packet")
			if err != nil {
				return err
			}
			r.Rings += max(0, bytes.Count(packet, []byte("\n"))-1)
			return nil
		})
		if err != nil {
			return r, err
		}
		tapped, err := capture.Tapped(s.Net)
		if err != nil {
			return r, err
		}
		if tapped {
			r.Tables++
		}
	}
	stacks := make([]byte, 1<<20)
	for n := runtime.Stack(stacks, true); ; n = runtime.Stack(stacks, true) {
		if n < len(stacks) {
			stacks = stacks[:n]
			break
		}
		stacks = make([]byte, 2*len(stacks))
	}
	for stack := range bytes.SplitSeq(stacks, []byte("\n\n")) {
		if bytes.Contains(stack, []byte(".(*Tracer).Remains")) {
			continue // this one
		}
		for _, running := range []string{"engine/trace.(*loop)", "engine/trace.(*watermark)", "engine/trace.(*Tracer)", "engine/trace/capture."} {
			if bytes.Contains(stack, []byte(running)) {
				r.Goroutines++
				break
			}
		}
	}
	return r, nil
}
