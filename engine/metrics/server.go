package metrics

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/metrics/pkg/apis/metrics"
)

// ErrClosed is what questions are answered once the session is over.
var ErrClosed = errors.New("the session is closed")

const (
	// first is between the two readings that the first question waits for.
	first = time.Second
	// resolution is between readings. metrics-server's --metric-resolution is 15 s;
	// here nothing is asked over a network, and a learner waits for it.
	resolution = 5 * time.Second
	// linger is how long readings go on after a question. The autoscaler asks
	// every 15 s.
	linger = time.Minute
)

// Config is what New needs.
type Config struct {
	// Nodes are those that are on, by name. It is called for each reading.
	Nodes  func() map[string]Node
	Logger *slog.Logger
}

// A Server answers for one session. Safe for concurrent use.
type Server struct {
	cfg    Config
	log    *slog.Logger
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu    sync.Mutex
	asked time.Time
	awake *watch // nil at rest
}

// A watch is the readings from one rest to the next.
type watch struct {
	ready chan struct{} // closed with the second reading
	last  atomic.Pointer[pair]
}

// A pair is two readings after each other.
type pair struct{ before, after readings }

// New makes a server that is at rest. Close it.
func New(cfg Config) *Server {
	s := &Server{cfg: cfg, log: cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler))}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Close ends it; who is waiting for an answer gets ErrClosed.
func (s *Server) Close() {
	s.mu.Lock()
	s.cancel()
	s.mu.Unlock()
	s.work.Wait()
}

// PodMetrics tells of the pods of which all containers that run have been read
// twice, as metrics-server does.
func (s *Server) PodMetrics(ctx context.Context) (map[types.NamespacedName]metrics.PodMetrics, error) {
	p, err := s.ask(ctx)
	if err != nil {
		return nil, err
	}
	return p.pods(), nil
}

// NodeMetrics tells of the nodes that have been read twice. What a node uses is
// what its pods do.
func (s *Server) NodeMetrics(ctx context.Context) (map[string]metrics.NodeMetrics, error) {
	p, err := s.ask(ctx)
	if err != nil {
		return nil, err
	}
	return p.nodes(), nil
}

// ask answers the last two readings, and has more made from now on.
func (s *Server) ask(ctx context.Context) (*pair, error) {
	s.mu.Lock()
	if s.ctx.Err() != nil {
		s.mu.Unlock()
		return nil, ErrClosed
	}
	s.asked = time.Now()
	w := s.awake
	if w == nil {
		w = &watch{ready: make(chan struct{})}
		s.awake = w
		s.work.Go(func() { s.run(w) })
	}
	s.mu.Unlock()
	select {
	case <-w.ready:
		return w.last.Load(), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-s.ctx.Done():
		return nil, ErrClosed
	}
}

// run reads until nobody has asked for a while.
func (s *Server) run(w *watch) {
	before := s.read()
	for wait := first; s.sleep(wait); wait = resolution {
		if s.rests() {
			return
		}
		after := s.read()
		w.last.Store(&pair{before, after})
		if wait == first {
			close(w.ready)
		}
		before = after
	}
}

// rests ends the watch, unless somebody has asked lately.
func (s *Server) rests() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.asked) < linger {
		return false
	}
	s.awake = nil
	return true
}

func (s *Server) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.ctx.Done():
		return false
	}
}
