package e2e

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/chromium"
	"github.com/podhop/podhop/internal/openid"
)

// connectionsEach is how many connections an address may have with the public site.
const connectionsEach = 200

// TestPublicSite is a site for strangers: they work before a session is opened, may sign in by
// accounts, and the operator by their token; all of it is noted.
func TestPublicSite(t *testing.T) {
	provider := openid.Start(t, []openid.User{{ID: "1", Username: "ada", FirstName: "Ada", LastName: "Lovelace", Groups: []string{"teachers"}}}, "")
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(openid.ClientSecret), 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, t.TempDir(), "--nodes", "1", "--gate", "work", "--gate-bits", "12", "--limit-guesses", "1/h:3", "--instructors", "accounts",
		"--max-connections-address", strconv.Itoa(connectionsEach),
		"--oidc-issuer", provider.URL, "--oidc-client-id", openid.ClientID, "--oidc-client-secret-file", secret, "--oidc-instructors", "groups=teachers")
	provider.LeadBackTo(s.URL + "/sign-in/callback")

	t.Run("a program is told what work there is", func(t *testing.T) {
		r := must(http.Post(s.URL+"/api/sessions", "application/json", strings.NewReader("{}")))
		r.Body.Close()
		if r.StatusCode != http.StatusForbidden || r.Header.Get("Podhop-Challenge") == "" {
			t.Errorf("it gets %d, %q", r.StatusCode, r.Header.Get("Podhop-Challenge"))
		}
	})
	t.Run("a browser does the work by itself", func(t *testing.T) {
		p := chromium.Open(t, s.URL+"/playground", chromium.Options{Allow: "status of 403"})
		p.Click(`.opening .primary`)
		p.UntilIn(time.Minute, `location.pathname.startsWith("/s/") && document.querySelector(".link.live")`)
	})
	t.Run("an account makes an instructor", func(t *testing.T) {
		b := openid.NewBrowser(t)
		if r, text := b.SignIn(s.URL+"/sign-in/account?to=/playground", "ada", openid.Password); r.Request.URL.Path != "/playground" || !strings.Contains(text, "Ada Lovelace") {
			t.Fatalf("it leads to %s:\n%s\n%s", r.Request.URL, text, tail(s.log.String(), 5))
		}
		if _, me := b.Send(s.URL+"/api/me", nil); !strings.Contains(me, `"instructor"`) {
			t.Errorf("they are %s", me)
		}
	})
	t.Run("the operator shows their token, and nobody guesses it", func(t *testing.T) {
		token := strings.TrimSpace(string(must(os.ReadFile(filepath.Join(s.Data, "operator-token")))))
		r := must(http.NewRequest("POST", s.URL+"/api/sessions", nil))
		r.Header.Set("Authorization", "Bearer "+token)
		answer := must(http.DefaultClient.Do(r))
		answer.Body.Close()
		if answer.StatusCode != http.StatusCreated {
			t.Errorf("the operator opens a session: %d", answer.StatusCode)
		}
		codes := map[int]int{}
		for range 5 {
			answer, _ := openid.NewBrowser(t).Send(s.URL+"/sign-in", url.Values{"token": {"wrong"}})
			codes[answer.StatusCode]++
		}
		if codes[http.StatusForbidden] != 3 || codes[http.StatusTooManyRequests] != 2 {
			t.Errorf("five guesses are answered %v", codes)
		}
	})
	t.Run("connections without end are an address' own trouble", func(t *testing.T) {
		from := func(address string) *net.Dialer {
			return &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}, Timeout: time.Minute}
		}
		for range 3 * connectionsEach {
			if c, err := from("127.0.0.3").Dial("tcp", strings.TrimPrefix(s.URL, "http://")); err == nil {
				defer c.Close()
			}
		}
		client := http.Client{Transport: &http.Transport{DialContext: from("127.0.0.2").DialContext}, Timeout: time.Minute}
		defer client.CloseIdleConnections()
		r := must(client.Get(s.URL + "/metrics"))
		text := string(must(io.ReadAll(r.Body)))
		r.Body.Close()
		if r.StatusCode != http.StatusOK || !regexp.MustCompile(`podhop_connections_refused_total{reason="address"} [1-9]`).MatchString(text) {
			t.Errorf("somebody else gets %d, and metrics of connections:\n%s", r.StatusCode, strings.Join(regexp.MustCompile(`(?m)^podhop_connections.*$`).FindAllString(text, -1), "\n"))
		}
	})
	t.Run("what the server may reach no learner reaches", func(t *testing.T) {
		token := strings.TrimSpace(string(must(os.ReadFile(filepath.Join(s.Data, "operator-token")))))
		r := must(http.NewRequest("POST", s.URL+"/api/sessions", nil))
		r.Header.Set("Authorization", "Bearer "+token)
		answer := must(http.DefaultClient.Do(r))
		defer answer.Body.Close()
		var created model.Session
		if err := json.NewDecoder(answer.Body).Decode(&created); err != nil {
			t.Fatal(err)
		}
		x := (&session{server: s, ID: created.ID, kubeconfig: filepath.Join(t.TempDir(), "kubeconfig")})
		x.writeKubeconfig()
		x.run(t, "by an image's name", func(t *testing.T, x *session) {
			x.kubectl("run", "steal", "--image", strings.TrimPrefix(provider.URL, "http://")+"/keys:1", "--restart=Never")
			until(t, patience, "a refusal", func() string {
				if out := x.kubectl("get", "events", "--field-selector", "involvedObject.name=steal"); !strings.Contains(out, "not a public address") {
					return "there are the events\n" + out
				}
				return ""
			})
		})
	})
	t.Run("the operator sees what each session has", func(t *testing.T) {
		token := strings.TrimSpace(string(must(os.ReadFile(filepath.Join(s.Data, "operator-token")))))
		until(t, patience, "a session of a pod", func() string {
			r := must(http.NewRequest("GET", s.URL+"/debug/sessions", nil))
			r.Header.Set("Authorization", "Bearer "+token)
			answer := must(http.DefaultClient.Do(r))
			defer answer.Body.Close()
			text := string(must(io.ReadAll(answer.Body)))
			for line := range strings.Lines(text) { // SESSION STATE AGE LEFT NODES PODS CONTAINERS PROCESSES GOROUTINES
				if f := strings.Fields(line); len(f) > 8 && f[1] == "open" && f[4] == "1" && f[5] != "0" && len(f[8]) > 1 { // ten goroutines at least
					return ""
				}
			}
			return text
		})
	})
	noted := string(must(os.ReadFile(filepath.Join(s.Data, "audit.log"))))
	for _, action := range []string{"session.open", "person.sign-in", "person.sign-in-failed", "person.refused"} {
		if !strings.Contains(noted, `"action":"`+action+`"`) {
			t.Errorf("%s is not noted:\n%s", action, noted)
		}
	}
}
