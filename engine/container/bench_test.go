package container

import (
	"fmt"
	"testing"
)

func BenchmarkStart(b *testing.B) {
	s := testSession(b, testHost(b), 1, nil)
	img := testImage(b, "busybox")
	box := testSandbox(b, s)
	n := 0
	for b.Loop() {
		n++
		c, err := s.Create(b.Context(), Spec{ID: fmt.Sprint("c", n), Image: img, Command: []string{"sleep", "1000"}, Sandbox: box})
		if err != nil {
			b.Fatal(err)
		}
		if err := c.Start(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := c.Remove(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms/start")
}

func BenchmarkExec(b *testing.B) {
	s := testSession(b, testHost(b), 1, nil)
	c := run(b, s, func(s *Spec) { s.ID = "c" }, "sleep", "1000")
	for b.Loop() {
		if _, _, code, err := c.ExecSync(b.Context(), []string{"true"}, 0); code != 0 || err != nil {
			b.Fatal(code, err)
		}
	}
}
