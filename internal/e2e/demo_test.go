package e2e

import (
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/chromium"
	"github.com/podhop/podhop/server/stream"
)

// demonstrate shares the session of a page with the article's objects: somebody looks on in a page
// of their own, is told no secret of it, has a copy, and is sent away.
func demonstrate(s *server, p *chromium.Tab) {
	t := p.T
	t.Helper()
	id := strings.Split(chromium.Eval[string](p, `location.pathname`), "/")[2]
	api := "/api/sessions/" + id
	const hidden = "correct horse battery"
	s.call("POST", api+"/apply", "{apiVersion: v1, kind: Secret, metadata: {name: kept}, stringData: {password: "+hidden+"}}", nil)
	var v model.View
	if code := s.call("POST", api+"/views", model.NewView{Rights: "look"}, &v); code != http.StatusCreated {
		t.Fatalf("sharing: %d", code)
	}

	// All that a viewer gets is kept, to be searched.
	var told transcript
	ctx, leave := context.WithCancel(context.Background())
	defer leave()
	var following sync.WaitGroup
	following.Go(func() { _ = stream.ReadText(ctx, s.URL+"/api/sessions/"+v.Key+"/stream", told.take) })
	defer following.Wait()
	defer leave()

	viewer := chromium.Open(t, s.URL+v.URL, chromium.Options{Allow: "status of 4"})
	viewer.UntilIn(patience, `document.querySelector(".link.live") && document.querySelector("look-bar .make-mine") && document.querySelector("[data-vertex='pod/default/my-pod']")`)
	p.UntilIn(patience, `document.querySelector(".watching")?.innerText.includes("2")`)

	// They follow the tab, the text and the terminal, and looking around, follow again.
	p.Click("#tab-editor")
	p.Click(".new-file")
	chromium.Eval[bool](p, `(document.querySelector(".cm-content").focus(), true)`)
	p.Paste(chromium.Quote("# shown to everybody\nkind: Pod\n"))
	viewer.UntilIn(patience, `document.querySelector(".cm-content")?.innerText.includes("# shown to everybody")`)
	p.Click("#tab-terminal")
	const screen = `document.querySelector(".terminal-frame:not([hidden]) .xterm-rows")?.innerText`
	p.UntilIn(patience, screen+`?.includes("$")`)
	chromium.Eval[bool](p, `(document.querySelector(".terminal-frame:not([hidden]) textarea").focus(), true)`)
	p.Type("echo seen by $((40+2))\n")
	viewer.UntilIn(patience, screen+`?.includes("seen by 42")`)
	viewer.Click("#tab-events")
	viewer.UntilIn(patience, `document.querySelector("look-bar .follow")`)
	viewer.Click("look-bar .follow")
	viewer.UntilIn(patience, `!document.querySelector("look-bar .follow") && document.querySelector("#tab-terminal").getAttribute("aria-selected") === "true"`)
	viewer.UntilIn(patience, `document.querySelector(".send-button").ariaDisabled === "true"`)

	// kubectl reads by the viewer's kubeconfig, but no Secret, and writes nothing.
	file := filepath.Join(t.TempDir(), "look.kubeconfig")
	config := s.fetch("/api/sessions/" + v.Key + "/kubeconfig")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	kubectlAs := func(args ...string) string {
		limited, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		out, _ := output(limited, "", kubectl, append([]string{"--kubeconfig", file, "--cache-dir", filepath.Dir(file)}, args...)...)
		told.take([]byte(out))
		return out
	}
	for command, want := range map[string]string{
		"get pod my-pod -o yaml": "kind: Pod", "get nodes,crds,clusterroles -o yaml": "kind: Node", "get secret kept -o yaml": "who looks on sees no Secrets",
		"delete pod my-pod": "who looks on may only read", "auth whoami": "podhop:viewer", "get events -A": "my-pod",
	} {
		if out := kubectlAs(strings.Fields(command)...); !strings.Contains(out, want) {
			t.Errorf("kubectl %s by who looks on: %s", command, tail(out, 5))
		}
	}

	// One press makes a copy, which runs and is theirs.
	viewer.Click(".make-mine")
	viewer.UntilIn(patience, `!location.pathname.includes("view-") && document.querySelector(".link.live") && !document.querySelector("look-bar")`)
	viewer.UntilIn(patience, `document.querySelectorAll("[data-vertex^='pod/default/my-'].ready").length === 7`)
	copied := strings.Split(chromium.Eval[string](viewer, `location.pathname`), "/")[2]
	tokenOf := func(id string) string {
		var a model.Access
		s.call("GET", "/api/sessions/"+id+"/access", nil, &a)
		return a.Token
	}
	get := func(id, path, token string) (int, string) {
		r := must(http.NewRequest("GET", s.URL+"/k8s/"+id+path, nil))
		r.Header.Set("Authorization", "Bearer "+token)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		return answer.StatusCode, string(must(io.ReadAll(answer.Body)))
	}
	const secret = "/api/v1/namespaces/default/secrets/kept"
	if code, text := get(copied, secret, tokenOf(copied)); code != http.StatusOK || strings.Contains(text, base64.StdEncoding.EncodeToString([]byte(hidden))) {
		t.Errorf("the copy's Secret: %d %s", code, text)
	}
	for _, c := range []struct{ at, token string }{{copied, tokenOf(id)}, {id, tokenOf(copied)}, {id, tokenOf(v.Key)}} {
		if code, _ := get(c.at, "/api/v1/pods", c.token); code != http.StatusUnauthorized {
			t.Errorf("another session's token: %d", code)
		}
	}

	// Who is sent away is told so, and was told no secret.
	chromium.Eval[bool](viewer, `(location.assign(`+chromium.Quote(v.URL)+`), true)`)
	viewer.UntilIn(patience, `document.querySelector(".link.live") && document.querySelector("look-bar .make-mine")`)
	viewer.UntilIn(patience, screen+`?.includes("seen by 42")`) // nothing is being opened any more
	if code := s.call("DELETE", "/api/sessions/"+copied, nil, nil); code != http.StatusNoContent {
		t.Errorf("closing the copy: %d", code)
	}
	for _, path := range []string{"", "/topology", "/journeys", "/faults", "/terminals", "/access", "/viewers", "/nodes/node-1/look?at=nft"} {
		told.take([]byte(s.fetch("/api/sessions/" + v.Key + path)))
	}
	told.take([]byte(s.fetch(v.URL) + config))
	if code := s.call("DELETE", api+"/views/"+v.Key, nil, nil); code != http.StatusNoContent {
		t.Errorf("ending it: %d", code)
	}
	viewer.UntilIn(patience, `document.querySelector("#gone-text")?.innerText.includes("Sharing has ended")`)
	for _, leak := range []string{id, tokenOf(id), hidden, base64.StdEncoding.EncodeToString([]byte(hidden))} {
		if at := strings.Index(told.String(), leak); at >= 0 {
			t.Errorf("who looks on was told %q: …%s…", leak, told.String()[max(0, at-200):min(len(told.String()), at+100)])
		}
	}
}

// fetch is the text of an answer.
func (s *server) fetch(path string) string {
	s.t.Helper()
	answer, err := http.Get(s.URL + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	return string(must(io.ReadAll(answer.Body)))
}

// transcript is what somebody was told. It is safe for concurrent use.
type transcript struct{ lockedBuffer }

func (t *transcript) take(p []byte) error {
	_, err := t.Write(p)
	return err
}
