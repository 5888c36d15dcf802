package classes

import (
	"context"
	"time"

	"github.com/podhop/podhop/server/keep"
)

// Run watches the documents until ctx is done, closes classes whose time is over, and forgets those whose results
// were kept for long enough. What is still to be written is, before it returns.
func (c *Classes) Run(ctx context.Context) {
	defer c.pen.flushAll()
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.tidyUp(ctx)
	}()
	for ctx.Err() == nil {
		if err := c.watch(ctx); err != nil && ctx.Err() == nil {
			c.log.ErrorContext(ctx, "classes are not watched", "err", err)
			wait(ctx, 5*time.Second)
		}
	}
	<-done
}

// watch has the book be what the documents say, until ctx is done or the store fails.
func (c *Classes) watch(ctx context.Context) error {
	c.mu.Lock()
	c.listed = map[string]bool{}
	c.mu.Unlock()
	return c.store.Watch(ctx, below, c.see, func() {
		c.forgetOthers()
		c.knowing.Do(func() { close(c.known) })
		c.tidySoon()
	})
}

// forgetOthers has what is in the book and was not listed be gone: it went while nobody watched.
func (c *Classes) forgetOthers() {
	c.mu.Lock()
	there := c.listed
	c.listed = nil
	var gone []string
	for id, class := range c.book.classes {
		if class.doc.ID != "" && !there[classAt(id)] {
			gone = append(gone, classAt(id))
		}
		for m := range class.members {
			if at := (ref{id, m}).at(); !there[at] {
				gone = append(gone, at)
			}
		}
	}
	c.mu.Unlock()
	for _, at := range gone {
		c.see(keep.Event{Document: keep.Document{Key: at}, Gone: true})
	}
}

// Flush writes what is still to be written.
func (c *Classes) Flush() { c.pen.flushAll() }

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// see takes a document in, and wakes who follows its class.
func (c *Classes) see(e keep.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.listed != nil && !e.Gone {
		c.listed[e.Key] = true
	}
	change, ok := c.book.see(e)
	if !ok {
		return
	}
	for f := range c.followers[change.class] {
		f.take(change)
	}
}
