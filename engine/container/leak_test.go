package container

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/podhop/podhop/internal/nsexec"
)

// use is what a process can leak.
func use(t testing.TB) (files, goroutines int) {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(fds), runtime.NumGoroutine()
}

func TestNothingLeaks(t *testing.T) {
	h := testHost(t)
	round := func(n int) {
		maps := []nsexec.IDMap{{Inner: 0, Outer: 0, Size: 1}}
		if !h.SingleID() {
			maps = []nsexec.IDMap{{Inner: 0, Outer: 65536 * n, Size: 65536}}
		}
		ns, err := nsexec.NewUserNS(maps)
		if err != nil {
			t.Fatal(err)
		}
		defer ns.Close()
		s, err := h.OpenSession(SessionConfig{ID: fmt.Sprint("s", n), UserNS: ns, UIDBase: maps[0].Outer})
		if err != nil {
			t.Fatal(err)
		}
		box, err := nsexec.NewSandbox(ns, "pod")
		if err != nil {
			t.Fatal(err)
		}
		defer box.Close()
		var containers sync.WaitGroup
		for i := range 8 {
			containers.Go(func() {
				c, err := s.Create(t.Context(), Spec{ID: fmt.Sprint("c", i), Image: testImage(t, "busybox"), Command: []string{"sleep", "1000"}, Sandbox: box, TTY: i%2 == 0, Stdin: i%4 < 2})
				if err == nil {
					err = c.Start(t.Context())
				}
				if err != nil {
					t.Error(err)
					return
				}
				if _, _, code, err := c.ExecSync(t.Context(), []string{"true"}, 0); code != 0 || err != nil {
					t.Error(code, err)
				}
				go c.Attach(t.Context(), AttachSpec{Stdin: strings.NewReader("x")})
				if _, _, _, err := c.ExecSync(t.Context(), []string{"nope"}, 0); err == nil {
					t.Error("an exec of nothing succeeded")
				}
			})
		}
		containers.Wait()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	round(1) // what is kept for good is made
	files, goroutines := use(t)
	for n := range 3 {
		round(2 + n)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		f, g := use(t)
		if f <= files && g <= goroutines {
			return
		}
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d files and %d goroutines, before %d and %d\n%s", f, g, files, goroutines, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// BenchmarkMany runs ten sessions' containers at once.
func BenchmarkMany(b *testing.B) {
	h := testHost(b)
	img := testImage(b, "busybox")
	var sessions []*Session
	for i := range 10 {
		sessions = append(sessions, testSession(b, h, 1+i, nil))
	}
	const each = 10
	for b.Loop() {
		var all sync.WaitGroup
		for _, s := range sessions {
			box := testSandbox(b, s)
			all.Go(func() {
				for i := range each {
					c, err := s.Create(b.Context(), Spec{ID: fmt.Sprint("c", i), Image: img, Command: []string{"sleep", "1000"}, Sandbox: box})
					if err == nil {
						err = c.Start(b.Context())
					}
					if err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		all.Wait()
		b.StopTimer()
		for _, s := range sessions {
			for _, c := range s.Containers() {
				if err := c.Remove(); err != nil {
					b.Fatal(err)
				}
			}
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(b.N*each*len(sessions))/b.Elapsed().Seconds(), "starts/s")
}
