package node_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"

	"github.com/podhop/podhop/engine/api"
	"github.com/podhop/podhop/engine/container"
	"github.com/podhop/podhop/engine/container/image/imagetest"
	"github.com/podhop/podhop/engine/cri"
	"github.com/podhop/podhop/engine/network"
	"github.com/podhop/podhop/engine/node"
	"github.com/podhop/podhop/internal/nsexec"
)

func TestMain(m *testing.M) { imagetest.Main(m, "busybox", "pause") }

// shared is what costs seconds to make, and belongs to no session.
var shared = sync.OnceValues(func() (*api.Server, error) {
	klog.SetSlogLogger(testLogger())
	return api.New(context.Background(), api.Config{RootCA: []byte("not used here"), Logger: testLogger()})
})

// testLogger shows what upstream says where KUBELET_LOG is set.
func testLogger() *slog.Logger {
	level := slog.LevelWarn
	if os.Getenv("KUBELET_LOG") != "" {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
}

// A world is a session with one node, on real parts.
type world struct {
	*testing.T
	api     *api.Session
	client  kubernetes.Interface
	remote  *rest.Config // over TCP, as kubectl
	runtime *cri.Runtime
	node    *node.Node
	root    string // the node's
	host    *container.Host
	session *container.Session
	network *network.Network
}

var (
	nodeIP  = netip.MustParseAddr("172.18.0.11")
	podCIDR = netip.MustParsePrefix("10.244.1.0/24")
)

func newWorld(t *testing.T, change ...func(*container.SessionConfig)) *world {
	t.Helper()
	w := &world{T: t}
	ctx := t.Context()
	server, err := shared()
	w.must(err)

	w.host, err = container.New(container.Config{Dir: filepath.Join("/run/podhop", t.Name()), Log: testLogger()})
	w.must(err)
	w.after(w.host.Close)
	base, maps := 0, []nsexec.IDMap{{Inner: 0, Outer: 0, Size: 1}}
	if !w.host.SingleID() {
		base, maps = 65536, []nsexec.IDMap{{Inner: 0, Outer: 65536, Size: 65536}}
	}
	users, err := nsexec.NewUserNS(maps)
	w.must(err)
	w.after(users.Close)
	config := container.SessionConfig{ID: "s", UserNS: users, UIDBase: base}
	for _, f := range change {
		f(&config)
	}
	w.session, err = w.host.OpenSession(config)
	w.must(err)
	w.after(w.session.Close)
	w.network, err = network.Open(network.Config{Log: testLogger()})
	w.must(err)
	w.after(w.network.Close)
	w.must(w.network.Set(ctx, network.Desired{
		Nodes:    []network.Node{{Name: "node-1", IP: nodeIP, PodCIDR: podCIDR}},
		ClientIP: netip.MustParseAddr("172.18.0.100"),
	}))

	w.api, err = server.Open(ctx, api.Options{ID: "s"})
	w.must(err)
	w.after(func() error { w.api.Close(); return nil })
	w.client, err = kubernetes.NewForConfig(w.api.ClientConfig())
	w.must(err)
	front := httptest.NewServer(w.api)
	w.after(func() error { front.Close(); return nil })
	w.remote = &rest.Config{Host: front.URL, BearerToken: w.api.AdminToken()}

	w.root = filepath.Join(w.session.Dir(), "node-1")
	w.runtime, err = cri.New(cri.Config{
		Node: "node-1", Name: "crun", Version: "1.8.1", Root: filepath.Join(w.root, "runtime"), NodeFiles: w.root,
		Network:    &pods{network: w.network, users: users, sandboxes: map[string]*nsexec.Sandbox{}},
		Containers: cri.Session{Session: w.session}, Images: imagetest.Open(t), Logger: testLogger(),
		Event: func(ns, name, uid, kind, reason, message string) { w.node.Event(ns, name, uid, kind, reason, message) },
	})
	w.must(err)
	w.after(func() error { return w.runtime.Close(context.Background()) })
	w.node, err = node.Start(ctx, node.Config{
		Name: "node-1", IP: nodeIP, Root: w.root, Logger: testLogger(),
		ClientConfig: w.api.ConfigFor("system:node:node-1", "system:nodes"),
		Runtime:      w.runtime, Images: w.runtime.Images(), Streams: w.runtime.Streams(), Cgroups: w.runtime.PodCgroups(),
		Dial: w.network.Node("node-1").DialContext, ClusterDNS: []netip.Addr{netip.MustParseAddr("10.96.0.10")}, Mounts: w.session,
	})
	w.must(err)
	w.after(func() error { return w.node.Stop(context.Background()) })
	w.api.SetNodeTransport(func(ctx context.Context, name string) (net.Conn, error) { return w.node.Dial(ctx, "", name) })
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) after(f func() error) {
	w.Cleanup(func() {
		if err := f(); err != nil {
			w.Error(err)
		}
	})
}

// pods is a cri.Network on the real one.
type pods struct {
	network *network.Network
	users   *nsexec.UserNS

	mu        sync.Mutex
	sandboxes map[string]*nsexec.Sandbox
}

func (p *pods) Attach(ctx context.Context, pod cri.Pod) (cri.Attachment, error) {
	s, err := nsexec.NewSandbox(p.users, pod.Hostname)
	if err != nil {
		return cri.Attachment{}, err
	}
	p.mu.Lock()
	p.sandboxes[pod.ID] = s
	p.mu.Unlock()
	if pod.HostNetwork {
		n := p.network.Node("node-1")
		return cri.Attachment{Sandbox: s, HostNetwork: n, Dial: n.DialContext}, nil
	}
	a, err := p.network.Attach(ctx, network.Pod{ID: pod.ID, Name: pod.Namespace + "/" + pod.Name, Node: "node-1", NS: s.Net})
	return cri.Attachment{Sandbox: s, IPs: []netip.Addr{a.IP}, Dial: s.Net.DialContext}, err
}

func (p *pods) Detach(ctx context.Context, id string) error {
	p.mu.Lock()
	s := p.sandboxes[id]
	delete(p.sandboxes, id)
	p.mu.Unlock()
	if s == nil {
		return nil
	}
	if err := p.network.Detach(ctx, id); err != nil {
		return err
	}
	return s.Close()
}

// pod is bound to the node from its creation; containers are called c0, c1, ...
func pod(name string, containers ...corev1.Container) *corev1.Pod {
	grace := int64(1)
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default"},
		Spec:       corev1.PodSpec{NodeName: "node-1", TerminationGracePeriodSeconds: &grace, Containers: containers},
	}
	for i := range p.Spec.Containers {
		c := &p.Spec.Containers[i]
		c.Name = fmt.Sprintf("c%d", i)
		if c.Image == "" {
			c.Image = "busybox"
		}
	}
	return p
}

func shell(script string) corev1.Container {
	return corev1.Container{Command: []string{"sh", "-c", script}}
}

// forever is a program that says "up" once it ends by SIGTERM at once.
func forever() corev1.Container {
	return shell("trap exit TERM; echo up; while :; do sleep 1 & wait $!; done")
}

func (w *world) create(p *corev1.Pod) *corev1.Pod {
	w.Helper()
	p, err := w.client.CoreV1().Pods(p.Namespace).Create(w.Context(), p, metav1.CreateOptions{})
	w.must(err)
	return p
}

// until waits for the pod to be as it should; nil stands for one that is gone.
func (w *world) until(name, what string, is func(*corev1.Pod) bool) *corev1.Pod {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), 2*time.Minute)
	defer cancel()
	pods := w.client.CoreV1().Pods("default")
	var last *corev1.Pod
	for ctx.Err() == nil {
		events, err := pods.Watch(ctx, metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("metadata.name", name).String()})
		w.must(err)
		if p, err := pods.Get(ctx, name, metav1.GetOptions{}); err == nil {
			if last = p; is(p) {
				events.Stop()
				return p
			}
		} else if apierrors.IsNotFound(err) && is(nil) {
			events.Stop()
			return nil
		}
		for e := range events.ResultChan() {
			p, ok := e.Object.(*corev1.Pod)
			if !ok {
				break
			}
			if e.Type == "DELETED" {
				p = nil
			}
			if p != nil {
				last = p
			}
			if is(p) {
				events.Stop()
				return p
			}
		}
	}
	w.Fatalf("pod %s is not %s; status: %+v\nevents:\n%s", name, what, last.Status, strings.Join(w.events(name), "\n"))
	return nil
}

// events are "reason: message" of a pod, oldest first.
func (w *world) events(name string) []string {
	w.Helper()
	list, err := w.client.CoreV1().Events("default").List(context.Background(), metav1.ListOptions{})
	w.must(err)
	var all []string
	for _, e := range list.Items {
		if e.InvolvedObject.Name == name {
			all = append(all, e.Reason+": "+e.Message)
		}
	}
	return all
}

func ready(p *corev1.Pod) bool {
	if p == nil {
		return false
	}
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

func succeeded(p *corev1.Pod) bool { return p != nil && p.Status.Phase == corev1.PodSucceeded }

func waiting(reason string) func(*corev1.Pod) bool {
	return func(p *corev1.Pod) bool {
		return p != nil && len(p.Status.ContainerStatuses) > 0 && p.Status.ContainerStatuses[0].State.Waiting != nil &&
			p.Status.ContainerStatuses[0].State.Waiting.Reason == reason
	}
}

func gone(p *corev1.Pod) bool { return p == nil }

func (w *world) log(pod, container string) string {
	w.Helper()
	b, err := w.client.CoreV1().Pods("default").GetLogs(pod, &corev1.PodLogOptions{Container: container}).DoRaw(w.Context())
	w.must(err)
	return string(b)
}
