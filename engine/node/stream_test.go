package node_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport/spdy"
	utilexec "k8s.io/utils/exec"
)

func TestExecAndPortForward(t *testing.T) {
	w := newWorld(t)
	w.create(pod("web", shell("mkdir /w; echo found > /w/index.html; exec httpd -f -p 8080 -h /w")))
	w.until("web", "Ready", ready)

	client, err := kubernetes.NewForConfig(w.remote)
	w.must(err)
	run := func(stdin string, command ...string) (string, string, error) {
		req := client.CoreV1().RESTClient().Post().Resource("pods").Namespace("default").Name("web").SubResource("exec").
			VersionedParams(&corev1.PodExecOptions{Command: command, Stdin: true, Stdout: true, Stderr: true}, scheme.ParameterCodec)
		spdy, err := remotecommand.NewSPDYExecutor(w.remote, "POST", req.URL())
		w.must(err)
		websocket, err := remotecommand.NewWebSocketExecutor(w.remote, "GET", req.URL().String())
		w.must(err)
		var out [2][2]bytes.Buffer
		var errs [2]error
		for i, x := range []remotecommand.Executor{spdy, websocket} {
			errs[i] = x.StreamWithContext(t.Context(), remotecommand.StreamOptions{
				Stdin: strings.NewReader(stdin), Stdout: &out[i][0], Stderr: &out[i][1],
			})
		}
		if out[0][0].String() != out[1][0].String() || fmt.Sprint(errs[0]) != fmt.Sprint(errs[1]) {
			t.Errorf("SPDY says %q %v, websockets %q %v", out[0][0].String(), errs[0], out[1][0].String(), errs[1])
		}
		return out[0][0].String(), out[0][1].String(), errs[0]
	}
	if out, _, err := run("in\n", "sh", "-c", "cat; hostname"); out != "in\nweb\n" || err != nil {
		t.Errorf("got %q, %v", out, err)
	}
	_, errOut, err := run("", "sh", "-c", "echo no >&2; exit 3")
	var exit utilexec.ExitError
	if errOut != "no\n" || !errors.As(err, &exit) || exit.ExitStatus() != 3 {
		t.Errorf("got %q, %v", errOut, err)
	}

	req := client.CoreV1().RESTClient().Post().Resource("pods").Namespace("default").Name("web").SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{Command: []string{"sh", "-c", "until stty size | grep '33 101'; do sleep 0.01; done"}, Stdin: true, Stdout: true, TTY: true}, scheme.ParameterCodec)
	terminal, err := remotecommand.NewSPDYExecutor(w.remote, "POST", req.URL())
	w.must(err)
	var screen bytes.Buffer
	sizes := make(oneSize, 1)
	sizes <- &remotecommand.TerminalSize{Width: 101, Height: 33}
	typed, keyboard := io.Pipe()
	defer keyboard.Close()
	w.must(terminal.StreamWithContext(t.Context(), remotecommand.StreamOptions{Stdin: typed, Stdout: &screen, Tty: true, TerminalSizeQueue: sizes}))
	if !strings.Contains(screen.String(), "33 101") {
		t.Errorf("the terminal shows %q", screen.String())
	}

	u := client.CoreV1().RESTClient().Post().Resource("pods").Namespace("default").Name("web").SubResource("portforward").URL()
	transport, upgrader, err := spdy.RoundTripperFor(w.remote)
	w.must(err)
	stop, up := make(chan struct{}), make(chan struct{})
	forward, err := portforward.New(spdy.NewDialer(upgrader, &http.Client{Transport: transport}, "POST", u), []string{"0:8080"}, stop, up, nil, nil)
	w.must(err)
	done := make(chan error, 1)
	go func() { done <- forward.ForwardPorts() }()
	<-up
	ports, err := forward.GetPorts()
	w.must(err)
	resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/", ports[0].Local))
	w.must(err)
	var body bytes.Buffer
	_, err = body.ReadFrom(resp.Body)
	resp.Body.Close()
	if body.String() != "found\n" || err != nil {
		t.Errorf("got %q, %v", body.String(), err)
	}
	close(stop)
	w.must(<-done)
}

type oneSize chan *remotecommand.TerminalSize

func (s oneSize) Next() *remotecommand.TerminalSize { return <-s }

func TestFollowLog(t *testing.T) {
	w := newWorld(t)
	p := pod("talk", shell("echo one; read x < /e/pipe; echo two"))
	p.Spec.RestartPolicy = corev1.RestartPolicyNever
	p.Spec.Containers[0].Command[2] = "mkfifo /e/pipe; " + p.Spec.Containers[0].Command[2]
	p.Spec.Volumes = []corev1.Volume{{Name: "e", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
	p.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "e", MountPath: "/e"}}
	p = w.create(p)
	w.until("talk", "Ready", ready)
	client, err := kubernetes.NewForConfig(w.remote)
	w.must(err)
	stream, err := client.CoreV1().Pods("default").GetLogs("talk", &corev1.PodLogOptions{Follow: true}).Stream(t.Context())
	w.must(err)
	defer stream.Close()
	lines := bufio.NewScanner(stream)
	if !lines.Scan() || lines.Text() != "one" {
		t.Fatalf("first line: %q, %v", lines.Text(), lines.Err())
	}
	fifo := filepath.Join(w.root, "kubelet/pods", string(p.UID), "volumes/kubernetes.io~empty-dir/e/pipe")
	w.must(os.WriteFile(fifo, []byte("go on\n"), 0))
	if !lines.Scan() || lines.Text() != "two" {
		t.Fatalf("second line: %q, %v", lines.Text(), lines.Err())
	}
	if lines.Scan() || lines.Err() != nil {
		t.Errorf("after the end: %q, %v", lines.Text(), lines.Err())
	}
}
