package command

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/podhop/podhop/engine"
	"github.com/podhop/podhop/internal/nsexec"
)

// A measurement is one line of what bench prints; Goal is what is to be reached,
// in words, where there is one.
type measurement struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	Goal  string  `json:"goal,omitempty"`
}

// A benchmark is one word after podhop bench.
type benchmark struct {
	name string
	run  func(context.Context, *bencher) error
}

// benchmarks are in the order in which all of them run: the first wants an engine
// that has opened no session yet.
func benchmarks() []benchmark {
	return []benchmark{{"sessions", benchSessions}, {"start-over", benchStartOver}, {"apply", benchApply}, {"pods", benchPods}, {"network", benchNetwork}, {"trace", benchTrace}, {"viewers", benchViewers}, {"terminals", benchTerminals}, {"neighbours", benchNeighbours}}
}

// A bencher is what benchmarks share.
type bencher struct {
	started time.Time
	cfg     engine.Config
	engine  *engine.Engine
	rounds  int
	most    int // sessions
	viewers int // of one session
	only    string
	// profiles is the folder for profiles; "": none are made
	profiles string
	report   func(measurement)
}

func bench(ctx context.Context, env *environment, args []string) error {
	if len(args) == 2 && args[0] == "client" { // of neighbours, in a process of its own
		return hostileClient(ctx, args[1])
	}
	if len(args) > 0 && args[0] == "hosts" { // has servers of its own
		return benchHosts(ctx, env, args[1:])
	}
	var names []string
	for len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		names, args = append(names, args[0]), args[1:]
	}
	for _, name := range names {
		if !slices.ContainsFunc(benchmarks(), func(b benchmark) bool { return b.name == name }) {
			fmt.Fprintf(env.stderr, "podhop bench: unknown benchmark %q; there are sessions, start-over, apply, pods, network, trace, viewers, terminals and neighbours, and alone hosts\n", name)
			return errUsage
		}
	}
	b := &bencher{started: time.Now()}
	fs := env.flags("bench")
	registerEngine(fs, &b.cfg)
	keep := fs.Bool("keep-sessions", true, "keep sessions on disk while they last, as serve does")
	asJSON := fs.Bool("json", false, "print one JSON object a line")
	fs.IntVar(&b.rounds, "rounds", 20, "`number` of times that what is timed is done")
	fs.IntVar(&b.most, "most", 100, "`number` of idle sessions to hold at once")
	fs.IntVar(&b.viewers, "viewers", 1000, "`number` of viewers of one session, at least 2")
	fs.StringVar(&b.only, "only", "", "of neighbours, only those kinds whose name has this `text`")
	fs.StringVar(&b.profiles, "profile", "", "`folder` for profiles of neighbours, for go tool pprof")
	if err := env.parse(fs, args); err != nil {
		return err
	}
	if err := completeEngine(&b.cfg); err != nil {
		return err
	}
	if b.viewers < 2 {
		return fmt.Errorf("--viewers %d: must be at least 2", b.viewers)
	}
	if *keep {
		b.cfg.Sessions = filepath.Join(b.cfg.Data, "bench-sessions") // beside a server's
	}
	b.cfg.MaxSessions = max(b.cfg.MaxSessions, b.most+b.rounds)
	b.report = printer(env.stdout, *asJSON)
	if !nsexec.Inside() {
		code, err := nsexec.Supervise(nsexec.SuperviseConfig{Reach: reachOf(&b.cfg)})
		if err == nil && code != 0 {
			err = fmt.Errorf("ended with code %d", code)
		}
		return err
	}
	b.cfg.Log = slog.New(slog.NewTextHandler(env.stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	return inside(func(world *nsexec.Environment) error {
		ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
		defer stop()
		b.cfg.World = world
		return b.run(ctx, names)
	})
}

func (b *bencher) run(ctx context.Context, names []string) (err error) {
	if b.engine, err = engine.New(ctx, b.cfg); err != nil {
		return err
	}
	defer func() {
		if cerr := b.engine.Close(); err == nil {
			err = cerr
		}
		if b.cfg.Sessions != "" {
			os.RemoveAll(b.cfg.Sessions)
		}
	}()
	for _, each := range benchmarks() {
		if len(names) > 0 && !slices.Contains(names, each.name) {
			continue
		}
		if err := each.run(ctx, b); err != nil {
			return fmt.Errorf("%s: %w", each.name, err)
		}
	}
	return nil
}

// printer writes measurements as they come.
func printer(w io.Writer, asJSON bool) func(measurement) {
	if asJSON {
		encoder := json.NewEncoder(w)
		return func(m measurement) { _ = encoder.Encode(m) } // a closed pipe is the reader's wish
	}
	return func(m measurement) {
		line := fmt.Sprintf("%-52s %12.4g %-12s", m.Name, m.Value, m.Unit)
		if m.Goal != "" {
			line += " (to reach: " + m.Goal + ")"
		}
		fmt.Fprintln(w, line)
	}
}

// quantile of durations, in milliseconds; it sorts them.
func quantile(all []time.Duration, q float64) float64 {
	slices.Sort(all)
	return float64(all[min(int(q*float64(len(all))), len(all)-1)].Microseconds()) / 1000
}
