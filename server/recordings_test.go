package server

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/recording"
	"github.com/podhop/podhop/server/shelf"
)

// keeping is a server that keeps recordings, and its one session "s1" with a journey.
func keeping(t *testing.T) (http.Handler, *fakeSession) {
	t.Helper()
	kept, err := shelf.Open(shelf.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	e := newEngine("s1")
	e.sessions["s1"].feed.Journey(&model.Journey{ID: "j1", Start: 2e9, Summary: "<script>alert(1)</script>"})
	return newServer(t, e, func(c *Config) { c.Recordings, c.Version = kept, "v9" }).Handler(), e.sessions["s1"]
}

func TestRecordingIsAFile(t *testing.T) {
	h, _ := keeping(t)
	for _, c := range []struct {
		query    string
		status   int
		journeys int
	}{
		{"", 200, 1}, {"?since=1970-01-01T00:00:03Z", 200, 0}, {"?since=5m", 200, 0}, {"?since=yesterday", 422, 0}, {"?since=-5m", 422, 0},
	} {
		res := ask(h, "GET /api/sessions/s1/recording"+c.query, "")
		if res.StatusCode != c.status {
			t.Errorf("%s: got %d %s", c.query, res.StatusCode, textOf(res))
			continue
		}
		if c.status != 200 {
			continue
		}
		if name := res.Header.Get("Content-Disposition"); !strings.HasPrefix(name, `attachment; filename="podhop-`) || !strings.HasSuffix(name, `.podhop.json.gz"`) {
			t.Errorf("%s: the file is called %s", c.query, name)
		}
		r, err := recording.Read(res.Body)
		if err != nil || len(r.Moments) != c.journeys || r.Server != "v9" || r.Manifests != "kind: Pod\n" {
			t.Errorf("%s: got %+v, %v", c.query, r, err)
		}
	}
	if res := ask(h, "GET /api/sessions/none/recording", ""); res.StatusCode != 404 {
		t.Errorf("of no session: %d", res.StatusCode)
	}
}

func keptOf(t *testing.T, res *http.Response) model.KeptRecording {
	t.Helper()
	var k model.KeptRecording
	if err := json.NewDecoder(res.Body).Decode(&k); err != nil || res.StatusCode != 201 {
		t.Fatalf("got %d, %v", res.StatusCode, err)
	}
	if k.URL != "/recordings/"+k.ID || res.Header.Get("Location") != "/api/recordings/"+k.ID || k.Bytes == 0 {
		t.Errorf("it is %+v at %s", k, res.Header.Get("Location"))
	}
	if until, err := time.Parse(time.RFC3339, k.Until); err != nil || time.Until(until) < time.Hour {
		t.Errorf("it stays until %s, %v", k.Until, err)
	}
	return k
}

func TestShareAndRemove(t *testing.T) {
	h, _ := keeping(t)
	k := keptOf(t, ask(h, "POST /api/sessions/s1/recording", ""))
	file := textOf(ask(h, "GET /api/recordings/"+k.ID, ""))
	if r, err := recording.Read(strings.NewReader(file)); err != nil || r.Moments[0].Message.Journey.ID != "j1" {
		t.Errorf("got %+v, %v", r, err)
	}
	if strings.Contains(unzip(t, file), "s1") {
		t.Error("it names the session")
	}
	if got := textOf(ask(h, "GET "+k.URL, "")); got != "page: recording "+k.ID {
		t.Errorf("the page is %q", got)
	}
	again := keptOf(t, ask(h, "POST /api/recordings", file)) // who has the file can keep it, too
	if again.ID == k.ID {
		t.Error("two are kept as one")
	}
	remove := func(id, key string) int {
		return ask(h, "DELETE /api/recordings/"+id, "", "Authorization: Bearer "+key).StatusCode
	}
	for _, key := range []string{"", "x", k.ID, again.Key} {
		if got := remove(k.ID, key); got != 404 {
			t.Errorf("removing with key %q: %d", key, got)
		}
	}
	if got := remove(k.ID, k.Key); got != 204 {
		t.Errorf("removing: %d", got)
	}
	for _, gone := range []string{"GET /api/recordings/" + k.ID, "GET " + k.URL, "GET /recordings/..%2f..%2fetc", "GET /api/recordings/..%2fx"} {
		if res := ask(h, gone, ""); res.StatusCode != 404 {
			t.Errorf("%s: %d", gone, res.StatusCode)
		}
	}
	if got := textOf(ask(h, "GET /recordings", "")); got != "page: recording" {
		t.Errorf("the page for files is %q", got)
	}
}

func unzip(t *testing.T, file string) string {
	t.Helper()
	zr, err := gzip.NewReader(strings.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(zr); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func zipped(text string) string {
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	_, _ = zw.Write([]byte(text))
	_ = zw.Close()
	return b.String()
}

func TestBadRecordings(t *testing.T) {
	h, _ := keeping(t)
	for _, c := range []struct {
		name, file string
		status     int
		want       string
	}{
		{"nothing", "", 422, "damaged"},
		{"no gzip", "hello", 422, "not compressed"},
		{"another version", zipped(`{"podhop":"recording","version":99}`), 422, "version 99"},
		{"a bomb", zipped(strings.Repeat(" ", 200<<20)), 413, "when it is unpacked"},
		{"a large file", strings.Repeat("x", recording.MaxFile+1), 413, "8388608 bytes"},
	} {
		res := ask(h, "POST /api/recordings", c.file)
		if text := textOf(res); res.StatusCode != c.status || !strings.Contains(text, c.want) {
			t.Errorf("%s: got %d %s", c.name, res.StatusCode, text)
		}
	}
	if res := ask(h, "POST /api/recordings", "", "Sec-Fetch-Site: cross-site"); res.StatusCode != 403 {
		t.Errorf("from another page: %d", res.StatusCode)
	}
}

// What a file has that is not understood is not handed on.
func TestKeptFilesAreOurOwn(t *testing.T) {
	h, _ := keeping(t)
	k := keptOf(t, ask(h, "POST /api/recordings", zipped(`{"podhop":"recording","version":1,"from":1,"to":2,"evil":"</script>","moments":[]}`)))
	if text := unzip(t, textOf(ask(h, "GET /api/recordings/"+k.ID, ""))); strings.Contains(text, "evil") || strings.Contains(text, "</script>") {
		t.Errorf("kept is %s", text)
	}
}

func TestServerThatKeepsNone(t *testing.T) {
	h := newServer(t, newEngine("s1"), nil).Handler()
	for request, want := range map[string]int{
		"POST /api/sessions/s1/recording": 409, "GET /api/sessions/s1/recording": 200, "GET /api/recordings/x": 404, "DELETE /api/recordings/x": 404, "GET /recordings/x": 404, "GET /recordings": 200,
	} {
		if res := ask(h, request, ""); res.StatusCode != want {
			t.Errorf("%s: got %d %s", request, res.StatusCode, textOf(res))
		}
	}
}
