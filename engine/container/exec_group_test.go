package container

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// TestExecGroup: what a process has started goes with it, if that is wanted.
func TestExecGroup(t *testing.T) {
	s := testSession(t, testHost(t), 1, nil)
	c := run(t, s, nil, "sleep", "1000")
	out := newScreen()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := c.Exec(ctx, ExecSpec{Args: []string{"sh", "-c", "sleep 4321 & sleep 4321 | cat & echo star''ted; wait"}, Stdout: out, Group: true})
		ended <- err
	}()
	out.wait(t, "started")
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Fatalf("ended with %v", err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		processes, _, _, err := c.ExecSync(t.Context(), []string{"ps"}, 0)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(processes), "4321") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("left over:\n%s", processes)
		}
	}
}
