package directions

import (
	"bufio"
	"bytes"
	"os/exec"
	"strings"
	"testing"
)

const project = "github.com/podhop/podhop"

// A rule says of the packages under In what they may not import. A trailing
// slash stands for everything below; Except lists who may all the same.
type rule struct {
	In     string
	Never  []string
	Except []string
	Why    string
}

var rules = []rule{
	{In: "/", Never: []string{project + "/server"}, Except: []string{"/server", "/internal/command"},
		Why: "nothing but the command line imports the server"},
	{In: "/engine/", Never: []string{project + "/web", project + "/lessons"},
		Why: "the engine has no pages"},
	{In: "/web/", Never: []string{project + "/engine"}, Except: []string{project + "/engine/model"},
		Why: "the page knows the wire types alone"},
	{In: "/lessons/", Never: []string{project + "/engine", project + "/web", project + "/internal", "k8s.io"},
		Except: []string{project + "/engine/model", project + "/engine/trace/filter", project + "/internal/printable"},
		Why:    "lessons know neither how they are shown nor where they run"},
	{In: "/lessons/markdown/", Never: []string{project, "k8s.io"},
		Why: "texts are rendered for whoever shows them"},
	{In: "/engine/model/", Never: []string{project, "k8s.io", "golang.org/x", "github.com"},
		Why: "the wire types are standard library only"},
	{In: "/engine/network/", Never: []string{"k8s.io", project + "/engine"}, Except: []string{project + "/engine/network"},
		Why: "the network knows no Kubernetes types"},
	{In: "/engine/hostport/", Never: []string{"k8s.io", project + "/engine"}, Except: []string{project + "/engine/hostport"},
		Why: "host ports are told of addresses alone"},
	{In: "/engine/api/", Never: []string{project + "/engine"}, Except: []string{project + "/engine/api"},
		Why: "the API knows nothing of nodes"},
	{In: "/engine/api/seats/", Never: []string{"k8s.io", "github.com", "golang.org/x"}, Why: "a share is counted, whatever it is of"},
	{In: "/engine/capacity/", Never: []string{"k8s.io", "github.com", project}, Why: "room is planned of what was measured"},
	{In: "/server/queue/", Never: []string{"k8s.io", "golang.org/x", "github.com", project}, Why: "who waits, waits for whatever it is"},
	{In: "/engine/rules/", Never: []string{"k8s.io", "golang.org/x", "github.com", project}, Why: "verdicts come from what was counted"},
	{In: "/engine/dns/", Never: []string{"k8s.io/kubernetes", project + "/engine", project + "/internal"}, Except: []string{project + "/engine/dns"},
		Why: "DNS is told of namespaces and lists, and of nothing else"},
	{In: "/engine/loadbalancer/", Never: []string{"k8s.io/kubernetes", project + "/engine", project + "/internal"}, Except: []string{project + "/engine/loadbalancer"},
		Why: "load balancers know neither the network nor how it is told"},
	{In: "/engine/provisioner/", Never: []string{"k8s.io/kubernetes", "golang.org/x/sys", project}, Except: []string{project + "/engine/provisioner"},
		Why: "the provisioner knows folders by an interface alone"},
	{In: "/engine/ingress/route/", Never: []string{project, "k8s.io", "golang.org/x", "github.com"},
		Why: "tables and what they say of requests are pure, and standard library only"},
	{In: "/engine/ingress/plan/", Never: []string{"k8s.io/kubernetes", "k8s.io/client-go", "golang.org/x/sys", project}, Except: []string{project + "/engine/ingress/route"},
		Why: "planners are pure"},
	{In: "/engine/ingress/proxy/", Never: []string{"k8s.io", project}, Except: []string{project + "/engine/ingress/route"},
		Why: "a proxy is given tables and namespaces"},
	{In: "/engine/ingress/", Never: []string{"k8s.io/kubernetes", project + "/engine", project + "/internal"},
		Except: []string{project + "/engine/ingress", project + "/engine/api/informer"},
		Why:    "the Ingress controller is told of pods, and tells of connections"},
	{In: "/engine/desk/", Never: []string{"k8s.io", project + "/engine"}, Except: []string{project + "/engine/container", project + "/engine/model"},
		Why: "the learner's machine knows no cluster"},
	{In: "/engine/metrics/", Never: []string{"k8s.io/kubernetes", "k8s.io/client-go", "k8s.io/apiserver", project},
		Why: "metrics are read from what is given, for whoever asks"},
	{In: "/engine/topology/", Never: []string{"k8s.io/kubernetes", "golang.org/x/sys", "github.com/vishvananda", project + "/engine", project + "/internal/nsexec"},
		Except: []string{project + "/engine/model", project + "/engine/topology"},
		Why:    "planners are pure"},
	{In: "/engine/judge/", Never: []string{"k8s.io/kubernetes", "golang.org/x/sys", project},
		Except: []string{project + "/engine/model", project + "/engine/policy"}, Why: "verdicts are compared, not got"},
	{In: "/engine/why/", Never: []string{"k8s.io/kubernetes", "golang.org/x/sys", "github.com/vishvananda", project},
		Except: []string{project + "/engine/model"}, Why: "answers come from journeys and objects"},
	{In: "/engine/recording/", Never: []string{"k8s.io", "golang.org/x", project}, Except: []string{project + "/engine/model", project + "/engine/recording"},
		Why: "files are written of messages and objects, and read of whoever wrote them"},
	{In: "/engine/journal/", Never: []string{"k8s.io", "golang.org/x", "github.com"}, Except: []string{project + "/engine/journal", project + "/internal/etcd"},
		Why: "journals know bytes under keys"},
	{In: "/internal/etcd/", Never: []string{"k8s.io", project}, Except: []string{project + "/internal/etcd"},
		Why: "etcd is reached whatever is kept there"},
	{In: "/", Never: []string{"go.etcd.io/etcd/client"}, Except: []string{"/internal/etcd", "/engine/journal/etcd", "/server/keep/etcd", "/server/hosts", "/internal/command"},
		Why: "who knows etcd is behind an interface"},
	{In: "/engine/whatif/", Never: []string{"k8s.io/kubernetes", "k8s.io/client-go", "golang.org/x/sys", project + "/engine", project + "/internal"},
		Except: []string{project + "/engine/model", project + "/engine/policy"},
		Why:    "planners are pure"},
	{In: "/server/shelf/", Never: []string{"k8s.io", "golang.org/x", "github.com/go-chi", project}, Except: []string{project + "/engine/model"},
		Why: "files are kept whatever they are"},
	{In: "/internal/together/", Never: []string{"k8s.io", "golang.org/x", "github.com", project}, Why: "what is asked together may be anything"},
	{In: "/server/hosts/protocol/", Never: []string{project, "k8s.io", "golang.org/x", "github.com", "go.etcd.io"},
		Why: "who has a session is decided by what was told, by the code that the tests search"},
	{In: "/server/hosts/", Never: []string{project, "k8s.io", "github.com/go-chi"}, Except: []string{project + "/server/hosts", project + "/internal/together"},
		Why: "hosts know sessions by their IDs"},
	{In: "/server/keep/", Never: []string{"k8s.io", "github.com/go-chi", project}, Except: []string{project + "/server/keep", project + "/internal/etcd", project + "/internal/together"},
		Why: "documents are kept whatever they are"},
	{In: "/server/gate/", Never: []string{"k8s.io", "golang.org/x", "github.com", project}, Except: []string{project + "/server/keep", project + "/server/gate"},
		Why: "a gate knows work and tokens alone"},
	{In: "/server/account/", Never: []string{"k8s.io", project}, Except: []string{project + "/server/people"}, Why: "accounts say who somebody is"},
	{In: "/server/limit/", Never: []string{"k8s.io", "github.com", project}, Except: []string{"k8s.io/utils/lru"}, Why: "limits know keys and time alone"},
	{In: "/server/connections/", Never: []string{"k8s.io", "net/http", project}, Except: []string{project + "/server/limit"}, Why: "connections are counted whatever they are for"},
	{In: "/server/views/", Never: []string{"k8s.io", "github.com/go-chi", project}, Except: []string{project + "/server/keep"},
		Why: "links are kept whatever they lead to"},
	{In: "/server/classes/", Never: []string{"k8s.io", "net/http", "github.com/go-chi", project}, Except: []string{project + "/engine/model", project + "/internal/printable", project + "/server/keep"},
		Why: "classes know neither HTTP nor how sessions work"},
	{In: "/server/audit/", Never: []string{"k8s.io", "golang.org/x", "github.com", project}, Why: "what is written down is told"},
	{In: "/server/https/", Never: []string{"k8s.io", "github.com/go-chi", project}, Except: []string{project + "/server/keep"}, Why: "certificates are the same whatever is served"},
	{In: "/server/people/", Never: []string{"k8s.io", project + "/engine", project + "/web", project + "/lessons"}, Why: "people are the same whatever they do here"},
	{In: "/engine/trace/packet/", Never: []string{"golang.org/x/sys", project + "/internal/nsexec"}, Why: "decoders are pure"},
	{In: "/engine/trace/join/", Never: []string{"golang.org/x/sys", project + "/internal/nsexec"}, Why: "the joiner is pure"},
	{In: "/engine/trace/application/", Never: []string{"golang.org/x/sys", project + "/internal", project + "/engine"},
		Except: []string{project + "/engine/model", project + "/engine/trace/packet", project + "/engine/trace/record"}, Why: "what programs say is read of packets"},
	{In: "/engine/trace/explain/", Never: []string{"golang.org/x/sys", project + "/internal/nsexec"}, Why: "explanations are pure"},
	{In: "/engine/trace/filter/", Never: []string{project, "k8s.io", "golang.org/x", "github.com"}, Except: []string{project + "/engine/model"},
		Why: "who wants which journeys is told by the journeys alone"},
	{In: "/engine/trace/text/", Never: []string{project, "k8s.io", "golang.org/x/sys", "golang.org/x/term", "github.com"},
		Except: []string{project + "/engine/model", project + "/internal/printable"},
		Why:    "text is written for whoever asks, of journeys alone"},
	{In: "/server/client/", Never: []string{project, "k8s.io"}, Except: []string{project + "/engine/model", project + "/internal/problem", project + "/server/stream", project + "/server/client"},
		Why: "a client knows the server by HTTP alone"},
	{In: "/engine/trace/pcap/", Never: []string{"golang.org/x/sys", project + "/internal", project + "/engine"},
		Except: []string{project + "/engine/model", project + "/engine/trace/record"}, Why: "files are written of frames and journeys"},
	{In: "/", Never: []string{"nhooyr.io/websocket"}, Except: []string{"/server/stream"},
		Why: "the websocket package stays in one place, so that a move is one line"},
	{In: "/", Never: []string{"github.com/vishvananda/netlink"}, Except: []string{"/engine/network", "/internal/nsexec"},
		Why: "network.Set alone touches netlink"},
	{In: "/", Never: []string{"go.opentelemetry.io/otel/sdk", "go.opentelemetry.io/otel/exporters", "go.opentelemetry.io/proto"}, Except: []string{"/internal/traces"},
		Why: "who makes spans knows not where they go"},
	{In: "/internal/", Never: []string{project + "/engine", project + "/server", project + "/web", project + "/lessons"},
		Except: []string{"/internal/command"},
		Why:    "helpers know nobody"},
}

func TestDirections(t *testing.T) {
	cmd := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...")
	cmd.Dir = "../.."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	seen := 0
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		seen++
		for _, imported := range words[1:] {
			for _, r := range rules {
				if r.forbids(words[0], imported) {
					t.Errorf("%s imports %s: %s", words[0], imported, r.Why)
				}
			}
		}
	}
	if seen < 5 {
		t.Errorf("saw %d packages only", seen)
	}
}

func TestRulesCanFail(t *testing.T) {
	for _, c := range []struct {
		pkg, imported string
		want          bool
	}{
		{"/engine/network", "k8s.io/api/core/v1", true},
		{"/engine/network", project + "/internal/nsexec", false},
		{"/engine/networking", "k8s.io/api/core/v1", false},
		{"/web", project + "/engine/trace", true},
		{"/web", project + "/engine/model", false},
		{"/lessons", project + "/server", true},
		{"/internal/command", project + "/server", false},
		{"/server", "nhooyr.io/websocket", true},
		{"/server/stream", "nhooyr.io/websocket", false},
	} {
		got := false
		for _, r := range rules {
			got = got || r.forbids(project+c.pkg, c.imported)
		}
		if got != c.want {
			t.Errorf("%s imports %s: forbidden %v, want %v", c.pkg, c.imported, got, c.want)
		}
	}
}

func (r rule) forbids(pkg, imported string) bool {
	if !within(pkg, project+r.In) {
		return false
	}
	for _, e := range r.Except {
		// An exception is a place that may (starts with /) or a package that may be.
		if strings.HasPrefix(e, "/") && within(pkg, project+e) || within(imported, e) {
			return false
		}
	}
	for _, n := range r.Never {
		if within(imported, n) {
			return true
		}
	}
	return false
}

// within tells whether pkg is root or below it.
func within(pkg, root string) bool {
	root = strings.TrimSuffix(root, "/")
	return pkg == root || strings.HasPrefix(pkg, root+"/")
}
