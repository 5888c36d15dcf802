package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/model"
)

// TestDNS asks the cluster's DNS as the page does and as a program in a pod does,
// and takes it away.
func TestDNS(t *testing.T) {
	s := start(t, t.TempDir())
	x := s.open()
	x.apply(strings.Join([]string{article("1-my-pod.yaml"), article("3-my-deployment.yaml"), article("4-my-service.yaml"),
		"{apiVersion: v1, kind: Pod, metadata: {name: shell}, spec: {containers: [{name: shell, image: busybox, command: [sleep, '1000000']}]}}\n"}, "---\n"))
	until(t, 60*time.Second, "the name of the Service is answered", func() string {
		if len(x.pods("my-pod")) == 0 || len(x.pods("shell")) == 0 {
			return "the senders do not run"
		}
		a := x.send("pod/default/my-pod", "http://my-service").Answers[0]
		if a.Status == 200 {
			return ""
		}
		return fmt.Sprintf("%+v", a)
	})
	x.run(t, "its journeys", func(t *testing.T, x *session) {
		r := x.send("pod/default/my-pod", "http://my-service")
		if !strings.Contains(r.Answers[0].Body, "Welcome to nginx!") {
			t.Errorf("the answer: %+v", r.Answers[0])
		}
		var summaries []string
		for _, id := range r.Journeys {
			var j model.Journey
			x.call("GET", x.path("/journeys/"+id), nil, &j)
			summaries = append(summaries, j.Summary)
			if j.Summary == "DNS A? my-service.default.svc.cluster.local" &&
				(j.Destination != "10.96.0.10:53" || j.Verdict != "delivered" || !strings.HasPrefix(j.To, "pod/kube-system/coredns-")) {
				t.Errorf("the question: %+v", j)
			}
		}
		question := slices.Index(summaries, "DNS A? my-service.default.svc.cluster.local")
		answer := slices.Index(summaries, "DNS A? my-service.default.svc.cluster.local "+x.kubectl("get", "service", "my-service", "-o", "jsonpath={.spec.clusterIP}"))
		syn := slices.Index(summaries, "SYN")
		if question < 0 || answer < question || syn < answer {
			t.Errorf("not a question, an answer and then a SYN: %q", summaries)
		}
	})
	x.run(t, "from inside", func(t *testing.T, x *session) {
		for _, c := range []struct {
			command []string
			want    string
		}{
			{[]string{"wget", "-qO-", "http://my-service"}, "Welcome to nginx!"},
			{[]string{"wget", "-qO-", "http://my-service.default.svc.cluster.local"}, "Welcome to nginx!"},
			{[]string{"nslookup", "my-service.default.svc.cluster.local"}, "Server:\t\t10.96.0.10"},
			{[]string{"nslookup", "nobody.default.svc.cluster.local"}, "NXDOMAIN"},
		} {
			out, _ := x.tryKubectl("", append([]string{"exec", "shell", "--"}, c.command...)...) // nslookup fails for what is not there
			if !strings.Contains(out, c.want) {
				t.Errorf("%s: %q does not say %q", c.command, out, c.want)
			}
		}
	})
	x.run(t, "who knows no names", func(t *testing.T, x *session) {
		for _, from := range []string{"node/node-1", "client"} {
			if a := x.send(from, "http://my-service").Answers[0]; !strings.Contains(a.Error, "only pods ask the cluster's DNS") {
				t.Errorf("%s: %+v", from, a)
			}
		}
		if a := x.send("pod/default/my-pod", "http://example.com").Answers[0]; !strings.Contains(a.Error, "REFUSED") {
			t.Errorf("outside: %+v", a)
		}
	})
	x.run(t, "scaled to zero and back", func(t *testing.T, x *session) {
		scale := func(n int) {
			t.Helper()
			x.kubectl("-n", "kube-system", "scale", "deployment", "coredns", fmt.Sprintf("--replicas=%d", n))
		}
		scale(0)
		until(t, 60*time.Second, "names are not answered any more", func() string {
			if a := x.send("pod/default/my-pod", "http://my-service").Answers[0]; !strings.Contains(a.Error, "cannot look up") {
				return fmt.Sprintf("%+v", a)
			}
			return ""
		})
		scale(2)
		until(t, 60*time.Second, "names are answered again", func() string {
			if a := x.send("pod/default/my-pod", "http://my-service").Answers[0]; a.Status != 200 {
				return fmt.Sprintf("%+v", a)
			}
			return ""
		})
	})
}
