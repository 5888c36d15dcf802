package server

import "sync"

// openersMost bounds who is remembered: there are fewer sessions, and each is forgotten when
// there are as many others.
const openersMost = 10_000

// openers remember who opened which session, for who runs the server. They end with it. The
// zero value is ready; it is safe for concurrent use.
type openers struct {
	mu    sync.Mutex
	all   map[string]string
	order []string
}

func (o *openers) add(session, person string) {
	if person == "" {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.all == nil {
		o.all = map[string]string{}
	}
	o.all[session] = person
	if o.order = append(o.order, session); len(o.order) > openersMost {
		delete(o.all, o.order[0])
		o.order = o.order[1:]
	}
}

func (o *openers) of(session string) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.all[session]
}
