package command

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/server/client"
)

// adminConfig is what the flags of admin say.
type adminConfig struct {
	server, token, data, output string
}

// adminWords are what there is to do, each with how many sessions it wants named.
var adminWords = map[string]int{"sessions": 0, "top": 0, "queue": 0, "events": 0, "park": 1, "end": 1}

// admin shows a server to whoever runs it, and parks or ends sessions.
func admin(ctx context.Context, env *environment, args []string) error {
	var word string
	var named []string
	for len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		if word == "" {
			word = args[0]
		} else {
			named = append(named, args[0])
		}
		args = args[1:]
	}
	want, ok := adminWords[word]
	if !ok || want == 0 && len(named) > 0 {
		fmt.Fprintln(env.stderr, "podhop admin: want sessions, top, queue, events, park SESSION... or end SESSION...")
		return errUsage
	}
	var cfg adminConfig
	fs := env.flags("admin " + word)
	cfg.register(fs)
	if err := env.parse(fs, args); err != nil {
		return err
	}
	if want == 1 && len(named) == 0 {
		fmt.Fprintf(env.stderr, "podhop admin %s: which session? podhop admin sessions lists them\n", word)
		return errUsage
	}
	if cfg.output != "" && cfg.output != "json" {
		return fmt.Errorf("-o %s: must be json, or left out", cfg.output)
	}
	token, err := cfg.secret()
	if err != nil {
		return err
	}
	c := client.Operator{Server: cfg.server, Token: token}
	if want == 1 {
		return adminDo(ctx, env, c, word, named)
	}
	o, err := c.Get(ctx)
	if err != nil {
		return err
	}
	return adminShow(env.stdout, word, cfg.output, o)
}

func (c *adminConfig) register(fs *flag.FlagSet) {
	fs.StringVar(&c.server, "server", "http://localhost:8080", "`URL` of the server, with its base path")
	fs.StringVar(&c.token, "operator-token", "", "the operator's `token` (default: what is in the file operator-token of --data)")
	fs.StringVar(&c.data, "data", "data", "the server's data `folder`, if it is on this machine")
	fs.StringVar(&c.output, "o", "", "json: print what the server says, instead of a table")
}

// secret is the operator's token.
func (c *adminConfig) secret() (string, error) {
	if c.token != "" {
		return c.token, nil
	}
	text, err := os.ReadFile(filepath.Join(c.data, "operator-token"))
	if err != nil {
		return "", fmt.Errorf("the operator's token is wanted: give --operator-token, or the server's folder by --data: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

func adminDo(ctx context.Context, env *environment, c client.Operator, word string, sessions []string) error {
	var errs []error
	for _, s := range sessions {
		err := c.Do(ctx, s, word)
		if err == nil {
			fmt.Fprintf(env.stdout, "session %s %s\n", s, map[string]string{"park": "parked", "end": "ended"}[word])
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// adminShow prints a table, or JSON.
func adminShow(w io.Writer, word, output string, o model.Operator) error {
	if output == "json" {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(map[string]any{"sessions": o.Sessions, "top": o, "queue": o.Queue, "events": o.Breaches}[word])
	}
	now, err := time.Parse(time.RFC3339, o.Time)
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(w, 0, 8, 3, ' ', 0)
	row := func(cells ...any) {
		texts := make([]string, len(cells))
		for i, c := range cells {
			texts[i] = fmt.Sprint(c)
		}
		fmt.Fprintln(t, strings.Join(texts, "\t"))
	}
	switch word {
	case "sessions":
		row("SESSION", "STATE", "AGE", "LEFT", "OWNER", "NODES", "CONTAINERS", "OBJECTS", "VIEWERS", "JOURNAL")
		for _, s := range o.Sessions {
			row(s.Session, s.State, since(s.Born, now), until(s.Until, now), dash(s.Owner), s.Nodes, s.Containers, s.Objects, s.Viewers, binary(float64(s.Journal)))
		}
	case "top":
		fmt.Fprintf(t, "room for %d more, bound by %s\n\n", o.Capacity.Room, o.Capacity.Binds)
		row("PART", "USED", "OF", "EACH", "ROOM")
		for _, p := range o.Capacity.Parts {
			row(p.Name, quantity(p.Unit, p.Used), quantity(p.Unit, p.Of), quantity(p.Unit, p.Each), bound(p.Room))
		}
		fmt.Fprintln(t)
		row("SESSION", "CPU(cores)", "MEMORY", "PROCESSES", "API", "REFUSED", "RULES BROKEN")
		all := slices.SortedStableFunc(slices.Values(o.Sessions), func(a, b model.OperatorSession) int {
			switch {
			case a.CPU != b.CPU:
				return map[bool]int{true: -1, false: 1}[a.CPU > b.CPU]
			default:
				return int(max(min(b.Memory-a.Memory, 1), -1))
			}
		})
		for _, s := range all {
			row(s.Session, fmt.Sprintf("%dm", int(s.CPU*1000)), binary(float64(s.Memory)), s.Processes, fmt.Sprintf("%.1fs", s.Asked), s.Refused, s.Breaches)
		}
	case "queue":
		row("PLACE", "TICKET", "MEMBER", "TURN")
		for i, q := range o.Queue {
			row(i+1, q.Ticket, q.Member, q.Turn)
		}
	case "events":
		row("AGO", "SESSION", "POD", "RULE", "WHAT")
		for _, b := range o.Breaches {
			row(since(b.Time, now), b.Session, dash(b.Pod), b.Rule, b.Text)
		}
	}
	return t.Flush()
}

func since(text string, now time.Time) string {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return "?"
	}
	return age(now.Sub(at))
}

func until(text string, now time.Time) string {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return "?"
	}
	return age(at.Sub(now))
}

// age is as kubectl writes it: 45s, 12m, 3h5m.
func age(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < 3*time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	}
	return fmt.Sprintf("%dh%dm", int(d.Hours()), int(d.Minutes())%60)
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func bound(room int) string {
	if room < 0 {
		return "-"
	}
	return fmt.Sprint(room)
}

func quantity(unit string, n float64) string {
	switch unit {
	case "bytes":
		return binary(n)
	case "percent":
		return fmt.Sprintf("%.0f%%", n)
	}
	return fmt.Sprintf("%.0f", n)
}

// binary is of bytes, as kubectl top writes it.
func binary(n float64) string {
	for _, unit := range []string{"", "Ki", "Mi", "Gi"} {
		if n < 1024 {
			return fmt.Sprintf("%.0f%s", n, unit)
		}
		n /= 1024
	}
	return fmt.Sprintf("%.1fTi", n)
}
