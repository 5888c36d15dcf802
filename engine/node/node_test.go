package node_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport/spdy"
	utilexec "k8s.io/utils/exec"
)

func TestPodLives(t *testing.T) {
	w := newWorld(t)
	w.create(pod("web", shell("echo hello; echo oops >&2; hostname; cat /etc/resolv.conf; trap 'echo bye; exit' TERM; while :; do sleep 1 & wait $!; done")))
	p := w.until("web", "Ready", ready)
	if p.Status.Phase != corev1.PodRunning || p.Status.HostIP != "172.18.0.11" || p.Status.PodIP != "10.244.1.2" {
		t.Errorf("phase %s, host %s, pod %s", p.Status.Phase, p.Status.HostIP, p.Status.PodIP)
	}
	if s := p.Status.ContainerStatuses[0]; s.Image != "docker.io/library/busybox:latest" || !strings.HasPrefix(s.ContainerID, "crun://") || !strings.Contains(s.ImageID, "@sha256:") {
		t.Errorf("container %s of image %s, %s", s.ContainerID, s.Image, s.ImageID)
	}
	want := "hello\noops\nweb\nsearch default.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n"
	w.eventually("log", func() error {
		got := strings.Split(w.log("web", ""), "\n")
		wanted := strings.Split(want, "\n")
		slices.Sort(got) // two streams have no common order
		slices.Sort(wanted)
		if !slices.Equal(got, wanted) {
			return fmt.Errorf("%q", got)
		}
		return nil
	})
	w.eventually("events", func() error {
		events := strings.Join(w.events("web"), "\n")
		for _, want := range []string{"Pulling: Pulling image \"busybox\"", "ImageServed: Image \"busybox:latest\" was served by the built-in catalogue", "Pulled: Successfully pulled image", "Created: ", "Started: "} {
			if !strings.Contains(events, want) {
				return fmt.Errorf("%q is missing in %s", want, events)
			}
		}
		return nil
	})
	w.must(w.client.CoreV1().Pods("default").Delete(t.Context(), "web", metav1.DeleteOptions{}))
	w.until("web", "gone", gone)
	w.eventually("no folders", func() error {
		left, err := os.ReadDir(filepath.Join(w.root, "kubelet", "pods"))
		if err == nil && len(left) > 0 {
			err = fmt.Errorf("left: %v", left)
		}
		return err
	})
}

func (w *world) eventually(what string, f func() error) {
	w.Helper()
	deadline, err := time.Now().Add(20*time.Second), error(nil)
	for time.Now().Before(deadline) {
		if err = f(); err == nil {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	w.Fatalf("%s: %v", what, err)
}

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

func TestSharedProcessNamespace(t *testing.T) {
	w := newWorld(t)
	yes := true
	p := pod("share", shell("trap exit TERM; echo up; while :; do sleep 1 & wait $!; done"), shell("while ! ps | grep -q 'echo u[p]'; do sleep 0.01; done; echo seen"))
	p.Spec.ShareProcessNamespace = &yes
	w.create(p)
	w.eventually("the other's processes", func() error {
		p, err := w.client.CoreV1().Pods("default").Get(t.Context(), "share", metav1.GetOptions{})
		if err != nil || len(p.Status.ContainerStatuses) < 2 || p.Status.ContainerStatuses[1].ContainerID == "" {
			return fmt.Errorf("%v %v", p.Status.ContainerStatuses, err)
		}
		if got := w.log("share", "c1"); !strings.HasPrefix(got, "seen\n") {
			return errors.New(got)
		}
		return nil
	})
}

func TestVolumes(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	_, err := w.client.CoreV1().ConfigMaps("default").Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "cm"}, Data: map[string]string{"key": "from the config map\n", "other": "x"}}, metav1.CreateOptions{})
	w.must(err)
	_, err = w.client.CoreV1().Secrets("default").Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "sec"}, StringData: map[string]string{"pass": "word\n"}}, metav1.CreateOptions{})
	w.must(err)
	reader := shell("cat /cm/key /sub /sec/pass /down/name; echo; cat /var/run/secrets/kubernetes.io/serviceaccount/token | wc -l; echo mine > /shared/file; id -u; ls -la /shared; ls /host; echo node > /host/file; " +
		"ls /sys/class/net; cat /etc/hosts | tail -1")
	reader.VolumeMounts = []corev1.VolumeMount{
		{Name: "cm", MountPath: "/cm"}, {Name: "cm", MountPath: "/sub", SubPath: "key"}, {Name: "sec", MountPath: "/sec"},
		{Name: "down", MountPath: "/down"}, {Name: "e", MountPath: "/shared"}, {Name: "host", MountPath: "/host"},
	}
	user := int64(1000)
	reader.SecurityContext = &corev1.SecurityContext{RunAsUser: &user}
	other := shell("while ! cat /shared/file; do sleep 0.01; done")
	other.VolumeMounts = []corev1.VolumeMount{{Name: "e", MountPath: "/shared"}}
	p := pod("vols", reader, other)
	p.Spec.RestartPolicy = corev1.RestartPolicyNever
	p.Spec.ServiceAccountName = "default"
	p.Spec.Volumes = []corev1.Volume{
		{Name: "cm", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "cm"}}}},
		{Name: "sec", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "sec"}}},
		{Name: "down", VolumeSource: corev1.VolumeSource{DownwardAPI: &corev1.DownwardAPIVolumeSource{Items: []corev1.DownwardAPIVolumeFile{{Path: "name", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"}}}}}},
		{Name: "e", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory}}},
		// The server has an /etc; the node has none.
		{Name: "host", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/etc"}}},
	}
	w.create(p)
	got := w.until("vols", "Succeeded", func(p *corev1.Pod) bool {
		return succeeded(p) || p != nil && p.Status.Phase == corev1.PodFailed
	})
	log := w.log("vols", "c0")
	id := "1000"
	if w.host.SingleID() {
		id = "0" // everybody is
	}
	for _, want := range []string{"from the config map\nfrom the config map\nword\nvols\n0\n" + id + "\n", "10.244.1.2\tvols"} {
		if !strings.Contains(log, want) {
			t.Errorf("%q is missing in %q", want, log)
		}
	}
	if strings.Contains(log, "passwd") {
		t.Error("the server's own /etc is to be seen")
	}
	if got := w.log("vols", "c1"); !strings.HasSuffix(got, "mine\n") {
		t.Errorf("the other container read %q", got)
	}
	if got.Status.Phase != corev1.PodSucceeded {
		t.Errorf("got %s: %v", got.Status.Phase, got.Status.ContainerStatuses)
	}
}

func TestCrash(t *testing.T) {
	w := newWorld(t)
	w.create(pod("crash", shell("echo once more; exit 3")))
	p := w.until("crash", "in CrashLoopBackOff", waiting("CrashLoopBackOff"))
	s := p.Status.ContainerStatuses[0]
	if s.RestartCount < 1 || s.LastTerminationState.Terminated == nil || s.LastTerminationState.Terminated.ExitCode != 3 || s.LastTerminationState.Terminated.Reason != "Error" {
		t.Errorf("got %+v", s)
	}
	w.must(w.client.CoreV1().Pods("default").Delete(t.Context(), "crash", metav1.DeleteOptions{}))
	w.until("crash", "gone", gone)
}

func TestWaitingReasons(t *testing.T) {
	w := newWorld(t)
	yes := true
	missing, privileged, noCommand, noConfig := forever(), forever(), corev1.Container{Command: []string{"nope"}}, forever()
	missing.Image = "nope:1"
	privileged.SecurityContext = &corev1.SecurityContext{Privileged: &yes}
	noConfig.EnvFrom = []corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "nope"}}}}
	tests := []struct {
		name      string
		container corev1.Container
		reasons   []string // any of them
		message   string
	}{
		{"image", missing, []string{"ErrImagePull", "ImagePullBackOff"}, "nope:1"},
		{"privileged", privileged, []string{"CreateContainerError"}, "privileged containers are not allowed"},
		{"command", noCommand, []string{"RunContainerError", "CrashLoopBackOff"}, ""},
		{"config", noConfig, []string{"CreateContainerConfigError"}, `configmaps "nope" not found`},
	}
	for _, test := range tests {
		w.create(pod(test.name, test.container))
	}
	for _, test := range tests {
		p := w.until(test.name, fmt.Sprint(test.reasons), func(p *corev1.Pod) bool {
			return slices.ContainsFunc(test.reasons, func(r string) bool { return waiting(r)(p) })
		})
		if m := p.Status.ContainerStatuses[0].State.Waiting.Message; !strings.Contains(m, test.message) {
			t.Errorf("%s: %q", test.name, m)
		}
	}
	w.until("image", "in ImagePullBackOff", waiting("ImagePullBackOff"))
	w.eventually("event", func() error {
		if e := strings.Join(w.events("command"), "\n"); !strings.Contains(e, "nope") {
			return fmt.Errorf("%s", e)
		}
		return nil
	})
}

// TestTokenIsTheUsersOwn: the kubelet gives the token to the one user of a pod,
// and to nobody else; volumes have the pod's group.
func TestTokenIsTheUsersOwn(t *testing.T) {
	w := newWorld(t)
	p := pod("token", shell("ls -ln /var/run/secrets/kubernetes.io/serviceaccount/..data/token /e | grep -v total; wc -c < /var/run/secrets/kubernetes.io/serviceaccount/token; echo x > /e/file && ls -ln /e/file; id -G"))
	user, group := int64(1000), int64(2000)
	p.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsUser: &user, FSGroup: &group}
	p.Spec.ServiceAccountName = "default"
	p.Spec.RestartPolicy = corev1.RestartPolicyNever
	p.Spec.Volumes = []corev1.Volume{{Name: "e", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
	p.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "e", MountPath: "/e"}}
	w.create(p)
	w.until("token", "Succeeded", succeeded)
	log := w.log("token", "")
	fields := strings.Fields(log)
	if w.host.SingleID() {
		if len(fields) < 4 || fields[2] != "0" {
			t.Errorf("got %q", log)
		}
		return
	}
	if len(fields) < 4 || !strings.HasPrefix(fields[0], "-rw-------") && !strings.HasPrefix(fields[0], "-rw-r-----") || fields[3] != "2000" && fields[2] != "1000" {
		t.Errorf("the token is not the user's alone: %q", log)
	}
	if !strings.Contains(log, "1000     2000") {
		t.Errorf("the volume has not the pod's group: %q", log)
	}
}

// TestProbes: they come from the node's network namespace, and at once.
func TestProbes(t *testing.T) {
	w := newWorld(t)
	c := shell("exec httpd -f -p 8080 -h /etc")
	c.ReadinessProbe = &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/hostname", Port: intstr.FromInt32(8080)}}}
	c.LivenessProbe = &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(8080)}}}
	c.StartupProbe = &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"true"}}}}
	w.create(pod("good", c))
	bad := forever()
	bad.ReadinessProbe = &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(1)}}}
	w.create(pod("bad", bad))
	w.until("good", "Ready", ready)
	w.eventually("event", func() error {
		if e := strings.Join(w.events("bad"), "\n"); !strings.Contains(e, "Unhealthy: Readiness probe failed: ") || !strings.Contains(e, "connection refused") {
			return errors.New(e)
		}
		return nil
	})
	if p, err := w.client.CoreV1().Pods("default").Get(t.Context(), "bad", metav1.GetOptions{}); err != nil || ready(p) {
		t.Errorf("a pod whose probe fails is ready (%v)", err)
	}
}

func TestInitContainersAndSidecars(t *testing.T) {
	w := newWorld(t)
	p := pod("init", shell("cat /w/*; sleep 0.1"))
	mount := []corev1.VolumeMount{{Name: "w", MountPath: "/w"}}
	always := corev1.ContainerRestartPolicyAlways
	first, side := shell("echo first > /w/1"), shell("echo side > /w/2; trap exit TERM; while :; do sleep 1 & wait $!; done")
	first.Name, side.Name, first.Image, side.Image = "first", "side", "busybox", "busybox"
	side.RestartPolicy = &always
	second := shell("while ! test -e /w/2; do sleep 0.01; done")
	second.Name, second.Image = "second", "busybox"
	p.Spec.InitContainers = []corev1.Container{first, side, second}
	for i := range p.Spec.InitContainers {
		p.Spec.InitContainers[i].VolumeMounts = mount
	}
	p.Spec.Containers[0].VolumeMounts = mount
	p.Spec.Volumes = []corev1.Volume{{Name: "w", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
	p.Spec.RestartPolicy = corev1.RestartPolicyNever
	w.create(p)
	w.until("init", "Succeeded", succeeded)
	if got := w.log("init", "c0"); got != "first\nside\n" {
		t.Errorf("got %q", got)
	}
}

func TestHostNetwork(t *testing.T) {
	w := newWorld(t)
	p := pod("host", shell("hostname; ip -4 addr show eth0 | grep inet; httpd -p 80 -h /etc; trap exit TERM; while :; do sleep 1 & wait $!; done"))
	p.Spec.HostNetwork = true
	p.Spec.Containers[0].ReadinessProbe = &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(80)}}}
	w.create(p)
	got := w.until("host", "Ready", ready)
	if got.Status.PodIP != "172.18.0.11" {
		t.Errorf("pod IP %s", got.Status.PodIP)
	}
	w.eventually("log", func() error {
		if log := w.log("host", ""); !strings.Contains(log, "node-1\n") || !strings.Contains(log, "172.18.0.11/24") {
			return fmt.Errorf("%q", log)
		}
		return nil
	})
}

func (w *world) nodeReady() (n *corev1.Node) {
	w.Helper()
	w.eventually("node", func() error {
		var err error
		if n, err = w.client.CoreV1().Nodes().Get(w.Context(), "node-1", metav1.GetOptions{}); err != nil {
			return err
		}
		for _, c := range n.Status.Conditions {
			if c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue {
				return nil
			}
		}
		return fmt.Errorf("%+v", n.Status.Conditions)
	})
	return n
}

func TestNodeStatus(t *testing.T) {
	w := newWorld(t)
	n := w.nodeReady()
	if a := fmt.Sprint(n.Status.Addresses); a != "[{InternalIP 172.18.0.11} {Hostname node-1}]" {
		t.Errorf("addresses %s", a)
	}
	if i := n.Status.NodeInfo; i.ContainerRuntimeVersion != "crun://1.8.1" || i.KernelVersion == "" || i.OSImage == "" || i.OperatingSystem != "linux" {
		t.Errorf("got %+v", i)
	}
	c := n.Status.Capacity
	if c.Pods().Value() != 110 || c.Cpu().Value() != int64(runtime.NumCPU()) || c.Memory().Value() == 0 || c.StorageEphemeral().Value() == 0 {
		t.Errorf("got %+v", c)
	}
}

// TestHandlerTellsNothingOfOthers: a learner may reach it by nodes/proxy.
func TestHandlerTellsNothingOfOthers(t *testing.T) {
	w := newWorld(t)
	w.nodeReady()
	c := &http.Client{Transport: &http.Transport{DialContext: w.node.Dial, DisableKeepAlives: true}}
	for path, want := range map[string]int{
		"/healthz": 200, "/pods": 200, "/stats/summary": 200, "/metrics/resource": 200, "/metrics": 404, "/metrics/": 404, "/metrics/probes": 404,
		"/metrics/cadvisor": 404, "/logs/": 404, "/logs/syslog": 404, "/debug/pprof/": 404, "/debug/flags/v": 404, "/configz": 404, "//metrics": 404, "/x/../metrics": 404,
	} {
		req, err := http.NewRequest("GET", "http://node"+path, nil)
		w.must(err)
		resp, err := c.Do(req)
		w.must(err)
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: got %d, want %d", path, resp.StatusCode, want)
		}
	}
}

func TestStopLeavesNothing(t *testing.T) {
	w := newWorld(t)
	c := shell("sleep 1000 & exec sleep 1000") // does not end by SIGTERM
	c.ReadinessProbe = &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"true"}}}}
	long := int64(1000)
	p := pod("web", c)
	p.Spec.TerminationGracePeriodSeconds = &long
	w.create(p)
	w.until("web", "Ready", ready)
	bad := forever()
	bad.Image = "nope"
	w.create(pod("bad", bad))
	w.until("bad", "waiting", func(p *corev1.Pod) bool { return waiting("ErrImagePull")(p) || waiting("ImagePullBackOff")(p) })
	if n := labelled(w.root); n < 20 {
		t.Fatalf("only %d goroutines have the node's label: nothing is seen", n)
	}
	t.Logf("goroutines of a node with two pods: %d", labelled(w.root))
	// In the middle of a long goodbye.
	w.must(w.client.CoreV1().Pods("default").Delete(t.Context(), "web", metav1.DeleteOptions{}))
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	w.must(w.node.Stop(ctx))
	w.must(w.runtime.Close(ctx))
	w.eventually("goroutines", func() error {
		if n := labelled(w.root); n > 0 {
			return fmt.Errorf("%d are left:\n%s", n, goroutines(w.root))
		}
		return nil
	})
	if left := w.session.Containers(); len(left) != 0 {
		t.Errorf("containers are left: %v", left)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	w.must(err)
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, w.root) || strings.Contains(line, "/rootfs") {
			t.Errorf("mounted still: %s", line)
		}
	}
}

// goroutines are those that the node with this root has started, each once with
// how many there are. The API is called on the node's goroutines, so what it
// starts for itself has the label, too.
func goroutines(root string) string {
	var all, mine strings.Builder
	_ = pprof.Lookup("goroutine").WriteTo(&all, 1)
	for block := range strings.SplitSeq(all.String(), "\n\n") {
		if strings.Contains(block, fmt.Sprintf("%q", root)) && !strings.Contains(block, "k8s.io/apiserver/pkg/admission") {
			mine.WriteString(block + "\n\n")
		}
	}
	return mine.String()
}

func labelled(root string) int {
	n := 0
	for block := range strings.SplitSeq(goroutines(root), "\n\n") {
		var k int
		_, _ = fmt.Sscanf(strings.TrimSpace(block), "%d @", &k)
		n += k
	}
	return n
}

// TestBoundToReady measures, from a pod's creation, bound to the node already,
// to the event that says it is Ready, and from its deletion to its end.
func TestBoundToReady(t *testing.T) {
	w := newWorld(t)
	_, err := w.client.CoreV1().ConfigMaps("default").Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "cm"}, Data: map[string]string{"a": "b"}}, metav1.CreateOptions{})
	w.must(err)
	no := false
	for _, kind := range []string{"plain", "volumes"} {
		var up, down []time.Duration
		for i := range 21 {
			name := fmt.Sprintf("%s-%d", kind, i)
			p := pod(name, forever())
			p.Spec.Containers[0].ImagePullPolicy = corev1.PullIfNotPresent
			if p.Spec.AutomountServiceAccountToken = &no; kind == "volumes" {
				p.Spec.AutomountServiceAccountToken = nil
				p.Spec.Volumes = []corev1.Volume{
					{Name: "cm", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "cm"}}}},
					{Name: "e", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
				}
				p.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "cm", MountPath: "/cm"}, {Name: "e", MountPath: "/e"}}
			}
			start := time.Now()
			w.create(p)
			w.until(name, "Ready", ready)
			up = append(up, time.Since(start))
			w.eventually("up", func() error {
				if w.log(name, "") != "up\n" {
					return errors.New("the program is not at its trap yet")
				}
				return nil
			})
			start = time.Now()
			w.must(w.client.CoreV1().Pods("default").Delete(t.Context(), name, metav1.DeleteOptions{}))
			w.until(name, "gone", gone)
			down = append(down, time.Since(start))
		}
		slices.Sort(up)
		slices.Sort(down)
		t.Logf("%s: bound to Ready: median %v, most %v; delete to gone: median %v, most %v", kind, up[10], up[20], down[10], down[20])
		if up[10] > 2*time.Second {
			t.Errorf("%s: half of the pods took more than two seconds", kind)
		}
	}
	t.Logf("goroutines of the idle node: %d", labelled(w.root))
}

// TestBurst: one pod that waits must not hold up the others.
func TestBurst(t *testing.T) {
	w := newWorld(t)
	const n = 30
	stuck := forever()
	stuck.EnvFrom = []corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "nope"}}}}
	w.create(pod("stuck", stuck))
	volume := pod("novolume", forever())
	volume.Spec.Volumes = []corev1.Volume{{Name: "cm", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "nope"}}}}}
	w.create(volume)
	start := time.Now()
	for i := range n {
		w.create(pod(fmt.Sprintf("p%d", i), forever()))
	}
	ips := map[string]bool{}
	for i := range n {
		ips[w.until(fmt.Sprintf("p%d", i), "Ready", ready).Status.PodIP] = true
	}
	t.Logf("%d pods Ready after %v", n, time.Since(start))
	if len(ips) != n {
		t.Errorf("%d pods have %d addresses", n, len(ips))
	}
	start = time.Now()
	w.must(w.client.CoreV1().Pods("default").DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{}))
	for i := range n {
		w.until(fmt.Sprintf("p%d", i), "gone", gone)
	}
	w.until("stuck", "gone", gone)
	w.until("novolume", "gone", gone)
	t.Logf("gone after %v", time.Since(start))
}
