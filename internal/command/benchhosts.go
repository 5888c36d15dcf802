package command

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/podhop/podhop/engine/journal"
	journaletcd "github.com/podhop/podhop/engine/journal/etcd"
	"github.com/podhop/podhop/internal/etcd"
)

const (
	benchLease = "6s"
	// benchPatience is how long a server or an etcd may take to begin, and a session to be served again.
	benchPatience = 2 * time.Minute
	// turnAppends is how many changes are appended before it is the other's turn.
	turnAppends = 64
)

// benchHosts measures what an etcd costs beside a folder, and for how long a session is away whose
// server is killed. It starts an etcd and servers of its own, so it is not in the world of the others.
func benchHosts(ctx context.Context, env *environment, args []string) error {
	fs := env.flags("bench hosts")
	program := fs.String("etcd", "etcd", "`program`, as Debian's package etcd-server has it")
	rounds := fs.Int("rounds", 10, "`number` of times that what is timed is done; a server is killed a third as often")
	images := fs.String("images", "data/images", "`folder` of the image catalogue")
	asJSON := fs.Bool("json", false, "print one JSON object a line")
	if err := env.parse(fs, args); err != nil {
		return err
	}
	if *rounds < 1 {
		return fmt.Errorf("--rounds %d: must be at least 1", *rounds)
	}
	catalogue, err := filepath.Abs(*images)
	if err != nil {
		return err
	}
	path, err := exec.LookPath(*program)
	if err != nil {
		return fmt.Errorf("--etcd: this needs an etcd of its own, such as that of Debian's package etcd-server: %w", err)
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	runtime.LockOSThread() // whose end would be that of what it starts
	defer runtime.UnlockOSThread()
	dir, err := os.MkdirTemp("", "podhop-bench-hosts-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &hostsBench{dir: dir, images: catalogue, report: printer(env.stdout, *asJSON)}
	defer b.close()
	if err := b.begin(ctx, path); err != nil {
		return err
	}
	if err := b.appends(ctx, *rounds); err != nil {
		return err
	}
	return b.kills(ctx, max(*rounds/3, 1))
}

// A hostsBench is an etcd, and servers that share it.
type hostsBench struct {
	dir, images, url string
	report           func(measurement)
	client           *clientv3.Client
	started          []*exec.Cmd
}

func (b *hostsBench) close() {
	if b.client != nil {
		_ = b.client.Close()
	}
	for _, c := range b.started {
		_ = c.Process.Kill()
		_ = c.Wait()
	}
}

func (b *hostsBench) start(c *exec.Cmd) error {
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	err := c.Start()
	if err == nil {
		b.started = append(b.started, c)
	}
	return err
}

// begin has an etcd.
func (b *hostsBench) begin(ctx context.Context, path string) error {
	var at [2]string
	for i := range at {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer l.Close()
		at[i] = l.Addr().String()
		l.Close()
	}
	said := &bytes.Buffer{}
	c := exec.Command(path, "--data-dir", filepath.Join(b.dir, "etcd"), "--listen-client-urls", "http://"+at[0], "--advertise-client-urls", "http://"+at[0],
		"--listen-peer-urls", "http://"+at[1], "--initial-advertise-peer-urls", "http://"+at[1], "--initial-cluster", "default=http://"+at[1], "--log-level", "error")
	c.Stderr = said
	if err := b.start(c); err != nil {
		return err
	}
	b.url = "etcd://" + at[0]
	place, err := etcd.Parse(b.url)
	if err != nil {
		return err
	}
	for end := time.Now().Add(benchPatience); ctx.Err() == nil && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if conn, err := net.Dial("tcp", at[0]); err == nil {
			conn.Close()
			break
		}
	}
	if b.client, err = etcd.Open(place, nil); err == nil {
		err = etcd.Answers(ctx, b.client)
	}
	if err != nil {
		return fmt.Errorf("the etcd does not answer: %w: %s", err, said)
	}
	return nil
}

// appends has a folder and the etcd keep the same changes, by turns, of one writer and of sixteen
// that wait together.
func (b *hostsBench) appends(ctx context.Context, rounds int) error {
	fence, err := b.client.Put(ctx, "bench", "host")
	if err != nil {
		return err
	}
	for _, together := range []int{1, 16} {
		keepers := []struct {
			name string
			journal.Keeper
		}{
			{"folder", journal.Folder{Dir: filepath.Join(b.dir, fmt.Sprint("folder", together)), Syncer: &journal.Syncer{Every: 5 * time.Second}}},
			{"etcd", journaletcd.New(journaletcd.Config{Client: b.client, Limit: 1 << 30, Fence: func(context.Context, string) (journaletcd.Fence, error) {
				return journaletcd.Fence{Key: "bench", Created: fence.Header.Revision}, nil
			}})},
		}
		var took [2][]time.Duration
		var writers [2]journal.Writer
		var last uint64
		state := journal.State{Written: map[string]uint64{}}
		for i, k := range keepers {
			w, err := k.Create(ctx, fmt.Sprint("bench", together), state, func() journal.State { return journal.State{Revision: last} }, nil)
			if err != nil {
				return fmt.Errorf("%s: %w", k.name, err)
			}
			defer w.Remove()
			writers[i] = w
		}
		change := journal.Change{Resource: "configmaps", Prefix: "/configmaps/", Key: "/configmaps/default/one", Value: bytes.Repeat([]byte("0123456789abcdef"), 64)}
		for range rounds {
			begin := last
			for i, w := range writers {
				last = begin
				for range turnAppends {
					var all []journal.Change
					for range together {
						last++
						change.Revision = last
						all = append(all, change)
					}
					start := time.Now()
					if err := appendAll(w, all); err != nil {
						return fmt.Errorf("%s: %w", keepers[i].name, err)
					}
					took[i] = append(took[i], time.Since(start))
				}
			}
		}
		what := map[int]string{1: "a change", 16: "16 changes that wait together"}[together]
		var rate [2]float64
		for i, k := range keepers {
			var all time.Duration
			for _, d := range took[i] {
				all += d
			}
			rate[i] = float64(len(took[i])*together) / all.Seconds()
			b.report(measurement{what + ", " + k.name + ", p50", quantile(took[i], 0.5), "ms", ""})
			b.report(measurement{what + ", " + k.name + ", p99", quantile(took[i], 0.99), "ms", ""})
			b.report(measurement{what + ", " + k.name + ", one after another", rate[i], "changes/s", ""})
		}
		b.report(measurement{what + ", rate of etcd to folder", rate[1] / rate[0], "", ""})
	}
	return nil
}

func appendAll(w journal.Writer, all []journal.Change) error {
	if together, ok := w.(journal.BatchWriter); ok {
		return together.AppendAll(all, false)
	}
	for _, c := range all {
		if err := w.Append(c, false); err != nil {
			return err
		}
	}
	return nil
}
