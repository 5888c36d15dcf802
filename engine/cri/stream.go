package cri

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/cri-streaming/pkg/streaming"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	utilexec "k8s.io/utils/exec"

	remote "k8s.io/cri-client/pkg"

	"github.com/podhop/podhop/engine/container"
)

// StreamHost is the host in the URLs that Exec, Attach and PortForward answer;
// whoever follows them dials Runtime.Streams and nothing else.
const StreamHost = "cri.invalid"

func newStreams(r *Runtime) (streaming.Server, error) {
	c := streaming.DefaultConfig
	c.Addr = StreamHost
	c.BaseURL = &url.URL{Scheme: "http", Host: StreamHost}
	return streaming.NewServer(c, streams{r})
}

// Exec answers a URL at which Streams serves the session.
func (r *Runtime) Exec(_ context.Context, req *runtimeapi.ExecRequest) (*runtimeapi.ExecResponse, error) {
	if _, err := r.runningMember(req.GetContainerId()); err != nil {
		return nil, err
	}
	return r.stream.GetExec(req)
}

// Attach answers a URL at which Streams serves the session.
func (r *Runtime) Attach(_ context.Context, req *runtimeapi.AttachRequest) (*runtimeapi.AttachResponse, error) {
	if _, err := r.runningMember(req.GetContainerId()); err != nil {
		return nil, err
	}
	return r.stream.GetAttach(req)
}

// PortForward answers a URL at which Streams serves the session.
func (r *Runtime) PortForward(_ context.Context, req *runtimeapi.PortForwardRequest) (*runtimeapi.PortForwardResponse, error) {
	if _, err := r.readySandbox(req.GetPodSandboxId()); err != nil {
		return nil, err
	}
	return r.stream.GetPortForward(req)
}

func (r *Runtime) runningMember(id string) (*member, error) {
	m, err := r.member(id)
	if err != nil {
		return nil, err
	}
	if !m.running() {
		return nil, fmt.Errorf("container %q is not running", id)
	}
	return m, nil
}

func (r *Runtime) readySandbox(id string) (*sandbox, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.sandboxes[id]
	if s == nil {
		return nil, notFound("sandbox", id)
	}
	if !s.ready {
		return nil, fmt.Errorf("sandbox %q is not ready", id)
	}
	return s, nil
}

// ExecSync runs a command, no longer than timeout (0: without limit), and fails
// with an utilexec.ExitError where it does not exit with 0, as the kubelet's own
// gRPC client of a CRI does.
func (r *Runtime) ExecSync(ctx context.Context, id string, cmd []string, timeout time.Duration) ([]byte, []byte, error) {
	c, err := r.runningMember(id)
	if err != nil {
		return nil, nil, err
	}
	r.cfg.Share.Pay(execCost) // a probe that waited would fail
	ctx, cancel := r.until(ctx)
	defer cancel()
	stdout, stderr, code, err := c.ExecSync(ctx, cmd, timeout)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		err = fmt.Errorf("%w: %q timed out after %s", remote.ErrCommandTimedOut, strings.Join(cmd, " "), timeout)
	case err == nil && code != 0:
		err = utilexec.CodeExitError{Err: fmt.Errorf("command '%s' exited with %d: %s", strings.Join(cmd, " "), code, stderr), Code: code}
	}
	return stdout, stderr, err
}

// until ends with ctx or with the node.
func (r *Runtime) until(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(r.ctx, cancel)
	return ctx, func() { stop(); cancel() }
}

// streams are what a streaming.Server calls.
type streams struct{ r *Runtime }

func (s streams) Exec(ctx context.Context, id string, cmd []string, in io.Reader, out, errOut io.WriteCloser, tty bool, resize <-chan remotecommand.TerminalSize) error {
	c, err := s.r.runningMember(id)
	if err != nil {
		return err
	}
	ctx, cancel := s.r.until(ctx)
	defer cancel()
	code, err := c.Exec(ctx, container.ExecSpec{
		Args: cmd, TTY: tty, Stdin: in, Stdout: writer(out), Stderr: writer(errOut), Resize: sizes(ctx, resize),
	})
	if err != nil {
		return err
	}
	if code != 0 {
		return utilexec.CodeExitError{Err: fmt.Errorf("command terminated with exit code %d", code), Code: code}
	}
	return nil
}

func (s streams) Attach(ctx context.Context, id string, in io.Reader, out, errOut io.WriteCloser, _ bool, resize <-chan remotecommand.TerminalSize) error {
	c, err := s.r.runningMember(id)
	if err != nil {
		return err
	}
	ctx, cancel := s.r.until(ctx)
	defer cancel()
	err = c.Attach(ctx, container.AttachSpec{Stdin: in, Stdout: writer(out), Stderr: writer(errOut), Resize: sizes(ctx, resize)})
	if errors.Is(err, context.Canceled) {
		return nil // the client went
	}
	return err
}

func (s streams) PortForward(ctx context.Context, id string, port int32, stream io.ReadWriteCloser) error {
	defer stream.Close()
	sb, err := s.r.readySandbox(id)
	if err != nil {
		return err
	}
	ctx, cancel := s.r.until(ctx)
	defer cancel()
	conn, err := dialLocal(ctx, sb.attach.Dial, int(port))
	if err != nil {
		return fmt.Errorf("failed to connect to localhost:%d inside the pod: %w", port, err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close(); stream.Close() })()

	var wg sync.WaitGroup
	wg.Go(func() {
		_, _ = io.Copy(conn, stream)
		if c, ok := conn.(interface{ CloseWrite() error }); ok {
			_ = c.CloseWrite()
		}
	})
	_, _ = io.Copy(stream, conn)
	stream.Close() // or the other direction waits for a client that waits for us
	wg.Wait()
	return nil
}

// dialLocal is what a program in the pod that dials localhost does.
func dialLocal(ctx context.Context, dial func(context.Context, string, string) (net.Conn, error), port int) (net.Conn, error) {
	conn, err := dial(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err == nil {
		return conn, nil
	}
	if conn, err6 := dial(ctx, "tcp", net.JoinHostPort("::1", strconv.Itoa(port))); err6 == nil {
		return conn, nil
	}
	return nil, err
}

// writer keeps a nil stream nil when it changes its interface.
func writer(w io.WriteCloser) io.Writer {
	if w == nil {
		return nil
	}
	return w
}

func sizes(ctx context.Context, in <-chan remotecommand.TerminalSize) <-chan container.Size {
	if in == nil {
		return nil
	}
	out := make(chan container.Size)
	go func() {
		defer close(out)
		for {
			select {
			case <-ctx.Done():
				return
			case s, ok := <-in:
				if !ok {
					return
				}
				select {
				case out <- container.Size{Width: s.Width, Height: s.Height}:
				case <-ctx.Done():
					return
				}
			}
		}
	}()
	return out
}
