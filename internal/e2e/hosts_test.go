//lint:file-ignore SA1019 see server/stream

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"nhooyr.io/websocket"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/chromium"
	"github.com/podhop/podhop/internal/etcd/etcdtest"
)

// hostLease is how long the others wait for a host's sign of life.
const hostLease = 6 * time.Second

// A site is some servers that share an etcd.
type site struct {
	t     *testing.T
	etcd  *clientv3.Client
	lines map[string]*line
	hosts map[string]*server
	data  map[string]string
}

func (x *site) start(name string) {
	x.hosts[name] = start(x.t, x.data[name], "--store", "etcd://"+x.lines[name].address, "--host-name", name, "--advertise", "127.0.0.1:0",
		"--host-lease", hostLease.String(), "--nodes", "1", "--max-sessions", "9")
}

// owner is the name of the host that has a session; "" if nobody has it.
func (x *site) owner(id string) string {
	x.t.Helper()
	got, err := x.etcd.Get(x.t.Context(), "cluster/places/"+id)
	if err != nil {
		x.t.Fatal(err)
	}
	if len(got.Kvs) == 0 {
		return ""
	}
	name, _, _ := strings.Cut(string(got.Kvs[0].Value), ".")
	return name
}

// other is a host that does not have the session.
func (x *site) other(id string) *server {
	owner := x.owner(id)
	for name, s := range x.hosts {
		if name != owner {
			return s
		}
	}
	return nil
}

// through is a session as a host shows it.
func (x *site) through(s *server, id string) *session {
	y := &session{server: s, ID: id, kubeconfig: filepath.Join(x.t.TempDir(), "kubeconfig")}
	y.writeKubeconfig()
	return y
}

// status asks for a session at a host.
func status(s *server, id string) int {
	client := http.Client{Timeout: 20 * time.Second}
	resp, err := client.Get(s.URL + "/api/sessions/" + id)
	if err != nil {
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}

// A line is a host's way to etcd, which can be held up: nothing comes through, and nobody is
// told.
type line struct {
	address string
	mu      sync.Mutex
	free    chan struct{} // closed while things come through
}

func newLine(t *testing.T, to string) *line {
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	l := &line{address: listener.Addr().String(), free: make(chan struct{})}
	close(l.free)
	t.Cleanup(func() { listener.Close(); l.hold(false) })
	carry := func(to, from net.Conn) {
		defer to.Close()
		buffer := make([]byte, 32<<10)
		for {
			n, err := from.Read(buffer)
			l.wait()
			if _, werr := to.Write(buffer[:n]); err != nil || werr != nil {
				return
			}
		}
	}
	go func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				l.wait()
				out, err := net.Dial("tcp", to)
				if err != nil {
					in.Close()
					return
				}
				go carry(out, in)
				carry(in, out)
			}()
		}
	}()
	return l
}

func (l *line) wait() {
	l.mu.Lock()
	free := l.free
	l.mu.Unlock()
	<-free
}

func (l *line) hold(yes bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.free:
		if yes {
			l.free = make(chan struct{})
		}
	default:
		if !yes {
			close(l.free)
		}
	}
}

// A writer writes to a session all the time, and remembers what was acknowledged.
type writer struct {
	stop  context.CancelFunc
	done  sync.WaitGroup
	mu    sync.Mutex
	acked []string
	last  error
}

// more waits until another write was acknowledged.
func (w *writer) more(t *testing.T) {
	t.Helper()
	count := func() int {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.acked)
	}
	before := count()
	until(t, patience, "a write is acknowledged", func() string {
		if count() > before {
			return ""
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		return fmt.Sprint("the last error was ", w.last)
	})
}

func (y *session) write(prefix string) *writer {
	ctx, cancel := context.WithCancel(context.Background())
	w := &writer{stop: cancel}
	maps := y.in("default").client.CoreV1().ConfigMaps("default")
	w.done.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			name := fmt.Sprintf("%s-%d", prefix, i)
			one, cancel := context.WithTimeout(ctx, 15*time.Second)
			_, err := maps.Create(one, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
			cancel()
			w.mu.Lock()
			if err == nil {
				w.acked = append(w.acked, name)
			} else if ctx.Err() == nil {
				w.last = err
			}
			w.mu.Unlock()
			select {
			case <-time.After(20 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	})
	return w
}

// lost says which of what was acknowledged is not there.
func (w *writer) lost(t *testing.T, y *session) {
	t.Helper()
	w.stop()
	w.done.Wait()
	there := map[string]bool{}
	until(t, patience, "the session says what it has", func() string {
		list, err := y.in("default").client.CoreV1().ConfigMaps("default").List(t.Context(), metav1.ListOptions{})
		if err != nil {
			return err.Error()
		}
		for _, m := range list.Items {
			there[m.Name] = true
		}
		return ""
	})
	var lost []string
	for _, name := range w.acked {
		if !there[name] {
			lost = append(lost, name)
		}
	}
	if len(lost) > 0 || len(w.acked) == 0 {
		t.Errorf("%d writes were acknowledged, and of these are lost: %v; the last error was %v", len(w.acked), lost, w.last)
		return
	}
	t.Logf("%d writes were acknowledged, none lost; the last error was %v", len(w.acked), w.last)
}

// TestHosts has three servers share an etcd: each leads to the others' sessions, and
// whatever ends one of them, what it had goes on at the others.
func TestHosts(t *testing.T) {
	t.Parallel()
	etcd := etcdtest.Start(t)
	x := &site{t: t, etcd: etcd.At(t, "/podhop/"), lines: map[string]*line{}, hosts: map[string]*server{}, data: map[string]string{}}
	for _, name := range []string{"a", "b", "c"} {
		x.lines[name], x.data[name] = newLine(t, etcd.Endpoint), t.TempDir()
		x.start(name)
	}
	var id string
	t.Run("room", func(t *testing.T) {
		has := map[string]string{}
		for range 9 {
			var created model.Session
			if code := x.hosts["a"].call("POST", "/api/sessions", model.SessionOptions{}, &created); code != 201 {
				t.Fatalf("open a session: %d", code)
			}
			id = created.ID
			if has[x.owner(id)] = id; len(has) == 3 {
				break
			}
		}
		if len(has) != 3 {
			t.Fatalf("sessions are not spread over the hosts with room: %v", has)
		}
	})
	t.Run("forward", func(t *testing.T) { x.forwards(t, id) })
	t.Run("drain", func(t *testing.T) {
		was := x.owner(id)
		y := x.through(x.other(id), id)
		w := y.write("drain")
		w.more(t)
		again := x.types(t, y)
		begun := time.Now()
		x.hosts[was].stop(syscall.SIGTERM)
		until(t, patience, "another has it", func() string { return x.served(was, id, y.server) })
		t.Logf("it was served again %v after the signal", time.Since(begun).Round(time.Millisecond))
		w.more(t)
		w.lost(t, y)
		again()
		x.start(was)
	})
	t.Run("kill", func(t *testing.T) {
		was := x.owner(id)
		quiet := x.quiet(t, was, id)
		y := x.through(x.other(id), id)
		w := y.write("kill")
		w.more(t)
		goOn, again := x.looks(t, y), x.types(t, y)
		begun := time.Now()
		x.hosts[was].stop(syscall.SIGKILL)
		until(t, patience, "another has it", func() string { return x.served(was, id, y.server) })
		t.Logf("it was served again %v after the end", time.Since(begun).Round(time.Millisecond))
		until(t, patience, "the session that nobody asks for goes on at another", func() string { return x.runs(was, quiet) })
		t.Logf("one that nobody asked for ran again %v after the end", time.Since(begun).Round(time.Millisecond))
		w.more(t)
		w.lost(t, y)
		goOn()
		again()
		x.start(was)
	})
	t.Run("stopped", func(t *testing.T) { x.stopped(t, id) })
	t.Run("cut off", func(t *testing.T) { x.cutOff(t, id) })
	t.Run("over", func(t *testing.T) {
		if code := x.other(id).call("DELETE", "/api/sessions/"+id, nil, nil); code != 204 {
			t.Errorf("closing it through another: %d", code)
		}
		until(t, patience, "nothing is left of it", func() string {
			for _, key := range []string{"cluster/sessions/", "cluster/places/", "kept/", "journal/"} {
				if got := must(x.etcd.Get(t.Context(), key+id, clientv3.WithPrefix(), clientv3.WithCountOnly())); got.Count > 0 {
					return fmt.Sprintf("%d keys %s", got.Count, key)
				}
			}
			for name, s := range x.hosts {
				if code := status(s, id); code != 404 {
					return fmt.Sprintf("%s answers %d", name, code)
				}
			}
			return ""
		})
	})
}

// quiet is another session of a host's than this one. A container runs in it, and nobody asks for
// it any more.
func (x *site) quiet(t *testing.T, host, not string) (id string) {
	t.Helper()
	for _, kv := range must(x.etcd.Get(t.Context(), "cluster/places/", clientv3.WithPrefix())).Kvs {
		if other := strings.TrimPrefix(string(kv.Key), "cluster/places/"); other != not && x.owner(other) == host {
			id = other
		}
	}
	if id == "" {
		var created model.Session
		until(t, patience, "it opens another session", func() string {
			if code := x.hosts[host].call("POST", "/api/sessions", model.SessionOptions{}, &created); code != 201 {
				return fmt.Sprint("it answers ", code)
			}
			return map[bool]string{false: "it is another's"}[x.owner(created.ID) == host]
		})
		id = created.ID
	}
	y := x.through(x.hosts[host], id)
	y.t = t
	y.apply("{apiVersion: v1, kind: Pod, metadata: {name: quiet}, spec: {containers: [{name: c, image: busybox, command: [sleep, '3600']}]}}")
	until(t, patience, "its pod runs", func() string {
		out, err := y.tryKubectl("", "get", "pod", "quiet", "-o", "jsonpath={.status.phase}")
		if err != nil || out != "Running" {
			return fmt.Sprint(out, err)
		}
		return ""
	})
	return id
}

// runs says what keeps a session from running containers at another host than before, as
// that host's operator sees it: nobody asks for the session.
func (x *site) runs(was, id string) (missing string) {
	owner := x.owner(id)
	if owner == was || owner == "" {
		return "it is at " + owner
	}
	r := must(http.NewRequest("GET", x.hosts[owner].URL+"/api/operator", nil))
	r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(must(os.ReadFile(filepath.Join(x.data[owner], "operator-token"))))))
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err.Error()
	}
	defer answer.Body.Close()
	var sees model.Operator
	if err := json.NewDecoder(answer.Body).Decode(&sees); err != nil {
		return fmt.Sprint(answer.Status, ": ", err)
	}
	for _, s := range sees.Sessions {
		if strings.HasPrefix(id, s.Session) && s.State == "open" && s.Containers > 0 {
			return ""
		}
	}
	return fmt.Sprintf("%s has %+v", owner, sees.Sessions)
}

// served says what keeps a session from being served, through a host, by another than the
// one that had it.
func (x *site) served(was, id string, through *server) (missing string) {
	if owner := x.owner(id); owner == was || owner == "" {
		return "it is at " + owner
	}
	if code := status(through, id); code != 200 {
		return fmt.Sprintf("it answers %d", code)
	}
	return ""
}

// forwards uses a session through a host that does not have it.
func (x *site) forwards(t *testing.T, id string) {
	s := x.other(id)
	y := x.through(s, id)
	y.t = t
	y.apply("{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: c, image: busybox, command: [sleep, '3600']}]}}")
	conn, _, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(s.URL, "http")+y.path("/stream"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	conn.SetReadLimit(-1)
	if _, text, err := conn.Read(t.Context()); err != nil || !strings.Contains(string(text), id) {
		t.Errorf("the stream begins with %.300s, %v", text, err)
	}
	resp := must(http.Get(s.URL + "/s/" + id))
	page := string(must(io.ReadAll(resp.Body)))
	resp.Body.Close()
	if resp.StatusCode != 200 || !strings.Contains(page, id) {
		t.Errorf("the page is %s", resp.Status)
	}
	until(t, patience, "a command runs in its pod", func() string {
		out, err := y.tryKubectl("some input", "exec", "-i", "p", "--", "cat")
		if err != nil || out != "some input" {
			return fmt.Sprint(out, err)
		}
		return ""
	})
	until(t, patience, "kubectl finds it by name alone", func() string {
		out, err := y.tryKubectl("", "get", "--raw", "/api/v1/namespaces/default/pods/p")
		if err != nil || !strings.Contains(out, `"name":"p"`) {
			return fmt.Sprint(out, err)
		}
		return ""
	})
}

// cutOff holds up what the session's host and etcd say to each other.
func (x *site) cutOff(t *testing.T, id string) {
	was := x.owner(id)
	y := x.through(x.other(id), id)
	w := y.write("cut")
	w.more(t)
	x.lines[was].hold(true)
	until(t, patience, "another has it", func() string {
		moved := x.owner(id) != was && x.owner(id) != ""
		if code := status(x.hosts[was], id); moved && code == 200 {
			t.Errorf("%s serves what is another's", was)
		}
		return x.served(was, id, y.server)
	})
	w.more(t)
	w.lost(t, y)
	x.lines[was].hold(false)
	until(t, patience, "who was cut off leads there again", func() string {
		if code := status(x.hosts[was], id); code != 200 {
			return fmt.Sprint("it answers ", code)
		}
		return ""
	})
}

// looks has a session looked at, through a host, as a page does and as a controller does; what it
// returns waits until the one is told to come again, finds the session then, and the other goes
// on by itself.
func (x *site) looks(t *testing.T, y *session) (goOn func()) {
	t.Helper()
	dial := func() *websocket.Conn {
		conn, _, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(y.server.URL, "http")+y.path("/stream"), nil)
		if err != nil {
			return nil
		}
		conn.SetReadLimit(-1)
		return conn
	}
	first := dial()
	if first == nil {
		t.Fatal("there is no stream")
	}
	client := y.in("default").client
	all := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace("default"))
	maps := all.Core().V1().ConfigMaps().Lister()
	all.Start(t.Context().Done())
	all.WaitForCacheSync(t.Context().Done())
	return func() {
		defer first.CloseNow()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		for {
			if _, _, err := first.Read(ctx); ctx.Err() != nil {
				t.Error("the stream from who is gone does not end")
				return
			} else if err != nil {
				break
			}
		}
		until(t, patience, "the stream goes on", func() string {
			next := dial()
			if next == nil {
				return "it cannot be dialled"
			}
			defer next.CloseNow()
			if _, text, err := next.Read(ctx); err != nil || !strings.Contains(string(text), y.ID) {
				return fmt.Sprintf("it begins with %.300s, %v", text, err)
			}
			return ""
		})
		until(t, patience, "something is written", func() string {
			_, err := client.CoreV1().ConfigMaps("default").Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "seen"}}, metav1.CreateOptions{})
			if err != nil && !apierrors.IsAlreadyExists(err) {
				return err.Error()
			}
			return ""
		})
		until(t, patience, "who watches sees it", func() string {
			if _, err := maps.ConfigMaps("default").Get("seen"); err != nil {
				return err.Error()
			}
			return ""
		})
	}
}

// types has a learner type into a terminal of their page, through a host; what it returns waits until
// that page tells, by itself and without being loaded again, that the shell ended with its server,
// and types into the next one.
func (x *site) types(t *testing.T, y *session) (again func()) {
	t.Helper()
	const screen = `document.querySelector(".terminal-frame:not([hidden]) .xterm-rows")?.innerText`
	p := chromium.Open(t, y.server.URL+"/s/"+y.ID, chromium.Options{Theirs: true}) // it logs what it could not reach
	p.UntilIn(patience, `document.querySelector(".link.live")`)
	p.Click("#tab-terminal")
	p.UntilIn(patience, screen+`?.includes("$")`)
	chromium.Eval[bool](p, `(document.querySelector(".terminal-frame:not([hidden]) textarea").focus(), window.same = true)`)
	p.Type("echo $((6*7))\n")
	p.UntilIn(patience, screen+`.includes("\n42")`)
	return func() {
		t.Helper()
		p.UntilIn(patience, `window.same && document.querySelector(".terminal-note")?.textContent.includes("This is a new shell.")`)
		p.Type("echo $((7*7))\n")
		p.UntilIn(patience, screen+`.includes("\n49") && `+screen+`.includes("\n42") && !document.querySelector(".terminal-note p")`)
	}
}

// stopped stops the session's host until another has it, and has it go on: it answers nobody by
// what it knew, though it cannot know yet that time has gone by.
func (x *site) stopped(t *testing.T, id string) {
	was := x.owner(id)
	y, old := x.through(x.other(id), id), x.through(x.hosts[was], id)
	y.t, old.t = t, t
	maps := y.in("default").client.CoreV1().ConfigMaps("default")
	there := old.in("default").client.CoreV1().ConfigMaps("default")
	if _, err := there.List(t.Context(), metav1.ListOptions{}); err != nil {
		t.Fatal(err)
	}
	inside := x.hosts[was].inside(t)
	signal := func(sig syscall.Signal) {
		if err := syscall.Kill(inside, sig); err != nil {
			t.Errorf("%v: %v", sig, err)
		}
	}
	signal(syscall.SIGSTOP)
	goesOn := sync.OnceFunc(func() { signal(syscall.SIGCONT) })
	defer goesOn()
	until(t, patience, "another has it", func() string { return x.served(was, id, y.server) })
	until(t, patience, "something is written there", func() string {
		_, err := maps.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "newest"}}, metav1.CreateOptions{})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return err.Error()
		}
		return ""
	})
	ask := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		_, err := there.Get(ctx, "newest", metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			t.Errorf("%s tells what was before another had the session: %v", was, err)
		}
		return err
	}
	var asking sync.WaitGroup
	for range 8 { // some of them while it is stopped
		asking.Go(func() { _ = ask() })
	}
	goesOn()
	asking.Wait()
	until(t, patience, "it leads to the other", func() string {
		if err := ask(); err != nil {
			return err.Error()
		}
		return ""
	})
}

// inside is the process in which the server is, beside its supervisor.
func (s *server) inside(t *testing.T) int {
	t.Helper()
	for pid, p := range processes() {
		if p.parent == s.cmd.Process.Pid && strings.Contains(p.command, " serve ") {
			return pid
		}
	}
	t.Fatal("there is no server inside")
	return 0
}

// TestSecureStore has a server keep a session in an etcd over TLS that wants to see a certificate,
// and the next server go on with it.
func TestSecureStore(t *testing.T) {
	t.Parallel()
	pair := etcdtest.NewPair(t)
	etcd := etcdtest.StartTLS(t, pair)
	data := t.TempDir()
	flags := []string{"--store", "etcds://" + etcd.Endpoint, "--store-ca", pair.Certificate, "--store-cert", pair.Certificate, "--store-key", pair.Key,
		"--host-name", "a", "--advertise", "127.0.0.1:0", "--host-lease", "2s", "--nodes", "1"}
	first := start(t, data, flags...)
	x := first.open()
	x.kubectl("create", "configmap", "kept", "--from-literal=of=the-session")
	first.stop(syscall.SIGTERM)
	y := &session{server: start(t, data, flags...), ID: x.ID, kubeconfig: x.kubeconfig}
	until(t, patience, "the session goes on", func() string {
		if code := status(y.server, y.ID); code != 200 {
			return fmt.Sprint("it answers ", code)
		}
		return ""
	})
	y.writeKubeconfig()
	until(t, patience, "it has what it had", func() string {
		out, err := y.tryKubectl("", "get", "configmap", "kept", "-o", "jsonpath={.data.of}")
		if err != nil || out != "the-session" {
			return fmt.Sprint(out, err)
		}
		return ""
	})
}
