package recording

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/model"
)

var start = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func at(d time.Duration) int64 { return start.Add(d).UnixNano() }

func vertex(id string) model.Vertex { return model.Vertex{ID: id, Kind: "Pod", Name: id} }

func past() Past {
	return Past{
		Since: start, Session: model.Session{ID: "secret", URL: "/s/secret", Options: model.SessionOptions{Nodes: 2, CNI: "routed"}},
		Graph: model.Graph{Vertices: []model.Vertex{vertex("pod/default/a")}, Edges: []model.Edge{}},
		Changes: []model.Moment{
			{Time: at(time.Second), Message: model.Message{Seq: 5, Type: "topology", Topology: &model.Diff{Put: []model.Vertex{vertex("pod/default/b")}}}},
			{Time: at(2 * time.Second), Message: model.Message{Type: "session", Session: &model.Session{ID: "secret", URL: "/s/secret", APIServer: "https://x/k8s/secret", Options: model.SessionOptions{CNI: "vxlan"}}}},
			{Time: at(8 * time.Second), Message: model.Message{Type: "topology", Topology: &model.Diff{Remove: []string{"pod/default/a"}}}},
		},
		Journeys: []model.Journey{{ID: "1", Summary: "SYN", Start: at(3 * time.Second)}, {ID: "2", Start: at(9 * time.Second)}},
		Events:   []model.Event{{Time: at(4*time.Second) / 1e6, Reason: "Started"}, {Time: 1, Reason: "Old"}},
		Left:     model.LeftOut{Journeys: 7},
	}
}

func tell(r *model.Recording) string {
	var words []string
	for _, m := range r.Moments {
		word := fmt.Sprintf("%ds %s", (m.Time-start.UnixNano())/1e9, m.Message.Type)
		if j := m.Message.Journey; j != nil {
			word += " " + j.ID
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}

func TestOf(t *testing.T) {
	for _, c := range []struct {
		name  string
		since time.Time
		want  string
		pods  int
		cni   string
	}{
		{"everything", time.Time{}, "0s event, 1s topology, 2s session, 3s journey 1, 4s event, 8s topology, 9s journey 2", 1, "routed"},
		{"the last hour", start.Add(-time.Hour), "1s topology, 2s session, 3s journey 1, 4s event, 8s topology, 9s journey 2", 1, "routed"},
		{"from the middle on", start.Add(3 * time.Second), "3s journey 1, 4s event, 8s topology, 9s journey 2", 2, "vxlan"},
		{"the end", start.Add(10 * time.Second), "", 1, "vxlan"},
	} {
		r := Of(past(), c.since, start.Add(10*time.Second))
		if got := tell(r); got != c.want || len(r.Graph.Vertices) != c.pods || r.Session.Options.CNI != c.cni || r.Left.Journeys != 7 {
			t.Errorf("%s: got %s\nwant %s, with %+v, %+v", c.name, got, c.want, r.Graph, r.Session)
		}
		if r.From > r.To || r.To != at(10*time.Second) {
			t.Errorf("%s: from %d to %d", c.name, r.From, r.To)
		}
		if text, _ := json.Marshal(r); bytes.Contains(text, []byte("secret")) {
			t.Errorf("%s: the session is named: %s", c.name, text)
		}
	}
}

func TestPacketsOlderThanTheMap(t *testing.T) {
	p := past()
	p.Journeys[0].Start = at(-time.Minute)
	r := Of(p, time.Time{}, start.Add(10*time.Second))
	if r.From != at(-time.Minute) || r.Moments[0].Message.Journey == nil || r.Moments[0].Message.Seq != 1 {
		t.Errorf("from %d, %s", r.From, tell(r))
	}
}

func TestRoundTrip(t *testing.T) {
	want := Of(past(), time.Time{}, start.Add(10*time.Second))
	want.Manifests, want.Server = "kind: Pod\n", "v1"
	var file bytes.Buffer
	if err := Write(&file, want); err != nil {
		t.Fatal(err)
	}
	got, err := Read(&file)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestTooManyPacketsAreLeftOut(t *testing.T) {
	p := past()
	p.Journeys = nil
	for i := range maxMoments + 10 {
		p.Journeys = append(p.Journeys, model.Journey{ID: fmt.Sprint(i), Start: at(time.Duration(i) * time.Microsecond)})
	}
	r := Of(p, time.Time{}, start.Add(10*time.Second))
	whole := len(r.Moments)
	var file bytes.Buffer
	if err := Write(&file, r); err != nil {
		t.Fatal(err)
	}
	got, err := Read(&file)
	if err != nil {
		t.Fatal(err)
	}
	if n := uint64(whole - len(got.Moments)); n == 0 || got.Left.Journeys != 7+n {
		t.Errorf("%d of %d moments are there, %d are said to be left out", len(got.Moments), whole, got.Left.Journeys)
	}
	if last := got.Moments[len(got.Moments)-1].Message; last.Journey == nil && last.Topology == nil {
		t.Errorf("the newest went: %+v", last)
	}
}

func zip(text string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.Bytes()
}

const header = `{"podhop":"recording","version":1,"from":1,"to":9,`

func TestBadFiles(t *testing.T) {
	var good bytes.Buffer
	if err := Write(&good, Of(past(), time.Time{}, start.Add(10*time.Second))); err != nil {
		t.Fatal(err)
	}
	whole := good.Bytes()
	for _, c := range []struct {
		name string
		file []byte
		is   error
		want string
	}{
		{"nothing", nil, model.ErrInvalid, "damaged"},
		{"no gzip", []byte(`{"podhop":"recording"}`), model.ErrInvalid, "not compressed with gzip"},
		{"cut off", whole[:len(whole)/2], model.ErrInvalid, "cut off"},
		{"damaged", append(bytes.Clone(whole[:len(whole)-9]), 1, 2, 3, 4, 5, 6, 7, 8, 9), model.ErrInvalid, "damaged"},
		{"rubbish behind", append(bytes.Clone(whole), "more"...), model.ErrInvalid, "damaged"},
		{"not JSON", zip("hello"), model.ErrInvalid, "not a recording"},
		{"another JSON", zip(`{"kind":"List"}`), model.ErrInvalid, "not a recording"},
		{"a later version", zip(`{"podhop":"recording","version":2}`), model.ErrInvalid, "of version 2, and this server reads version 1"},
		{"a wrong type", zip(header + `"moments":[{"time":"now"}]}`), model.ErrInvalid, "moments"},
		{"more behind", zip(header + `"moments":[]}{}`), model.ErrInvalid, ""},
		{"backwards", zip(`{"podhop":"recording","version":1,"from":9,"to":1}`), model.ErrInvalid, "ends before it begins"},
		{"no end", zip(`{"podhop":"recording","version":1,"from":1,"to":9000000000000000000}`), model.ErrInvalid, "longer than a week"},
		{"an overflow", zip(`{"podhop":"recording","version":1,"from":-9223372036854775807,"to":9223372036854775807}`), model.ErrInvalid, "ends before"},
		{"out of order", zip(header + `"moments":[{"time":5,"message":{"type":"lost"}},{"time":4,"message":{"type":"lost"}}]}`), model.ErrInvalid, "moment 1 is out of its order"},
		{"a snapshot inside", zip(header + `"moments":[{"time":5,"message":{"type":"snapshot","snapshot":{}}}]}`), model.ErrInvalid, "moment 0"},
		{"a session inside", zip(header + `"moments":[{"time":5,"message":{"type":"session","session":{"id":"x"}}}]}`), model.ErrInvalid, "names a session"},
		{"a session's name", zip(header + `"session":{"url":"/s/x"}}`), model.ErrInvalid, "names a session"},
		{"one journey twice", zip(header + `"moments":[{"time":5,"message":{"type":"journey","journey":{"id":"x"}}},{"time":5,"message":{"type":"journey","journey":{"id":"x"}}}]}`), model.ErrInvalid, "moment 1"},
		{"a long string", zip(header + `"server":"` + strings.Repeat("x", maxString+1) + `"}`), model.ErrTooLarge, "Recording.Server"},
		{"long manifests", zip(header + `"manifests":"` + strings.Repeat("x", maxManifests+1) + `"}`), model.ErrTooLarge, "manifests"},
		{"deep", zip(header + `"graph":` + strings.Repeat("[", 10000)), model.ErrTooLarge, "more in it"},
		{"many", zip(header + `"moments":[` + strings.Repeat("{},", 300_000) + `{}]}`), model.ErrTooLarge, "more in it"},
		{"many nulls", zip(header + `"moments":[` + strings.Repeat("null,", 100_000) + `null]}`), model.ErrTooLarge, "more in it"},
		{"a large file", bytes.Repeat(zip(""), MaxFile/20), model.ErrTooLarge, "may have"},
	} {
		_, err := Read(bytes.NewReader(c.file))
		if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
}

// A gigabyte of blanks in a megabyte: it is not unpacked beyond the bound.
func TestBomb(t *testing.T) {
	in, out := io.Pipe()
	go func() {
		zw := gzip.NewWriter(out)
		blanks := bytes.Repeat([]byte(" "), 1<<20)
		var err error
		for i := 0; i < 1<<10 && err == nil; i++ {
			_, err = zw.Write(blanks)
		}
		_ = zw.Close()
		_ = out.Close()
	}()
	_, err := Read(in)
	_ = in.Close()
	if !errors.Is(err, model.ErrTooLarge) {
		t.Errorf("got %v", err)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestReadersErrorsAreTheirs(t *testing.T) {
	if _, err := Read(broken{}); !errors.Is(err, io.ErrClosedPipe) || errors.Is(err, model.ErrInvalid) {
		t.Errorf("got %v", err)
	}
}

// Whatever is taken can be written and is taken again.
func FuzzRead(f *testing.F) {
	text, _ := json.Marshal(Of(past(), time.Time{}, start.Add(10*time.Second)))
	f.Add(text)
	f.Add([]byte(header + `"moments":[{"time":5,"message":{"type":"lost","lost":{"count":1}}}],"graph":{"vertices":[{"id":"a","labels":{"a":"b"}}]}}`))
	f.Add([]byte(header + `"moments":null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := Read(bytes.NewReader(zip(string(text))))
		if err != nil {
			if !errors.Is(err, model.ErrInvalid) && !errors.Is(err, model.ErrTooLarge) {
				t.Fatalf("an error of another kind: %v", err)
			}
			return
		}
		var again bytes.Buffer
		if err := Write(&again, r); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(&again); err != nil {
			t.Fatalf("what was written is not taken: %v", err)
		}
	})
}

// So is a file that is not even compressed.
func FuzzReadFile(f *testing.F) {
	f.Add(zip(header + `"moments":[]}`))
	f.Add([]byte{0x1f, 0x8b})
	f.Fuzz(func(t *testing.T, file []byte) {
		if _, err := Read(bytes.NewReader(file)); err != nil && !errors.Is(err, model.ErrInvalid) && !errors.Is(err, model.ErrTooLarge) {
			t.Fatalf("an error of another kind: %v", err)
		}
	})
}

// It begins when there is a node to be seen, not with the session's own coming about.
func TestBeginsWithAMap(t *testing.T) {
	p := past()
	p.Graph = model.Graph{}
	p.Changes[0].Message.Topology.Put = append(p.Changes[0].Message.Topology.Put, model.Vertex{ID: "node/node-1", Kind: "Node"})
	p.Changes = append([]model.Moment{{Time: at(500 * time.Millisecond), Message: model.Message{Type: "topology", Topology: &model.Diff{Put: []model.Vertex{vertex("client")}}}}}, p.Changes...)
	p.Events[0].Time = at(0) / 1e6
	r := Of(p, time.Time{}, start.Add(10*time.Second))
	if got := tell(r); r.From != at(time.Second) || len(r.Graph.Vertices) != 3 || got != "1s event, 1s event, 2s session, 3s journey 1, 8s topology, 9s journey 2" {
		t.Errorf("from %d with %+v: %s", r.From, r.Graph, got)
	}
}
