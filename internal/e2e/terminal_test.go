package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/terminal"
	"github.com/podhop/podhop/server/stream"
)

// A screen is one viewer of a terminal, and all that it has seen since the last reset.
type screen struct {
	x      *session
	id     string
	remote *stream.Remote
	text   string
	ended  *terminal.Seen
}

// terminal opens one at a place, and looks at it.
func (x *session) terminal(place string) *screen {
	x.t.Helper()
	var opened model.Terminal
	if code := x.call("POST", x.path("/terminals"), model.NewTerminal{Place: place}, &opened); code != 201 {
		x.t.Fatalf("a terminal at %s: %d", place, code)
	}
	return x.attach(opened.ID)
}

// attach looks at a terminal that there is.
func (x *session) attach(id string) *screen {
	x.t.Helper()
	remote, err := stream.DialTerminal(x.t.Context(), x.URL+x.path("/terminals/"+url.PathEscape(id)+"/stream"))
	if err != nil {
		x.t.Fatalf("terminal %s: %v", id, err)
	}
	s := &screen{x: x, id: id, remote: remote}
	if err := remote.Resize(x.t.Context(), terminal.Size{Columns: 200, Rows: 50}); err != nil {
		x.t.Fatal(err)
	}
	return s
}

// sequences are what colours and moves are made by.
var sequences = regexp.MustCompile(`\x1b\][^\x07]*\x07|\x1b\[[?0-9;]*[a-zA-Z]`)

// shows reads until what is on the screen says so.
func (s *screen) shows(want string) {
	s.x.t.Helper()
	s.until(want, func() bool { return strings.Contains(sequences.ReplaceAllString(s.text, ""), want) })
}

// ready reads until the screen ends in that, and nothing more is being written.
func (s *screen) ready(end string) {
	s.x.t.Helper()
	s.until(end, func() bool { return strings.HasSuffix(sequences.ReplaceAllString(s.text, ""), end) })
}

func (s *screen) until(what string, ok func() bool) {
	s.x.t.Helper()
	ctx, cancel := context.WithTimeout(s.x.t.Context(), 90*time.Second)
	defer cancel()
	for !ok() {
		seen, err := s.remote.Next(ctx)
		if err != nil {
			s.x.t.Fatalf("terminal %s never showed %q: %v; it shows\n%q", s.id, what, err, s.text)
		}
		if seen.Reset {
			s.text = ""
		}
		if seen.Ended {
			s.ended = &seen
		}
		s.text += string(seen.Data)
	}
}

// types types, and forgets what was on the screen.
func (s *screen) types(text string) {
	s.x.t.Helper()
	s.text = ""
	if err := s.remote.Type(s.x.t.Context(), []byte(text)); err != nil {
		s.x.t.Fatalf("terminal %s: %v", s.id, err)
	}
}

// ends waits for the end of the program.
func (s *screen) ends(code int) {
	s.x.t.Helper()
	s.until("its end", func() bool { return s.ended != nil })
	if s.ended.Code != code {
		s.x.t.Errorf("terminal %s ended with %d, want %d", s.id, s.ended.Code, code)
	}
}

// TestTerminals is a learner at their machine, in pods and at nodes.
func TestTerminals(t *testing.T) {
	s := start(t, t.TempDir())
	x := s.open()
	x.watch()
	x.apply(`
{apiVersion: v1, kind: Pod, metadata: {name: web, labels: {app: web}, annotations: {kubectl.kubernetes.io/default-container: two}}, spec: {nodeName: node-2,
  containers: [{name: one, image: traefik/whoami}, {name: two, image: busybox, command: [sleep, infinity]}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {type: NodePort, selector: {app: web}, ports: [{port: 80, nodePort: 30080}]}}`)
	until(t, 90*time.Second, "the pod runs", func() string {
		return map[bool]string{false: "not yet"}[len(x.pods("web")) == 1]
	})

	mine := x.terminal("client")
	mine.shows("client:~$ ")
	mine.types("kubectl get pods web -o name; echo co''de $?\n")
	mine.shows("pod/web\r\n")
	mine.shows("code 0")
	mine.ready("$ ")
	mine.types("kubectl get po\t") // kubectl asks the API what there is
	mine.shows("poddisruptionbudgets")
	mine.ready("$ kubectl get pod")
	mine.types("\x03")
	mine.ready("$ ")
	mine.types("k describe pod w\t") // the name is completed, and k is kubectl
	mine.ready("k describe pod web ")
	mine.types("\n")
	mine.shows("Start Time:")
	mine.types("curl -s --retry 20 --retry-all-errors -m 5 http://node-1:30080/ | grep ^Hostname; dig +tries=1 +time=1 web | tail -1; jq -n '1+''1'; vi --version | head -1; nano --version | head -1; git --version; openssl version; echo $LANG\n")
	for _, want := range []string{"Hostname: web\r\n", "no servers could be reached", "\r\n2\r\n", "VIM - Vi IMproved", "GNU nano", "git version", "OpenSSL ", "C.UTF-8"} {
		mine.shows(want)
	}
	until(t, 60*time.Second, "the map shows what curl sent", func() string {
		var journeys []model.Journey
		x.call("GET", x.path("/journeys"), nil, &journeys)
		for _, j := range journeys {
			if j.From == "client" && strings.Contains(j.Destination, ":30080") {
				return ""
			}
		}
		return fmt.Sprintf("%d journeys, none from the client to port 30080", len(journeys))
	})
	mine.types("tcpdump -n -c 1 -i eth0 icmp & sleep 1; ping -c 2 node-1\n") // root of one's own network
	mine.shows("ICMP echo request")

	// Several terminals have one home and one history, and another viewer sees the same.
	second := x.terminal("client")
	second.shows("client:~$ ")
	second.types("echo from-the-second >~/file; echo lines=$(history | grep -c nod''e-1:30080)\n")
	second.shows("lines=1\r\n")
	mine.types("cat ~/file\n")
	mine.shows("from-the-second\r\n")
	reloaded := x.attach(mine.id)
	reloaded.shows("from-the-second\r\n")
	reloaded.shows("VIM - Vi IMproved") // all that is kept
	reloaded.types("stty size\n")
	reloaded.shows("50 200\r\n")
	mine.shows("50 200\r\n")

	// What a learner may do to themselves.
	second.types("head -c 10000000 /dev/zero | tr '\\0' x; echo; echo en''d-of-line\n")
	second.shows("end-of-line")
	second.types("yes & sleep 1; kill %1; wait; echo en''d-of-yes\n")
	second.shows("end-of-yes")
	second.types("cat >/tmp/paste\n" + strings.Repeat(strings.Repeat("p", 99)+"\n", 2000))
	second.types("\x04wc -c </tmp/paste\n")
	second.shows("200000\r\n")
	second.types("exit 4\n")
	second.ends(4)

	node := x.terminal("node/node-1")
	node.shows("node-1:~$ ")
	node.types("ip -br addr show eth0; nft list table ip kube-proxy | grep -c 30080; conntrack -L >/dev/null; echo co''de $?; ls /etc/cni/net.d\n")
	node.shows("172.18.0.11/24")
	node.shows("code 0")
	node.shows("10-podhop.conflist")

	pod := x.terminal("pod/default/web")
	pod.shows("# ")
	pod.types("hostname; ls /bin/bu''sybox\n")
	pod.shows("web\r\n")
	pod.shows("/bin/busybox")
	pod.types("exit\n")
	pod.ends(0)
	for place, want := range map[string]struct {
		code int
		says string
	}{
		"pod/default/web/one":  {409, "neither bash nor sh"},
		"pod/default/web/nine": {404, "is not valid for pod web"},
		"pod/default/none":     {404, "no pod default/none"},
		"pod/default":          {422, "must be pod/NAMESPACE/NAME"},
		"node/node-9":          {404, "node-9"},
		"moon":                 {422, "must be client"},
	} {
		var problem struct{ Detail string }
		if code := x.call("POST", x.path("/terminals"), model.NewTerminal{Place: place}, &problem); code != want.code || !strings.Contains(problem.Detail, want.says) {
			t.Errorf("%s: %d %s; want %d with %q", place, code, problem.Detail, want.code, want.says)
		}
	}
	var list []model.Terminal
	x.call("GET", x.path("/terminals"), nil, &list)
	if len(list) != 4 || !list[1].Ended || list[1].Code != 4 || list[3].Place != "pod/default/web/two" {
		t.Errorf("listed: %+v", list)
	}

	// A fork bomb fills the learner's machine, and nothing else; the next terminal makes it anew.
	mine.types(":(){ :|:& };:\n")
	mine.shows("Resource temporarily unavailable")
	x.kubectl("get", "pods")
	x.call("DELETE", x.path("/terminals/"+mine.id), nil, nil)
	after := x.terminal("client")
	after.shows("client:~$ ")
	after.types("cat ~/file\n")
	after.shows("from-the-second\r\n")

	// A machine that is switched off takes its shells along.
	x.node("POST", "/node-1/stop")
	node.until("its end", func() bool { return node.ended != nil })
	if code := x.call("DELETE", x.path(""), nil, nil); code != 204 {
		t.Errorf("close: %d", code)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		if _, err := after.remote.Next(ctx); errors.Is(err, stream.ErrGone) {
			break
		} else if err != nil {
			t.Fatalf("a terminal of a closed session: %v", err)
		}
	}
}
