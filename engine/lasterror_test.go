package engine

import (
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/podhop/podhop/internal/logs"
)

// What goes wrong is remembered, whatever the log's level is and whoever has a log of the session's,
// and without keys.
func TestLastError(t *testing.T) {
	const id = "abcdefghijklmnopqrstuvwxyz"
	var out strings.Builder
	base, err := logs.New(&out, "text", slog.LevelError)
	if err != nil {
		t.Fatal(err)
	}
	var last lastError
	log := last.of(base.With("session", id))
	if log.Info("all is well"); last.String() != "" {
		t.Errorf("it says %q", last.String())
	}
	log.WithGroup("a").With("node", "node-1").Warn("watching", "err", io.ErrUnexpectedEOF, "of", "sessions/"+id)
	if got := last.String(); !strings.HasSuffix(got, " watching err=unexpected EOF of=sessions/abcdefgh") {
		t.Errorf("it says %q", got)
	}
	if out.Len() > 0 {
		t.Errorf("less than is wanted is logged: %s", &out)
	}
	for pad := range 30 {
		log.Error(strings.Repeat("x", mostError-pad-9) + " " + id)
		if got := last.String(); strings.Contains(got, id[:9]) || len(got) > mostError {
			t.Errorf("it says %q", got)
		}
	}
	if !strings.Contains(out.String(), "level=ERROR") {
		t.Errorf("what is wanted is not logged: %s", &out)
	}
}
