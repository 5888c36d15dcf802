package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/podhop/podhop/internal/chromium"
)

// freePort is an address that no connection is given by chance, so that a second server finds
// it as the first left it.
func freePort(t testing.TB) string {
	t.Helper()
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", 20000+rand.IntN(12000))
		if l, err := net.Listen("tcp", address); err == nil {
			l.Close()
			return address
		}
	}
	t.Fatal("there is no free port")
	return ""
}

// A watcher is a learner's page that stays open while the server restarts.
type watcher struct{ *chromium.Tab }

func (x *session) watched() watcher {
	p := chromium.Open(x.t, x.URL+"/s/"+x.ID, chromium.Options{Theirs: true}) // it logs what it could not reach
	p.UntilIn(patience, `document.querySelector(".link.live") && document.querySelector("[data-vertex^='pod/default/web']")`)
	chromium.Eval[bool](p, `(window.same = true)`)
	return watcher{p}
}

func (w watcher) isTold() {
	w.T.Helper()
	w.UntilIn(patience, `document.querySelector(".link.waiting .word").textContent === "server restarts, reconnecting"`)
}

// goesOn is without a reload.
func (w watcher) goesOn() {
	w.T.Helper()
	w.UntilIn(patience, `window.same && document.querySelector(".link.live") && document.querySelector("[data-vertex^='pod/default/web'].ready")`)
}

// healthy asks as a person and as Docker does.
func healthy(t *testing.T, s *server) {
	resp := must(http.Get(s.URL + "/readyz?verbose"))
	defer resp.Body.Close()
	address := strings.TrimPrefix(s.URL, "http://")
	out, err := output(t.Context(), "", podhop, "health", "--listen", address)
	if resp.StatusCode != 200 || err != nil {
		t.Errorf("%s, %v", resp.Status, err)
	}
	for _, want := range []string{"[+]images ok", "[+]disk ok", "[+]sessions ok", "[+]shutdown ok", "readyz check passed"} {
		if !strings.Contains(out, want) {
			t.Errorf("there is no %q in\n%s", want, out)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if out, err := output(ctx, "", podhop, "health", "--listen", freePort(t)); err == nil {
		t.Errorf("a server that is not there: %s", out)
	}
}

// drains ends the server by SIGTERM, and reads its log, which was of JSON: each line is
// that, and none has the whole key of a session.
func (s *server) drains(ids ...string) {
	s.t.Helper()
	s.stop(syscall.SIGTERM)
	log := s.log.String()
	for _, id := range ids {
		if at := strings.Index(log, id); at >= 0 {
			s.t.Errorf("the log has a whole ID in it: ...%s", log[max(0, at-300):at+40])
		}
	}
	if !strings.Contains(log, ids[0][:8]) || !strings.Contains(log, `"msg":"draining"`) {
		s.t.Errorf("it says nothing of the session, or of its end:\n%s", tail(log, 60))
	}
	for line := range strings.Lines(log) {
		if !strings.HasPrefix(line, "podhop is ready at ") && !json.Valid([]byte(line)) {
			s.t.Errorf("this line is not JSON: %s", line)
		}
	}
}
