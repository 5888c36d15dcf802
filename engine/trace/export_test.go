package trace

// Held counts what a tracer that nobody watches remembers, by what it is.
func (t *Tracer) Held() map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.await()
	held := t.loop.joiner.Held()
	t.index.mu.Lock()
	defer t.index.mu.Unlock()
	held["index conversations"], held["index journeys"], held["index tuples"] = len(t.index.byID), t.index.all, len(t.index.byTuple)
	return held
}
