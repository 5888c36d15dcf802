package logs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"
)

const id = "mzxw6ytboi4dqnbuabcdefghij"

// Whatever has a key in it, and wherever, the lines have its beginning alone.
func TestKeysAreShortened(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		var b bytes.Buffer
		log, err := New(&b, format, slog.LevelDebug)
		if err != nil {
			t.Fatal(err)
		}
		log = log.With("session", id)
		broken := fmt.Errorf("open /data/sessions/%s/snapshot: %w", id, &url.Error{Op: "Get", URL: "http://h/k8s%2F" + id, Err: errors.New("no")})
		log.Info("session "+id+" ends", "err", broken, "lines", "one\n"+id+"\n\t"+id, "list", []string{id}, "quoted", `"`+id+`"`, "html", "<"+id+">&"+id, "esc", "\x1b"+id+"\u2028"+id,
			slog.Group("of", "path", "/s/"+id+"/ports?x="+id, "view", "view-"+id), "map", map[string]any{id: id}, "raw", []byte(id), "host", "30080-node-1-"+id+".example.org")
		if got := b.String(); strings.Contains(got, id) || strings.Count(got, id[:8]) < 15 {
			t.Errorf("%s: %s", format, got)
		}
	}
}

func TestOthersAreKept(t *testing.T) {
	for _, line := range []string{"", "a", "short", "\\", "%", `\u12`, strings.ToUpper(id), id + "a", id[1:], "sha256:" + strings.Repeat(id, 3)[:64],
		"my-deployment-7c9f8d6b5-2nbwk", "0a1b2c3d-0000-4000-8000-000000000000", "AllKeysThatHaveCapitalsInIt"} {
		if got := string(short([]byte(line))); got != line {
			t.Errorf("%q became %q", line, got)
		}
	}
	if got := string(short([]byte(id + " " + id))); got != "mzxw6ytb mzxw6ytb" {
		t.Error(got)
	}
}

func TestContext(t *testing.T) {
	var b bytes.Buffer
	log, err := New(&b, "json", slog.LevelInfo)
	if err != nil {
		t.Fatal(err)
	}
	ctx := With(With(t.Context(), slog.String("request", "r1")), slog.String("session", "s1"))
	log.With("a", 1).DebugContext(ctx, "not this")
	log.With("a", 1).InfoContext(ctx, "this")
	var line map[string]any
	if err := json.Unmarshal(b.Bytes(), &line); err != nil || line["request"] != "r1" || line["session"] != "s1" || line["a"] != 1.0 || line["msg"] != "this" {
		t.Errorf("%v: %s", err, &b)
	}
	if _, err := New(&b, "xml", slog.LevelInfo); !errors.Is(err, ErrFormat) {
		t.Error(err)
	}
}
