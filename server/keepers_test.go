package server

import (
	"strings"
	"testing"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/server/people"
	"github.com/podhop/podhop/server/shelf"
)

// A person keeps so many recordings, and an address so many; the operator as many as there is room
// for. Who removes one may keep another.
func TestRecordingsAreLimited(t *testing.T) {
	kept, err := shelf.Open(shelf.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	s, _ := peopled(t, people.Config{}, func(c *Config) {
		c.Recordings = kept
		c.Limits = Limits{Recordings: shelf.Quota{Files: 2, Bytes: 1 << 20}, RecordingsAddress: shelf.Quota{Files: 3, Bytes: 1 << 20}}
	})
	ann, ben := "Cookie: "+"a", "Cookie: "+"b"
	for _, cookie := range []*string{&ann, &ben} { // they are somebody from when they open something on
		*cookie = cookies(ask(s.Handler(), "POST /api/sessions", "{}", "Content-Type: application/json"))
	}
	const share = "POST /api/sessions/abcdefghijklmnop/recording"
	keep := func(header string, want string) (k model.KeptRecording) {
		t.Helper()
		r := ask(s.Handler(), share, "", header)
		if want == "" {
			return keptOf(t, r)
		}
		if text := textOf(r); r.StatusCode != 403 || !strings.Contains(text, typeQuota) || !strings.Contains(text, want) {
			t.Errorf("got %d %s, want %s", r.StatusCode, text, want)
		}
		return k
	}
	one := keep(ann, "")
	keep(ann, "")
	keep(ann, "You keep 2 recordings of 0.0 MiB here, and may keep 2 of 1.0 MiB. Remove some, or save this one as a file.")
	keep(ben, "")
	keep(ben, "Your address keeps 3 recordings")
	keep("X: y", "Your address keeps 3 recordings")
	keep("Authorization: Bearer "+operatorToken, "")
	if r := ask(s.Handler(), "DELETE /api/recordings/"+one.ID, "", "Authorization: Bearer "+one.Key); r.StatusCode != 204 {
		t.Fatalf("removing: %d", r.StatusCode)
	}
	file := textOf(ask(s.Handler(), "GET /api/sessions/abcdefghijklmnop/recording", ""))
	if r := ask(s.Handler(), "POST /api/recordings", file, ann); r.StatusCode != 201 {
		t.Errorf("when one was removed: %d %s", r.StatusCode, textOf(r))
	}
	if r := ask(s.Handler(), "POST /api/recordings", file, ben); r.StatusCode != 403 {
		t.Errorf("a file that somebody has: %d %s", r.StatusCode, textOf(r))
	}
}
