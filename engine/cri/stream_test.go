package cri_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	remote "k8s.io/cri-client/pkg"
	utilexec "k8s.io/utils/exec"

	"github.com/podhop/podhop/engine/container"
	"github.com/podhop/podhop/engine/cri"
)

func TestExecSync(t *testing.T) {
	tests := []struct {
		name    string
		exec    func(ctx context.Context, x container.ExecSpec) (int, error)
		timeout time.Duration
		stdout  string
		check   func(error) bool
	}{
		{"succeeds", func(_ context.Context, x container.ExecSpec) (int, error) {
			_, _ = io.WriteString(x.Stdout, strings.Join(x.Args, " "))
			return 0, nil
		}, 0, "echo hi", func(err error) bool { return err == nil }},
		{"fails", func(_ context.Context, x container.ExecSpec) (int, error) {
			_, _ = io.WriteString(x.Stderr, "no such file")
			return 2, nil
		}, 0, "", func(err error) bool {
			var exit utilexec.ExitError
			return errors.As(err, &exit) && exit.ExitStatus() == 2 && strings.Contains(err.Error(), "no such file")
		}},
		{"times out", func(ctx context.Context, _ container.ExecSpec) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		}, time.Millisecond, "", func(err error) bool { return errors.Is(err, remote.ErrCommandTimedOut) }},
		{"cannot start", func(context.Context, container.ExecSpec) (int, error) { return -1, container.ErrExec }, 0, "",
			func(err error) bool { return errors.Is(err, container.ErrExec) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := newFixture(t)
			f.containers.OnExec = test.exec
			_, id, _ := f.run(t, "web", containerConfig())
			stdout, _, err := f.ExecSync(t.Context(), id, []string{"echo", "hi"}, test.timeout)
			if string(stdout) != test.stdout || !test.check(err) {
				t.Errorf("got %q, %v", stdout, err)
			}
		})
	}
}

func TestExecStream(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	f.containers.OnExec = func(_ context.Context, x container.ExecSpec) (int, error) {
		_, err := io.Copy(x.Stdout, x.Stdin)
		return 7, err
	}
	_, id, _ := f.run(t, "web", containerConfig())
	resp, err := f.Exec(ctx, &runtimeapi.ExecRequest{ContainerId: id, Cmd: []string{"cat"}, Stdin: true, Stdout: true})
	if err != nil {
		t.Fatal(err)
	}
	out, err := stream(t, f, resp.Url, "hello")
	var exit utilexec.ExitError
	if out != "hello" || !errors.As(err, &exit) || exit.ExitStatus() != 7 {
		t.Errorf("got %q, %v", out, err)
	}
	resp2, err := f.Attach(ctx, &runtimeapi.AttachRequest{ContainerId: id, Stdin: true, Stdout: true})
	if err != nil {
		t.Fatal(err)
	}
	if out, err := stream(t, f, resp2.Url, "again"); out != "again" || err != nil {
		t.Errorf("got %q, %v", out, err)
	}
	f.containers.All()[0].End(0, false)
	if _, err := f.Exec(ctx, &runtimeapi.ExecRequest{ContainerId: id, Cmd: []string{"cat"}, Stdout: true}); err == nil {
		t.Error("exec in a container that has ended")
	}
}

func stream(t *testing.T, f *fixture, at, stdin string) (string, error) {
	t.Helper()
	server := httptest.NewServer(f.Streams())
	t.Cleanup(server.Close)
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = strings.TrimPrefix(server.URL, "http://")
	x, err := remotecommand.NewSPDYExecutor(&rest.Config{Host: server.URL}, "POST", u)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err = x.StreamWithContext(t.Context(), remotecommand.StreamOptions{Stdin: strings.NewReader(stdin), Stdout: &out})
	return out.String(), err
}

func TestPortForwardDialsFromThePod(t *testing.T) {
	f := newFixture(t)
	var dialled []string
	f.network.Dial = func(_ context.Context, network, address string) (net.Conn, error) {
		dialled = append(dialled, network+" "+address)
		return nil, errors.New("connection refused")
	}
	sandbox := f.create(t, "web")
	if _, err := f.PortForward(t.Context(), &runtimeapi.PortForwardRequest{PodSandboxId: sandbox, Port: []int32{80}}); err != nil {
		t.Fatal(err)
	}
	err := cri.ForwardPort(t.Context(), f.Runtime, sandbox, 80)
	if err == nil || !strings.Contains(err.Error(), "failed to connect to localhost:80 inside the pod: connection refused") {
		t.Errorf("got %v", err)
	}
	if want := []string{"tcp 127.0.0.1:80", "tcp [::1]:80"}; !reflect.DeepEqual(dialled, want) {
		t.Errorf("dialled %v", dialled)
	}
}
