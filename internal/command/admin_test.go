package command

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/podhop/podhop/engine/model"
)

func TestAdmin(t *testing.T) {
	var did []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusForbidden)
			w.Write([]byte(`{"title":"Not for you","status":403,"detail":"This is for whoever runs this server."}`))
			return
		}
		if r.Method == http.MethodPost {
			did = append(did, r.URL.Path)
			w.WriteHeader(http.StatusNoContent)
			return
		}
		json.NewEncoder(w).Encode(model.Operator{Time: "2026-01-01T12:00:00Z",
			Capacity: model.OperatorCapacity{Room: 4, Binds: "memory", Parts: []model.OperatorPart{{Name: "memory", Unit: "bytes", Used: 3 << 30, Of: 8 << 30, Each: 96 << 20, Room: 4}, {Name: "cpu", Unit: "percent", Used: 12.4, Of: 100, Room: -1}}},
			Sessions: []model.OperatorSession{
				{Session: "abcdefgh", State: "open", Born: "2026-01-01T11:50:00Z", Until: "2026-01-01T13:50:00Z", Nodes: 3, Containers: 7, Objects: 120, CPU: 0.05, Memory: 30 << 20, Journal: 2048},
				{Session: "ijklmnop", State: "parked", Born: "2026-01-01T07:00:00Z", Until: "2026-01-01T12:00:30Z", Owner: "k3v9", CPU: 0.9}},
			Queue:    []model.OperatorQueued{{Ticket: "tttttttt", Member: true}},
			Breaches: []model.Breach{{Time: "2026-01-01T11:59:50Z", Session: "abcdefgh", Pod: "default/bomb", Rule: "forks", Text: "It forked."}}})
	}))
	defer server.Close()
	data := t.TempDir()
	if err := os.WriteFile(filepath.Join(data, "operator-token"), []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	call := func(args ...string) (out, errs string, err error) {
		var o, e bytes.Buffer
		err = admin(context.Background(), &environment{stdout: &o, stderr: &e}, append(args, "--server", server.URL+"/"))
		return o.String(), e.String(), err
	}
	for _, tt := range []struct{ word, want string }{
		{"sessions", "SESSION    STATE    AGE   LEFT   OWNER   NODES   CONTAINERS   OBJECTS   VIEWERS   JOURNAL\n" +
			"abcdefgh   open     10m   110m   -       3       7            120       0         2Ki\n" +
			"ijklmnop   parked   5h0m   30s   k3v9    0       0            0         0         0\n"},
		{"queue", "PLACE   TICKET     MEMBER   TURN\n1       tttttttt   true     false\n"},
		{"events", "AGO   SESSION    POD            RULE    WHAT\n10s   abcdefgh   default/bomb   forks   It forked.\n"},
		{"top", "room for 4 more, bound by memory\n\nPART     USED   OF     EACH   ROOM\nmemory   3Gi    8Gi    96Mi   4\ncpu      12%    100%   0%     -\n\n" +
			"SESSION    CPU(cores)   MEMORY   PROCESSES   API    REFUSED   RULES BROKEN\nijklmnop   900m         0        0           0.0s   0         0\nabcdefgh   50m          30Mi     0           0.0s   0         0\n"},
	} {
		out, errs, err := call(tt.word, "--data", data)
		if words(out) != words(tt.want) || err != nil {
			t.Errorf("%s: %v %s\n%s", tt.word, err, errs, out)
		}
	}
	out, _, err := call("sessions", "-o", "json", "--operator-token", "secret")
	var all []model.OperatorSession
	if jerr := json.Unmarshal([]byte(out), &all); jerr != nil || err != nil || len(all) != 2 {
		t.Errorf("JSON: %v %v %s", err, jerr, out)
	}
	if out, _, err := call("end", "abcdefgh", "ijkl", "--data", data); err != nil || out != "session abcdefgh ended\nsession ijkl ended\n" || len(did) != 2 || did[1] != "/api/operator/sessions/ijkl/end" {
		t.Errorf("end: %v %q %q", err, out, did)
	}
	if _, _, err := call("sessions", "--operator-token", "guessed"); err == nil || !strings.Contains(err.Error(), "for whoever runs this server") {
		t.Errorf("a wrong token: %v", err)
	}
	for _, args := range [][]string{{}, {"dance"}, {"park"}, {"sessions", "abcd"}} {
		if _, errs, err := call(append(args, "--data", data)...); err != errUsage || errs == "" {
			t.Errorf("%q: %v %q", args, err, errs)
		}
	}
	if _, _, err := call("sessions", "--data", t.TempDir()); err == nil || !strings.Contains(err.Error(), "--operator-token") {
		t.Errorf("without a token: %v", err)
	}
}

// words are a table's, however wide its columns are.
func words(table string) string { return strings.Join(strings.Fields(table), " ") }
