package quiet

import (
	"bytes"
	"log/slog"
	"testing"
)

func TestQuiet(t *testing.T) {
	for _, test := range []struct {
		level slog.Level
		want  string
	}{{slog.LevelInfo, ""}, {slog.LevelDebug, "level=DEBUG msg=fault\n"}} {
		var out bytes.Buffer
		h := Handler{slog.NewTextHandler(&out, &slog.HandlerOptions{Level: test.level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}})}
		slog.New(h).Error("fault")
		if out.String() != test.want {
			t.Errorf("got %q, want %q", out.String(), test.want)
		}
	}
}
