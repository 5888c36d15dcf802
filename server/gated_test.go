package server

import (
	"net/http"
	"strings"
	"testing"

	"github.com/podhop/podhop/server/gate"
	"github.com/podhop/podhop/server/keep"
	"github.com/podhop/podhop/server/limit"
	"github.com/podhop/podhop/server/people"
)

// gatedServer asks strangers for what the gate wants.
func gatedServer(t *testing.T, cfg gate.Config) *Server {
	t.Helper()
	if cfg.Kind == gate.Work {
		cfg.Bits, cfg.Key, cfg.Spend = 8, []byte("key"), gate.NewSpender(keep.Memory()).Spend
	}
	g, err := gate.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s, _ := peopled(t, people.Config{}, func(c *Config) {
		c.Gate, c.Limits = g, Limits{Open: limit.Rate{PerSecond: 0.001, Burst: 5}, Guesses: limit.Rate{PerSecond: 0.001, Burst: 3}}
	})
	return s
}

func TestGateOfWork(t *testing.T) {
	s := gatedServer(t, gate.Config{Kind: gate.Work})
	first := ask(s.Handler(), "POST /api/sessions", `{"nodes": 2}`)
	challenge := first.Header.Get("Podhop-Challenge")
	if text := textOf(first); first.StatusCode != http.StatusForbidden || challenge == "" || !strings.Contains(text, typeWork) || len(first.Cookies()) > 0 {
		t.Fatalf("without work: %d %q %s", first.StatusCode, challenge, text)
	}
	answer, err := gate.Solve(t.Context(), challenge)
	if err != nil {
		t.Fatal(err)
	}
	if r := ask(s.Handler(), "POST /api/sessions", "", "Podhop-Work: "+answer); r.StatusCode != http.StatusCreated {
		t.Errorf("with work: %d %s", r.StatusCode, textOf(r))
	}
	again := ask(s.Handler(), "POST /api/sessions", "", "Podhop-Work: "+answer)
	if text := textOf(again); again.StatusCode != http.StatusForbidden || !strings.Contains(text, "The work was used already.") || again.Header.Get("Podhop-Challenge") == challenge {
		t.Errorf("with the same work: %d %s", again.StatusCode, text)
	}
	if r := ask(s.Handler(), "POST /api/sessions", "", "Authorization: Bearer "+operatorToken); r.StatusCode != http.StatusCreated {
		t.Errorf("the operator: %d", r.StatusCode)
	}
	// What a session is used for goes by its ID alone.
	for _, request := range []string{"GET /api/sessions/abcdefghijklmnop", "POST /api/sessions/abcdefghijklmnop/apply", "GET /k8s/abcdefghijklmnop/api", "POST /api/sessions/abcdefghijklmnop/start-over", "GET /", "GET /playground"} {
		if r := ask(s.Handler(), request, "kind: Pod"); r.StatusCode >= 300 {
			t.Errorf("%s: %d", request, r.StatusCode)
		}
	}
}

// A browser is asked by a page that sends the form again, whichever it was.
func TestGateAsksBrowsers(t *testing.T) {
	s := gatedServer(t, gate.Config{Kind: gate.Work})
	for request, form := range map[string]string{
		"POST /playground?embed=true":    "nodes=2&lesson=first&cni=vxlan",
		"POST /lessons/first":            "",
		"POST /lessons/first?embed=true": "",
	} {
		page := textOf(ask(s.Handler(), request, form, asForm, asBrowser))
		parts := strings.Split(page+" ", " | ")
		_, path, _ := strings.Cut(request, " ")
		want := "[]"
		if form != "" {
			want = "[{cni vxlan} {lesson first} {nodes 2}]"
		}
		if len(parts) != 6 || parts[1] != "work" || parts[2] != path || parts[4] != want || parts[5] != "" {
			t.Fatalf("%s: %s", request, page)
		}
		answer, err := gate.Solve(t.Context(), parts[3])
		if err != nil {
			t.Fatal(err)
		}
		if r := ask(s.Handler(), request, form+"&work="+answer, asForm, asBrowser); r.StatusCode != http.StatusSeeOther || !strings.Contains(r.Header.Get("Location"), "/s/new") {
			t.Errorf("%s with work: %d %s", request, r.StatusCode, textOf(r))
		}
		// Nothing works for ever: what was not taken is told, and waits for a hand.
		if page := textOf(ask(s.Handler(), request, form+"&work="+answer, asForm, asBrowser)); !strings.HasSuffix(page, "It was not taken: the work was used already.") {
			t.Errorf("%s with used work: %s", request, page)
		}
	}
}

// Whoever is refused by a limit is not asked for work first.
func TestNobodyWorksForNothing(t *testing.T) {
	s := gatedServer(t, gate.Config{Kind: gate.Work})
	for range 5 {
		limit.Take(s.limits.now(), limit.Claim{From: s.limits.open, Key: "192.0.2.1/32"})
	}
	if r := ask(s.Handler(), "POST /api/sessions", ""); r.StatusCode != http.StatusTooManyRequests {
		t.Errorf("they get %d", r.StatusCode)
	}
}

func TestGateOfTokens(t *testing.T) {
	const token = "the-token-of-the-site"
	s := gatedServer(t, gate.Config{Kind: gate.Token, Tokens: []string{token}})
	if r := ask(s.Handler(), "POST /api/sessions", ""); r.StatusCode != http.StatusForbidden || !strings.Contains(textOf(r), typeAccess) {
		t.Errorf("without a token: %d", r.StatusCode)
	}
	if r := ask(s.Handler(), "POST /api/sessions", "", "Podhop-Access: "+token); r.StatusCode != http.StatusCreated {
		t.Errorf("with the token: %d", r.StatusCode)
	}
	page := textOf(ask(s.Handler(), "POST /playground", "nodes=2", asForm, asBrowser))
	if page != "page: gate | token | /playground |  | [{nodes 2}] |" {
		t.Errorf("a browser is asked by %s", page)
	}
	wrong := ask(s.Handler(), "POST /playground", "nodes=2&access=wrong", asForm, asBrowser)
	if text := textOf(wrong); wrong.StatusCode != http.StatusForbidden || !strings.HasSuffix(text, "| That is not an access token of this site.") {
		t.Errorf("a wrong one: %d %s", wrong.StatusCode, text)
	}
	right := ask(s.Handler(), "POST /playground", "nodes=2&access="+token, asForm, asBrowser)
	if right.StatusCode != http.StatusSeeOther {
		t.Fatalf("the right one: %d %s", right.StatusCode, textOf(right))
	}
	if r := ask(s.Handler(), "POST /playground", "", asForm, asBrowser, cookies(right)); r.StatusCode != http.StatusSeeOther {
		t.Errorf("the same browser again: %d", r.StatusCode)
	}
	given := ask(s.Handler(), "POST /access", "access="+token+"&to=%2Fjoin", asForm, asBrowser)
	if given.StatusCode != http.StatusSeeOther || given.Header.Get("Location") != "/join" {
		t.Errorf("given at its page: %d to %s", given.StatusCode, given.Header.Get("Location"))
	}
	for range 2 {
		ask(s.Handler(), "POST /access", "access=wrong", asForm)
	}
	if r := ask(s.Handler(), "POST /access", "access="+token, asForm); r.StatusCode != http.StatusTooManyRequests {
		t.Errorf("the right one after too many wrong ones: %d", r.StatusCode)
	}
	if r := ask(s.Handler(), "POST /playground", "", asForm, asBrowser, cookies(right)); r.StatusCode != http.StatusSeeOther {
		t.Errorf("a browser that was granted it, after others' guesses: %d", r.StatusCode)
	}
	if r := ask(gatedServer(t, gate.Config{}).Handler(), "GET /access?to=/join", ""); r.StatusCode != http.StatusSeeOther || r.Header.Get("Location") != "/join" {
		t.Errorf("where there is no gate: %d", r.StatusCode)
	}
}

// Who waits has passed the gate: what they showed there is not in the page that waits, which is whoever's has its address.
func TestWhoWaitsShowsNoToken(t *testing.T) {
	const token = "the-token-of-the-site"
	s, _, _ := operated(t, 0)
	var err error
	if s.cfg.Gate, err = gate.New(gate.Config{Kind: gate.Token, Tokens: []string{token}}); err != nil {
		t.Fatal(err)
	}
	r := ask(s.Handler(), "POST /playground", "nodes=2&access="+token, asForm, asBrowser)
	to := r.Header.Get("Location")
	if r.StatusCode != http.StatusSeeOther || !strings.HasPrefix(to, "/queue/") {
		t.Fatalf("who finds no room: %d to %q", r.StatusCode, to)
	}
	if page := textOf(ask(s.Handler(), "GET "+to, "", asBrowser)); !strings.Contains(page, "map[nodes:2]") {
		t.Errorf("the page that waits: %s", page)
	}
}
