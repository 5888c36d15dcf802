package engine

import (
	"context"
	"sync"

	"github.com/podhop/podhop/engine/dns"
	"github.com/podhop/podhop/engine/ingress"
	"github.com/podhop/podhop/engine/model"
)

// warm does ahead, while nobody waits, what the first learner would wait for: it
// unpacks the images that most begin with, and takes a paste in a session of its
// own, so that the API's lazily made schemas are there.
func (e *Engine) warm() {
	ctx, cancel := context.WithCancel(context.Background())
	e.idle = cancel
	e.opening.Go(func() { e.keepRules(ctx) })
	// Not at once: it is large, and who only asks the API needs none.
	e.desk = sync.OnceFunc(func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		if !e.closed {
			e.opening.Go(func() { e.prepare(ctx, deskImage) })
		}
	})
	e.opening.Go(func() {
		for _, name := range []string{dns.Image, ingress.Image, "nginx", "busybox"} {
			e.prepare(ctx, name)
		}
	})
	e.opening.Go(func() {
		o, err := e.cfg.Options(model.SessionOptions{})
		if err != nil {
			e.log.Debug("warming up", "err", err)
			return
		}
		// Beside those that there may be, and not to be kept.
		s, err := e.make(ctx, birth{options: o}, (*slots).takeExtra, nil)
		defer e.lessen()
		if err != nil {
			e.log.Debug("warming up", "err", err)
			return
		}
		defer s.Close()
		if _, err := s.Apply(ctx, []byte("{apiVersion: v1, kind: ConfigMap, metadata: {name: warm}}")); err != nil {
			e.log.Debug("warming up", "err", err)
		}
	})
}

// lessen takes back the place beside the others that warm has had.
func (e *Engine) lessen() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.slots.most--
}

// prepare unpacks an image before somebody waits for it.
func (e *Engine) prepare(ctx context.Context, name string) {
	img, err := e.images.Resolve(name)
	if err == nil {
		err = e.containers.Prepare(ctx, img)
	}
	if err != nil {
		e.log.Debug("unpacking ahead", "image", name, "err", err)
	}
}
