package node_test

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"
)

// TestExecLeavesNothing runs commands over both protocols, some to their end and some
// whose client goes while they run, and finds no process and no goroutine of them.
func TestExecLeavesNothing(t *testing.T) {
	w := newWorld(t)
	p := w.until(w.create(pod("web", forever())).Name, "Ready", ready)
	client, err := kubernetes.NewForConfig(w.remote)
	w.must(err)
	executor := func(protocol string, options corev1.PodExecOptions) remotecommand.Executor {
		u := client.CoreV1().RESTClient().Post().Resource("pods").Namespace("default").Name("web").SubResource("exec").
			VersionedParams(&options, scheme.ParameterCodec).URL()
		var x remotecommand.Executor
		var err error
		if protocol == "SPDY" {
			x, err = remotecommand.NewSPDYExecutor(w.remote, "POST", u)
		} else {
			x, err = remotecommand.NewWebSocketExecutor(w.remote, "GET", u.String())
		}
		w.must(err)
		return x
	}
	// ends runs a command that ends by itself.
	ends := func(protocol string) {
		err := executor(protocol, corev1.PodExecOptions{Command: []string{"cat"}, Stdin: true, Stdout: true}).
			StreamWithContext(t.Context(), remotecommand.StreamOptions{Stdin: strings.NewReader("x"), Stdout: io.Discard})
		w.must(err)
	}
	// cut runs one that would not, until its client goes.
	cut := func(protocol string, tty bool) {
		ctx, cancel := context.WithCancel(t.Context())
		up := make(started)
		done := make(chan error, 1)
		stdin, keyboard := io.Pipe()
		defer keyboard.Close()
		go func() {
			done <- executor(protocol, corev1.PodExecOptions{Command: []string{"sh", "-c", "trap '' HUP; echo up; exec sleep 4321"}, Stdin: true, Stdout: true, TTY: tty}).
				StreamWithContext(ctx, remotecommand.StreamOptions{Stdin: stdin, Stdout: up, Tty: tty})
		}()
		select {
		case <-up:
		case err := <-done:
			t.Fatalf("%s: it ended by itself: %v", protocol, err)
		}
		cancel()
		<-done
	}
	gone := func() error {
		out, _, err := w.runtime.ExecSync(t.Context(), strings.TrimPrefix(p.Status.ContainerStatuses[0].ContainerID, "crun://"), []string{"ps"}, 0)
		w.must(err)
		if strings.Contains(string(out), "sleep 4321") {
			return fmt.Errorf("these run:\n%s", out)
		}
		return nil
	}
	all := func(n int) {
		for _, protocol := range []string{"SPDY", "websockets"} {
			for range n {
				ends(protocol)
			}
			for _, tty := range []bool{false, true} {
				cut(protocol, tty)
			}
			w.eventually(protocol+": the processes are gone", gone)
		}
	}
	all(1) // starts what is there for good
	before := runtime.NumGoroutine()
	all(60)
	const slack = 10 // of watches and timers
	w.eventually("the goroutines are gone", func() error {
		if now := runtime.NumGoroutine(); now > before+slack {
			stacks := make([]byte, 1<<20)
			return fmt.Errorf("%d, before %d\n%s", now, before, stacks[:runtime.Stack(stacks, true)])
		}
		return nil
	})
}

// started is closed by the first byte that is written to it.
type started chan struct{}

func (s started) Write(p []byte) (int, error) {
	select {
	case <-s:
	default:
		if len(p) > 0 {
			close(s)
		}
	}
	return len(p), nil
}
