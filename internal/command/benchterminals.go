package command

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/podhop/podhop/engine"
	"github.com/podhop/podhop/engine/model"
)

// benchTerminals opens a session's terminals, one after another: how long it is until
// the prompt is there, and what they cost the server. The first one unpacks the
// image of the learner's machine and makes the machine.
func benchTerminals(ctx context.Context, b *bencher) error {
	s, err := b.engine.Open(ctx, model.SessionOptions{})
	if err != nil {
		return err
	}
	defer s.Close()
	memory, goroutines := settled(), runtime.NumGoroutine()
	const most = 12
	var took []time.Duration
	for n := range most {
		start := time.Now()
		if err := benchPrompt(ctx, s); err != nil {
			return err
		}
		if n == 0 {
			b.report(measurement{"a session's first terminal, to its prompt", float64(time.Since(start).Milliseconds()), "ms", ""})
			continue
		}
		took = append(took, time.Since(start))
	}
	b.report(measurement{"a further terminal, to its prompt, p50", quantile(took, 0.5), "ms", ""})
	b.report(measurement{"a further terminal, to its prompt, p99", quantile(took, 0.99), "ms", ""})
	b.report(measurement{fmt.Sprintf("memory of the server for a terminal, of %d", most), float64(settled()-memory) / most / 1e6, "MB", ""})
	b.report(measurement{"goroutines of the server for a terminal", float64(runtime.NumGoroutine()-goroutines) / most, "", ""})
	return s.Close()
}

// benchPrompt opens a terminal and waits for its prompt.
func benchPrompt(ctx context.Context, s *engine.Session) error {
	t, err := s.OpenTerminal(ctx, model.NewTerminal{Place: "client"})
	if err != nil {
		return err
	}
	v, err := s.ViewTerminal(t.ID)
	if err != nil {
		return err
	}
	defer v.Close()
	var text []byte
	for !bytes.Contains(text, []byte("$ ")) {
		seen, err := v.Next(ctx)
		if err != nil {
			return err
		}
		text = append(text, seen.Data...)
	}
	return nil
}
