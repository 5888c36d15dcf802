package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/podhop/podhop/engine"
	"github.com/podhop/podhop/internal/basepath"
	"github.com/podhop/podhop/internal/logs"
	"github.com/podhop/podhop/server"
)

// hosting is what flags say of how a server is run for others.
type hosting struct {
	base                string
	log, logFormat      string
	drainDelay, drainBy time.Duration
}

func registerHosting(fs *flag.FlagSet, c *hosting) {
	fs.Func("base-path", "`path` that all addresses begin with, such as /podhop, where a proxy passes on what is below it (default: none)", func(text string) (err error) {
		c.base, err = basepath.Clean(text)
		return err
	})
	fs.StringVar(&c.log, "log", "info", "least `level` that is logged: debug (requests too), info, warn or error")
	fs.StringVar(&c.logFormat, "log-format", "text", "`format` of the log: text or json")
	fs.DurationVar(&c.drainDelay, "drain-delay", 0, "how long the server goes on, no longer ready and opening no sessions, before it ends: as long as a load balancer takes to notice")
	fs.DurationVar(&c.drainBy, "drain-timeout", 10*time.Second, "how long sessions may then take to be parked, before the server ends all the same")
}

// logger is the log of all parts of the server, Kubernetes' own too.
func (c *hosting) logger(w io.Writer) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.log)); err != nil {
		return nil, fmt.Errorf("--log %q: must be debug, info, warn or error", c.log)
	}
	l, err := logs.New(w, c.logFormat, level)
	if err != nil {
		return nil, fmt.Errorf("--log-format %q: %w", c.logFormat, err)
	}
	return l, nil
}

// check says what is wrong with the times of draining.
func (c *hosting) check() error {
	if c.drainDelay < 0 {
		return fmt.Errorf("--drain-delay %v: must not be negative", c.drainDelay)
	}
	if c.drainBy <= 0 {
		return fmt.Errorf("--drain-timeout %v: must be more than nothing", c.drainBy)
	}
	return nil
}

// errSlow is what a server ends with whose sessions were not parked in time.
var errSlow = errors.New("not all sessions were parked in time; they go on from what was acknowledged")

// drain ends what an engine has: it waits for the delay, then has close park the sessions, but
// no longer than the time for that.
func (c *hosting) drain(l *slog.Logger, drain func(), closing func() error) error {
	l.Info("draining", "delay", c.drainDelay, "timeout", c.drainBy)
	drain()
	time.Sleep(c.drainDelay)
	closed := make(chan error, 1)
	go func() { closed <- closing() }()
	select {
	case err := <-closed:
		return err
	case <-time.After(c.drainBy):
		return errSlow
	}
}

// leastDisk is how much room the data folder must have for the server to be ready: that of
// one session's journal, twice.
const leastDisk = 128 << 20

// readiness are the checks of a server that runs.
func readiness(c *engine.Config, eng *engine.Engine) []server.Check {
	return []server.Check{
		{Name: "images", Check: func(context.Context) error { return eng.Catalogue() }},
		{Name: "cgroups", Check: func(context.Context) error {
			if !eng.Limits() {
				return &server.Degraded{What: "there are none: nothing limits what sessions take, see the log"}
			}
			return nil
		}},
		{Name: "disk", Check: func(context.Context) error { return room(c.Data) }},
		{Name: "sessions", Check: func(context.Context) error {
			if n := eng.Sessions(); n >= c.MaxSessions {
				return &server.Degraded{What: fmt.Sprintf("there are as many as there may be, %d", n)}
			}
			return nil
		}},
	}
}

// gauges are metrics of what bounds the server, and of what its engine counts.
func gauges(c *engine.Config, eng *engine.Engine) []prometheus.Collector {
	return []prometheus.Collector{
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "podhop_sessions_max", Help: "Sessions that there may be at once."},
			func() float64 { return float64(c.MaxSessions) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "podhop_data_free_bytes", Help: "Room that is left in the data folder."},
			func() float64 { n, _ := free(c.Data); return float64(n) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "podhop_journeys_total", Help: "Journeys of packets that were told to sessions' streams."},
			func() float64 { return float64(eng.Journeys()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "podhop_journal_errors_total", Help: "Changes of sessions that were refused, or may have been lost, since they could not be kept."},
			func() float64 { return float64(eng.Unkept()) }),
	}
}

// free is how many bytes a folder's file system has left.
func free(folder string) (int64, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(folder, &fs); err != nil {
		return 0, fmt.Errorf("the data folder: %w", err)
	}
	return int64(fs.Bavail) * fs.Bsize, nil
}

func room(folder string) error {
	free, err := free(folder)
	if err != nil {
		return err
	}
	if free < leastDisk {
		return fmt.Errorf("the data folder has room for %s, which is less than %s", resource.NewQuantity(free, resource.BinarySI), resource.NewQuantity(leastDisk, resource.BinarySI))
	}
	return nil
}

// everywhere has what libraries log by the standard library go the same way.
func everywhere(l *slog.Logger) {
	slog.SetDefault(l)
	log.SetFlags(0)
}
