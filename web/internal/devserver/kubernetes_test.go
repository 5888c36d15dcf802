package devserver

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/podhop/podhop/web"
)

const definition = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Widget, plural: widgets}
  versions:
  - name: v1
    additionalPrinterColumns: [{name: Size, type: string, jsonPath: .spec.size}]
`

func TestKube(t *testing.T) {
	server := New(Config{Web: web.New(web.Config{}), Pace: time.Millisecond})
	hs := httptest.NewServer(server)
	defer hs.Close()
	k := server.Cluster("demo").Kube()
	ask := func(method, path, accept, body string) *http.Response {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, hs.URL+"/k8s/demo"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer told")
		r.Header.Set("Accept", accept)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { answer.Body.Close() })
		return answer
	}
	all := func(r *http.Response) string {
		data, _ := io.ReadAll(r.Body)
		return string(data)
	}
	const table = "application/json;as=Table;v=v1;g=meta.k8s.io"

	watch := bufio.NewScanner(ask("GET", "/apis/example.com/v1/widgets?watch=1", table, "").Body)
	if watch.Scan(); !strings.Contains(watch.Text(), "could not find") {
		t.Errorf("a kind that is not defined yet: %s", watch.Text())
	}
	k.Put(definition)
	if got := all(ask("GET", "/apis", "", "")); !strings.Contains(got, `"resource":"widgets"`) {
		t.Errorf("discovery lacks what was defined: %s", got)
	}
	watch = bufio.NewScanner(ask("GET", "/apis/example.com/v1/namespaces/default/widgets?watch=1&resourceVersion=0", table, "").Body)
	all(ask("POST", "/apis/example.com/v1/namespaces/default/widgets", "", `{"metadata":{"name":"w"},"spec":{"size":3}}`))
	all(ask("PATCH", "/apis/example.com/v1/namespaces/default/widgets/w", "", `{"spec":{"size":4}}`))
	all(ask("DELETE", "/apis/example.com/v1/namespaces/default/widgets/w", "", ""))
	for _, want := range []string{`"cells":["w",3,"5m"]`, `"cells":["w",4,"5m"]`, `"DELETED"`} {
		if watch.Scan(); !strings.Contains(watch.Text(), want) {
			t.Errorf("watched %s, want %s", watch.Text(), want)
		}
	}
	if k.Watches() != 1 {
		t.Errorf("%d watches are open", k.Watches())
	}
	k.Cut(true)
	if watch.Scan() {
		t.Errorf("the watch goes on: %s", watch.Text())
	}
	if got := all(ask("GET", "/api/v1/pods?watch=1&resourceVersion=1", "", "")); !strings.Contains(got, "too old resource version") {
		t.Errorf("an old watch: %s", got)
	}
	if got := all(ask("PATCH", "/apis/apps/v1/namespaces/default/deployments/my-deployment/scale", "", `{"spec":{"replicas":5}}`)); !strings.Contains(got, `"kind":"Scale"`) {
		t.Errorf("scaled: %s", got)
	}
	data, _ := json.Marshal(k.Object("deployments", "default", "my-deployment"))
	if !strings.Contains(string(data), `"replicas":5`) {
		t.Errorf("scaled: %s", data)
	}
	k.Log("default", "my-pod", "my-container", "one", "two")
	if got := all(ask("GET", "/api/v1/namespaces/default/pods/my-pod/log?container=my-container&tailLines=1", "", "")); got != "two\n" {
		t.Errorf("the log is %q", got)
	}
	k.Refuse("/secrets", 403, "Forbidden", "secrets is forbidden")
	if got := ask("GET", "/api/v1/secrets", "", ""); got.StatusCode != 403 {
		t.Errorf("refused with %d", got.StatusCode)
	}
}
