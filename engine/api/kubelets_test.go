package api

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	restclient "k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/util/exec"
	remotecommandserver "k8s.io/cri-streaming/pkg/streaming/remotecommand"
)

// echo is a container whose command writes what it reads, then fails with 7.
type echo struct{}

func (echo) ExecInContainer(_ context.Context, _, _, _ string, cmd []string, in io.Reader, out, _ io.WriteCloser, _ bool, _ <-chan remotecommandserver.TerminalSize, _ time.Duration) error {
	_, _ = fmt.Fprintf(out, "%s: ", strings.Join(cmd, " "))
	_, _ = io.Copy(out, in)
	return exec.CodeExitError{Err: fmt.Errorf("exit status 7"), Code: 7}
}

func TestExecAndLogsReachTheKubelet(t *testing.T) {
	s, _ := server(t)
	ss, c := open(t, s, "a", corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node-1"},
		Status: corev1.NodeStatus{Addresses: []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "172.18.0.11"}}}})
	kubelet := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/containerLogs/default/web/c"):
			fmt.Fprint(w, "a line\n")
		case strings.HasPrefix(r.URL.Path, "/exec/default/web/c"):
			o, err := remotecommandserver.NewOptions(r)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			remotecommandserver.ServeExec(w, r, echo{}, "web", "", "c", r.URL.Query()["command"], o, time.Minute, time.Minute, remotecommandserver.SupportedStreamingProtocols)
		case r.URL.Path == "/healthz":
			fmt.Fprint(w, "ok")
		default:
			http.NotFound(w, r)
		}
	}))
	defer kubelet.Close()
	ss.SetNodeTransport(func(ctx context.Context, node string) (net.Conn, error) {
		if node != "node-1" {
			return nil, fmt.Errorf("no node %s", node)
		}
		return (&net.Dialer{}).DialContext(ctx, "tcp", kubelet.Listener.Addr().String())
	})
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: corev1.PodSpec{NodeName: "node-1", Containers: []corev1.Container{{Name: "c", Image: "x"}}}}
	if _, err := c.CoreV1().Pods("default").Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	logs, err := c.CoreV1().Pods("default").GetLogs("web", &corev1.PodLogOptions{}).DoRaw(t.Context())
	if err != nil || string(logs) != "a line\n" {
		t.Fatalf("logs: %q, %v", logs, err)
	}
	for _, node := range []string{"node-1", "node-1:10250"} {
		out, err := c.CoreV1().RESTClient().Get().Resource("nodes").Name(node).SubResource("proxy").Suffix("healthz").DoRaw(t.Context())
		if err != nil || string(out) != "ok" {
			t.Errorf("proxy of %s: %q, %v", node, out, err)
		}
	}
	if _, err := c.CoreV1().RESTClient().Get().Resource("nodes").Name("node-9").SubResource("proxy").Suffix("healthz").DoRaw(t.Context()); !apierrors.IsNotFound(err) {
		t.Errorf("proxy of a node that there is not: %v", err)
	}

	front := httptest.NewTLSServer(ss)
	defer front.Close()
	conf := &restclient.Config{Host: front.URL, BearerToken: ss.AdminToken(), TLSClientConfig: restclient.TLSClientConfig{Insecure: true}}
	outer, err := kubernetes.NewForConfig(conf)
	if err != nil {
		t.Fatal(err)
	}
	url := outer.CoreV1().RESTClient().Post().Resource("pods").Namespace("default").Name("web").SubResource("exec").
		Param("container", "c").Param("command", "cat").Param("stdin", "true").Param("stdout", "true").URL()
	for name, dial := range map[string]func() (remotecommand.Executor, error){
		"SPDY": func() (remotecommand.Executor, error) { return remotecommand.NewSPDYExecutor(conf, "POST", url) },
		"WebSocket": func() (remotecommand.Executor, error) {
			return remotecommand.NewWebSocketExecutor(conf, "GET", url.String())
		},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := dial()
			if err != nil {
				t.Fatal(err)
			}
			text := strings.Repeat(rand.Text(), 1000)
			var out bytes.Buffer
			err = e.StreamWithContext(t.Context(), remotecommand.StreamOptions{Stdin: strings.NewReader(text), Stdout: &out})
			if code, ok := err.(exec.CodeExitError); !ok || code.Code != 7 {
				t.Errorf("got %v", err)
			}
			if out.String() != "cat: "+text {
				t.Errorf("got %d bytes back", out.Len())
			}
		})
	}
}
