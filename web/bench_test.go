package web_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/chromium"
)

// Benchmarks measure what a learner would see, in the Chromium of the tests, which has no GPU:
//
//	go test ./web -run XXX -bench . -benchtime 1x
//
// They fail only where there is nothing to measure.

// frames counts while it runs: how long each frame took, in ms, and how many packets were drawn
// in it (each has one disc of that radius).
const frames = `new Promise(done => {
	const times = [], drawn = [];
	let arcs = 0, last = 0;
	const arc = CanvasRenderingContext2D.prototype.arc;
	CanvasRenderingContext2D.prototype.arc = function (...a) { if (a[2] === 6) arcs++; return arc.apply(this, a) };
	const end = performance.now() + %d;
	const look = now => {
		if (last) { times.push(now - last); drawn.push(arcs) }
		last = now; arcs = 0;
		if (now < end) requestAnimationFrame(look);
		else { CanvasRenderingContext2D.prototype.arc = arc; done({times, drawn}) }
	};
	requestAnimationFrame(look);
})`

// BenchmarkMap has some 200 packets in flight.
func BenchmarkMap(b *testing.B) {
	for _, session := range []string{"demo", "many"} {
		b.Run(session, func(b *testing.B) {
			p := openTab(b, "/s/"+session, chromium.Options{})
			p.UntilIn(time.Minute, live)
			c := p.server.Cluster(session)
			var told []model.Journey
			for _, j := range c.Journeys() {
				if len(j.Hops) > 1 {
					told = append(told, j)
				}
			}
			if len(told) == 0 {
				b.Fatal("there is no journey to tell again")
			}
			stop, stopped := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(stopped)
				tick := time.NewTicker(100 * time.Millisecond)
				defer tick.Stop()
				for n := 0; ; {
					select {
					case <-stop:
						return
					case <-tick.C:
					}
					for range 26 {
						j := told[n%len(told)]
						n++
						j.ID, j.Conversation = fmt.Sprint("flight-", n), fmt.Sprint("flights-", n)
						c.Tell(model.Message{Type: "journey", Journey: &j})
					}
				}
			}()
			chromium.Eval[any](p.Tab, fmt.Sprintf(frames, 2000)) // until as many fly as will
			var times, drawn []float64
			b.ResetTimer()
			for range b.N {
				got := chromium.Eval[struct{ Times, Drawn []float64 }](p.Tab, fmt.Sprintf(frames, 5000))
				times, drawn = append(times, got.Times...), append(drawn, got.Drawn...)
			}
			b.StopTimer()
			close(stop)
			<-stopped
			if len(times) == 0 {
				b.Fatal("no frame was drawn")
			}
			total := 0.0
			for _, t := range times {
				total += t
			}
			b.ReportMetric(1000*float64(len(times))/total, "fps")
			b.ReportMetric(quantile(times, 0.5), "ms/frame-median")
			b.ReportMetric(quantile(times, 0.95), "ms/frame-p95")
			b.ReportMetric(quantile(drawn, 0.5), "packets")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkInteractive is from the beginning of a navigation until the map is drawn, the editor
// takes text and a request can be sent.
func BenchmarkInteractive(b *testing.B) {
	var took []float64
	for range b.N {
		p := openTab(b, "/s/demo?lesson=deployments", chromium.Options{})
		took = append(took, chromium.Eval[float64](p.Tab, `new Promise(done => { const look = () => `+live+` && document.querySelector(".cm-content") && document.querySelector(".send-button") ? done(performance.now()) : setTimeout(look, 5); look() })`))
	}
	b.ReportMetric(quantile(took, 0.5), "ms")
	b.ReportMetric(0, "ns/op")
}

func quantile(of []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[int(q*float64(len(sorted)-1))]
}
