package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/lessons"
)

func newWeb(t *testing.T) *Web {
	t.Helper()
	library, errs := lessons.Load(lessons.Content())
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return New(Config{Lessons: func() lessons.Library { return library }})
}

var session = model.Session{ID: "abc", URL: "/s/abc", APIServer: "https://localhost:6443", ExpiresAt: "2030-01-01T00:00:00Z"}

func render(t *testing.T, url string, handler http.HandlerFunc) *httptest.ResponseRecorder {
	t.Helper()
	rec := httptest.NewRecorder()
	handler(rec, httptest.NewRequest(http.MethodGet, url, nil))
	return rec
}

func TestPages(t *testing.T) {
	web := newWeb(t)
	learn := func(w http.ResponseWriter, r *http.Request) { web.Learn(w, r, session, model.Seat{}) }
	front := func(slug string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { web.Front(w, r, slug) }
	}
	cases := []struct {
		name, url string
		handler   http.HandlerFunc
		status    int
		want      []string
	}{
		{"index", "/", web.Index, 200, []string{"Your first Pod", "Reach Pods through a Service", `<form method="post" action="/playground">`, "Open playground"}},
		{"playground's front", "/playground", front(""), 200, []string{"Open playground"}},
		{"lesson's front", "/lessons/your-first-pod", front("your-first-pod"), 200, []string{`name="lesson" value="your-first-pod"`, "A Pod gets an address"}},
		{"unknown lesson's front", "/lessons/x", front("x"), 404, []string{"There is nothing here"}},
		{"playground", "/s/abc", learn, 200, []string{"<pod-map", `"api":"/api/sessions/abc"`, `href="/api/sessions/abc/kubeconfig"`}},
		{"lesson", "/s/abc?lesson=your-first-pod&step=2", learn, 200, []string{`data-step="1" hidden`, `data-step="2">`, "Your first Pod, step 2 of 4", "?lesson=your-first-pod&amp;step=3"}},
		{"the way on", "/s/abc?lesson=your-first-pod&step=4", learn, 200, []string{`href="/lessons/containers-that-share"`, ">Next lesson</a>"}},
		{"a step there isn't", "/s/abc?lesson=your-first-pod&step=99", learn, 200, []string{`data-step="4">`}},
		{"unknown lesson", "/s/abc?lesson=<script>", learn, 404, []string{"There is no such lesson"}},
		{"gone", "/s/abc", web.Gone, 410, []string{"no longer there", "Open a new playground"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			rec := render(t, c.url, c.handler)
			if rec.Code != c.status {
				t.Errorf("status is %d, want %d", rec.Code, c.status)
			}
			for _, want := range c.want {
				if !strings.Contains(rec.Body.String(), want) {
					t.Errorf("the page does not contain %q", want)
				}
			}
			checkStrict(t, rec)
		})
	}
}

var (
	inlineScript = regexp.MustCompile(`<script(?:[^>]*)>[^<]`)
	dataBlock    = regexp.MustCompile(`<script id="page-data" type="application/json"[^>]*>`)
	handlerAttr  = regexp.MustCompile(`\son[a-z]+=`)
	elsewhere    = regexp.MustCompile(`(?:src|href|action)="(?:https?:)?//`)
)

// checkStrict says whether a page works under its own policy: no inline script
// or style, and nothing from other hosts.
func checkStrict(t *testing.T, rec *httptest.ResponseRecorder) {
	t.Helper()
	csp := rec.Header().Get("Content-Security-Policy")
	if !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("policy is %q", csp)
	}
	html := dataBlock.ReplaceAllString(rec.Body.String(), "<data>")
	for name, re := range map[string]*regexp.Regexp{"an inline script": inlineScript, "an event attribute": handlerAttr, "another host": elsewhere} {
		if found := re.FindString(html); found != "" {
			t.Errorf("the page has %s: %s", name, found)
		}
	}
	if strings.Contains(html, " style=") || strings.Contains(html, "<style") {
		t.Error("the page has an inline style")
	}
}

func TestPageDataCannotEndItsBlock(t *testing.T) {
	library := lessons.Library{Samples: []lessons.Manifest{{Name: "x.yaml", Text: "kind: Pod # </script><script>alert(1)</script>\n"}}}
	web := New(Config{Lessons: func() lessons.Library { return library }})
	html := render(t, "/s/abc", func(w http.ResponseWriter, r *http.Request) { web.Learn(w, r, session, model.Seat{}) }).Body.String()
	if strings.Contains(html, "<script>alert") {
		t.Error("a manifest got out of the data block")
	}
	start := dataBlock.FindStringIndex(html)
	if start == nil {
		t.Fatal("there is no data block")
	}
	text, _, _ := strings.Cut(html[start[1]:], "</script>")
	var data pageData
	if err := json.Unmarshal([]byte(text), &data); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if len(data.Samples) != 1 || data.Samples[0].Label != "Pod # </script><script>alert(1)</script>" {
		t.Errorf("samples are %+v", data.Samples)
	}
}

func TestLabels(t *testing.T) {
	for text, want := range map[string]string{
		"apiVersion: v1\nkind: Pod\n":                                            "Pod",
		"kind: Service\nspec:\n  type: ClusterIP\n":                              "Service",
		"kind: Service\nspec:\n  type: NodePort\n":                               "NodePort",
		"kind: Service\nspec: {}\n---\nkind: Service\nspec:\n  type: NodePort\n": "Service",
		"# Apps for the Ingress\nkind: Pod\n":                                    "Apps for the Ingress",
		"kind: NetworkPolicy\n# a remark\nspec:\n  type: NodePort\n":             "NetworkPolicy",
		"a: b\n": "x.yaml",
	} {
		if got := label(lessons.Manifest{Name: "x.yaml", Text: text}); got != want {
			t.Errorf("%q is labelled %q, want %q", text, got, want)
		}
	}
}

func TestNonceIsFreshAndInThePolicy(t *testing.T) {
	web := newWeb(t)
	learn := func(w http.ResponseWriter, r *http.Request) { web.Learn(w, r, session, model.Seat{}) }
	nonce := regexp.MustCompile(`<script type="module" src="[^"]+" nonce="([^"]+)"`)
	seen := map[string]bool{}
	for range 2 {
		rec := render(t, "/s/abc", learn)
		m := nonce.FindStringSubmatch(rec.Body.String())
		if m == nil {
			t.Fatal("the script has no nonce")
		}
		if !strings.Contains(rec.Header().Get("Content-Security-Policy"), "'nonce-"+m[1]+"'") {
			t.Error("the policy does not allow the page's nonce")
		}
		seen[m[1]] = true
	}
	if len(seen) != 2 {
		t.Error("two pages have the same nonce")
	}
}

// Whoever writes lessons is told on the first page what is wrong with them, and where the
// lesson should be.
func TestMistakes(t *testing.T) {
	var mistakes []error
	for i := range 30 {
		mistakes = append(mistakes, fmt.Errorf("mine/01-x/lesson.yaml:%d: <script>", i+1))
	}
	web := New(Config{Mistakes: func() []error { return mistakes }})
	page := render(t, "/", web.Index).Body.String()
	for _, want := range []string{"until these are mended", "<li>mine/01-x/lesson.yaml:20: &lt;script&gt;</li>", "And 10 more"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if strings.Contains(page, ":21:") {
		t.Error("the page has more than it should")
	}
	learn := func(w http.ResponseWriter, r *http.Request) { web.Learn(w, r, session, model.Seat{}) }
	if page := render(t, "/s/abc?lesson=x", learn).Body.String(); !strings.Contains(page, "left out: mine/01-x/lesson.yaml:1:") {
		t.Errorf("a lesson that does not load: %s", page)
	}
	if mistakes = nil; strings.Contains(render(t, "/", web.Index).Body.String(), "mended") {
		t.Error("something is said to be wrong where nothing is")
	}
}
