package command

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/recording"
	"github.com/podhop/podhop/engine/trace/filter"
	"github.com/podhop/podhop/engine/trace/text"
)

// recent prints what the session keeps.
func (t *tracing) recent(ctx context.Context) error {
	all, err := t.from.Journeys(ctx, t.filter)
	if err != nil {
		return err
	}
	for i := range all {
		if err := t.print(&all[i]); err != nil {
			return err
		}
	}
	if len(all) == 0 {
		fmt.Fprintln(t.env.stderr, "No such journeys are kept: there are the latest, of while somebody watched or sent.")
	}
	return nil
}

func (t *tracing) print(j *model.Journey) error {
	if t.output == "json" {
		line, err := text.JSON(j)
		if err == nil {
			_, err = t.out.Write(line)
		}
		return err
	}
	_, err := io.WriteString(t.out, text.Journey(j, text.Style{Width: width(t.out), Colour: coloured(t.color, t.out), Brief: t.brief}))
	return err
}

// goOn prints what the session keeps and then what comes.
func (t *tracing) goOn(ctx context.Context) error {
	if _, err := t.from.Info(ctx); err != nil {
		return err
	}
	return t.from.Follow(ctx, (&follower{tracing: t}).take, func(why error, wait time.Duration) {
		fmt.Fprintf(t.env.stderr, "The line to %s broke (%v); coming back in %.1f s.\n", t.from.Server(), why, wait.Seconds())
	})
}

// recorded prints what is in a recording, which is a stretch of a session's stream.
func (t *tracing) recorded() error {
	file, err := os.Open(t.recording)
	if err != nil {
		return err
	}
	defer file.Close()
	r, err := recording.Read(file)
	if err != nil {
		return fmt.Errorf("%s: %w", t.recording, err)
	}
	f := &follower{tracing: t}
	if err := f.know(r.Graph); err != nil {
		return err
	}
	f.captured(r.Capture)
	for _, m := range r.Moments {
		if err := f.take(m.Message); err != nil {
			return err
		}
	}
	if n := r.Left.Journeys; n > 0 {
		fmt.Fprintf(t.env.stderr, "%s not in the recording: there was no room for earlier ones.\n", counted(n, "journey is", "journeys are"))
	}
	return nil
}

// A follower reads a session's stream. It keeps the graph, by which who is named in the
// filter is known.
type follower struct {
	*tracing
	graph  model.Graph
	wanted *filter.Filter
	last   string // ID of the last journey that came
	mode   string // of the capture, as it was told
}

func (f *follower) take(m model.Message) error {
	switch {
	case m.Snapshot != nil:
		if err := f.know(m.Snapshot.Graph); err != nil {
			return err
		}
		f.captured(m.Snapshot.Capture)
		all := m.Snapshot.Journeys
		// Of a snapshot that comes because the line broke, the beginning may be known.
		if n := slices.IndexFunc(all, func(j model.Journey) bool { return j.ID == f.last }); n >= 0 {
			all = all[n+1:]
		}
		for i := range all {
			if err := f.journey(&all[i]); err != nil {
				return err
			}
		}
	case m.Topology != nil:
		return f.know(f.graph.Patch(*m.Topology))
	case m.Journey != nil:
		return f.journey(m.Journey)
	case m.Capture != nil:
		f.captured(*m.Capture)
	case m.Lost != nil:
		fmt.Fprintf(f.env.stderr, "%s lost: %s.\n", counted(m.Lost.Count, "event was", "events were"), m.Lost.Reason)
	}
	return nil
}

// captured says when less is captured, and when all is again.
func (f *follower) captured(c model.Capture) {
	if f.mode == c.Mode || f.mode == "" && c.Mode == model.CaptureAll {
		f.mode = c.Mode
		return
	}
	f.mode = c.Mode
	text := map[string]string{model.CaptureAll: "All is captured again", model.CaptureEdges: "Not all is captured", model.CaptureSamples: "Not all is captured"}[c.Mode]
	if c.Skipped > 0 {
		text += fmt.Sprintf(" (%s left out, counted at each device)", counted(c.Skipped, "packet", "packets"))
	}
	fmt.Fprintf(f.env.stderr, "%s: %s.\n", text, c.Reason)
}

func (f *follower) know(g model.Graph) (err error) {
	f.graph = g
	f.wanted, err = filter.New(f.filter, g, f.now)
	return err
}

func (f *follower) journey(j *model.Journey) error {
	f.last = j.ID
	if !f.wanted.Matches(j) {
		return nil
	}
	return f.print(j)
}

func counted(n uint64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprint(n) + " " + many
}

// packets writes a capture file.
func (t *tracing) packets(ctx context.Context) error {
	body, err := t.from.Packets(ctx, t.filter, t.vertex, t.device, t.follow)
	if err != nil {
		return err
	}
	defer body.Close()
	n, err := io.Copy(t.out, body)
	if n == 0 && t.follow {
		fmt.Fprintln(t.env.stderr, "No such packet was seen.")
	}
	if err == nil && t.follow && ctx.Err() == nil {
		fmt.Fprintln(t.env.stderr, "The session has ended.")
	}
	return err
}
