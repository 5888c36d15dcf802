package trace

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/trace/capture"
	"github.com/podhop/podhop/engine/trace/explain"
	"github.com/podhop/podhop/engine/trace/join"
	"github.com/podhop/podhop/engine/trace/packet"
	"github.com/podhop/podhop/engine/trace/record"
)

// queued is how many batches may wait for the joiner. When it is full, the
// readers wait, the kernel's buffers fill, and the kernel counts what it drops.
const queued = 256

// loop joins, explains and emits, on one goroutine while somebody watches.
type loop struct {
	t         *Tracer
	rules     *rules
	captures  *captures
	governor  *governor
	watermark *watermark
	relays    *relays
	routes    *routes

	joiner    *join.Joiner
	explainer *explain.Explainer
	rests     *rests // since somebody watches
	last      uint64 // journey
	hold      atomic.Int64
	notes     *notes

	pipe *pipe // of the time since somebody watches
	done sync.WaitGroup
}

// pipe leads from the captures to the loop.
type pipe struct {
	batches chan record.Batch
	flushes chan chan struct{}
	quit    chan struct{}
}

func newLoop(t *Tracer) *loop {
	l := &loop{t: t, rules: newRules(t.cfg.Log), relays: newRelays(), routes: &routes{ask: t.cfg.Route}, notes: &notes{}}
	l.captures = &captures{all: map[*capture.Capture]bool{}}
	l.watermark = newWatermark(l.captures)
	l.governor = newGovernor(t.cfg.MaxFrames, l.captures, func(c model.Capture) {
		if t.cfg.Captured != nil {
			t.cfg.Captured(c)
		}
	})
	l.joiner = join.New(join.Config{Quiet: quiet.Nanoseconds()})
	l.explainer = explain.New(l.rules, t.cfg.Names)
	l.explainer.Routes(l.routes.get)
	return l
}

func (l *loop) start() {
	p := &pipe{batches: make(chan record.Batch, queued), flushes: make(chan chan struct{}), quit: make(chan struct{})}
	l.pipe = p
	l.governor.reset(time.Now())
	l.done.Go(func() { l.run(p) })
}

// stop lets the loop finish what was captured. No capture may be running any more.
func (l *loop) stop() {
	close(l.pipe.quit)
	l.done.Wait()
}

// emit takes a batch of a capture.
func (p *pipe) emit(b record.Batch) { p.batches <- b }

// clock is what the joiner calls now: any clock does that never goes back.
func clock() int64 { return int64(time.Since(epoch)) }

var epoch = time.Now()

type flush struct {
	mark uint64
	done chan struct{}
}

func (l *loop) run(p *pipe) {
	var waiting []flush
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	second := time.NewTicker(time.Second)
	defer second.Stop()
	l.rests = newRests(l.t.cfg.Share, l.governor)
	defer l.rests.stop()
	for {
		l.joiner.SetHold(l.hold.Load())
		if due := l.joiner.Next(); due > 0 {
			if next := l.watermark.next(due); next > 0 {
				timer.Reset(time.Duration(next - clock()))
			}
		}
		select {
		case b := <-p.batches:
			l.add(b)
		case <-l.rests.timer.C:
			l.rests.over()
		case <-second.C:
			l.governor.look(time.Now())
		case done := <-p.flushes:
			l.drain(p)
			waiting = append(waiting, flush{l.joiner.Mark(), done})
		case began := <-l.watermark.rounds:
			l.drain(p) // what was handed over
			l.watermark.passed(began)
		case <-timer.C:
		case <-p.quit:
			l.drain(p)
			l.take(clock() + time.Hour.Nanoseconds())
			l.joiner.Rest(clock())
			l.answer(&waiting)
			return
		}
		l.take(l.watermark.now())
		l.answer(&waiting)
		l.rests.check()
	}
}

// drain takes the batches that wait.
func (l *loop) drain(p *pipe) {
	for {
		select {
		case b := <-p.batches:
			l.add(b)
		default:
			return
		}
	}
}

func (l *loop) add(b record.Batch) {
	defer l.rests.spend(time.Now())
	l.governor.took(len(b.Frames))
	l.joiner.Add(b, clock())
}

// take emits what is whole.
func (l *loop) take(now int64) {
	for reason, n := range l.joiner.Lost() {
		l.lost(n, reason)
	}
	defer l.rests.spend(time.Now())
	ways := l.joiner.Take(now)
	if len(ways) == 0 {
		return
	}
	l.rules.fresh(ways)
	for i := range ways {
		w := &ways[i]
		if l.rests.torn(w, l.hold.Load()) {
			l.governor.left(len(frames(w)))
			continue
		}
		j := l.explainer.Journey(w)
		if !w.Seen() && j.Verdict == explain.Underway && (l.governor.partial(time.Now()) || redirect(w)) {
			continue
		}
		l.relays.explain(w, &j, func(protocol uint8, t record.Tuple) string { return l.joiner.Conversation(protocol, t, now) })
		l.notes.add(w, &j)
		l.last++
		j.ID = "j" + strconv.FormatUint(l.last, 10)
		l.t.index.add(w, j.ID)
		if l.t.cfg.Frames != nil {
			l.t.cfg.Frames(&j, frames(w))
		}
		l.t.cfg.Emit(j)
	}
}

func frames(w *join.Way) (all []record.Frame) {
	for i := range w.Steps {
		if seen := w.Steps[i].Seen; seen != nil && !seen.Inferred {
			all = append(all, seen.Frame)
		}
	}
	return all
}

// redirect reports whether a packet is an ICMP redirect. Of a connection that it
// rewrites, NAT lets none out (nf_nat_icmp_reply_translation): only rules see them.
func redirect(w *join.Way) bool {
	p := w.Steps[0].Packet()
	return p.Protocol == packet.ICMP && p.Type == packet.Redirect
}

func (l *loop) lost(n uint64, reason string) {
	if l.t.cfg.Lost != nil {
		l.t.cfg.Lost(n, reason)
	}
}

func (l *loop) answer(waiting *[]flush) {
	kept := (*waiting)[:0]
	for _, f := range *waiting {
		if l.joiner.Passed(f.mark) {
			close(f.done)
		} else {
			kept = append(kept, f)
		}
	}
	*waiting = kept
}

// flush waits until all that was added so far is emitted.
func (p *pipe) flush(ctx context.Context) error {
	done := make(chan struct{})
	select {
	case p.flushes <- done:
	case <-p.quit:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-done:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

func isNode(vertex string) bool { return strings.HasPrefix(vertex, "node/") }
