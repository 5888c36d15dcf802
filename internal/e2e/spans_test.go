package e2e

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/podhop/podhop/internal/span"
	"github.com/podhop/podhop/internal/traces/receiver"
)

// collect has servers that are started send what they have done, often, to a collector that
// only the supervisor reaches.
func collect(t *testing.T) *receiver.Receiver {
	t.Helper()
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
	t.Setenv("OTEL_SERVICE_NAME", "a-school")
	r := must(receiver.Listen())
	t.Cleanup(r.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", r.URL())
	return r
}

// spansOf are the spans of one trace, each as "NAME < NAME OF WHAT IT IS PART OF".
func spansOf(r *receiver.Receiver, trace string) map[string]int {
	name, all := map[string]string{}, map[string]int{}
	for _, s := range r.Spans(trace) {
		name[hex.EncodeToString(s.GetSpanId())] = s.GetName()
	}
	for _, s := range r.Spans(trace) {
		all[s.GetName()+" < "+name[hex.EncodeToString(s.GetParentSpanId())]]++
	}
	return all
}

// tracesWork starts a session over, pastes and asks for a check, all in one trace, and answers the
// session's ID.
func tracesWork(t *testing.T, s *server, r *receiver.Receiver, id string) string {
	const trace = "0af7651916cd43dd8448eb211c80319c"
	ask := func(method, path, kind, body string) *http.Response {
		t.Helper()
		request := must(http.NewRequest(method, s.URL+path, strings.NewReader(body)))
		request.Header.Set("Content-Type", kind)
		request.Header.Set("Traceparent", "00-"+trace+"-b7ad6b7169203331-01")
		resp := must(http.DefaultClient.Do(request))
		t.Cleanup(func() { resp.Body.Close() })
		if resp.StatusCode >= 300 {
			t.Errorf("%s: %s", path, resp.Status)
		}
		return resp
	}
	location := ask("POST", "/api/sessions/"+id+"/start-over", "application/json", "{}").Header.Get("Location")
	id = location[strings.LastIndex(location, "/")+1:]
	if len(id) != 26 {
		t.Fatalf("it is at %q", location)
	}
	ask("POST", "/api/sessions/"+id+"/apply", "application/yaml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: one}}\n---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: two}}\n")
	ask("POST", "/api/sessions/"+id+"/checks", "application/json", `{"lesson":"your-first-pod","step":1}`)
	want := []string{
		"POST /api/sessions/{id}/start-over < ", "open session < POST /api/sessions/{id}/start-over",
		"open network < open session", "open API < open session", "open kube-proxy < open session", "open nodes < open session",
		"POST /api/sessions/{id}/apply < ", "apply < POST /api/sessions/{id}/apply", "apply document < apply",
		"POST /api/sessions/{id}/checks < ", "check < POST /api/sessions/{id}/checks",
	}
	until(t, patience, "spans", func() string {
		got := spansOf(r, trace)
		for _, w := range want {
			if got[w] == 0 {
				return fmt.Sprintf("there is no %q among %v", w, got)
			}
		}
		if n := got["apply document < apply"]; n != 2 {
			return fmt.Sprintf("of %d documents", n)
		}
		return ""
	})
	return id
}

// tracesAdoption wants a session's adoption told, and then nothing told that opens a session.
func tracesAdoption(t *testing.T, r *receiver.Receiver, ids ...string) {
	t.Helper()
	until(t, patience, "spans of the adoption", func() string {
		if got := spansOf(r, ""); got["adopt session < "] == 0 || got["open session < adopt session"] == 0 || got["open nodes < open session"] == 0 {
			return fmt.Sprint("there are ", got)
		}
		return ""
	})
	text := fmt.Sprint(r.All())
	for _, id := range ids {
		if strings.Contains(text, id) {
			t.Errorf("a whole ID is told: %s", id)
		}
	}
	for _, want := range []string{ids[0][:8], "a-school", "service.version"} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not told", want)
		}
	}
	for _, of := range r.All() {
		for _, scope := range of.GetScopeSpans() {
			if name := scope.GetScope().GetName(); name != span.Scope {
				t.Errorf("spans of %s are told", name)
			}
		}
	}
}
