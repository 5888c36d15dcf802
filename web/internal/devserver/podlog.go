package devserver

import (
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Log adds lines to the log of a pod's container. The log of the container before is
// that of the container's name with "-previous" behind.
func (k *Kube) Log(namespace, pod, container string, lines ...string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key := namespace + "/" + pod + "/" + container
	k.logs[key] = append(k.logs[key], lines...)
	close(k.more)
	k.more = make(chan struct{})
}

// log answers as the kubelet does, with what of the options the page asks for.
func (k *Kube) log(w http.ResponseWriter, r *http.Request, p place) {
	q := r.URL.Query()
	key := p.namespace + "/" + p.name + "/" + q.Get("container")
	if q.Get("previous") == "true" {
		key += "-previous"
	}
	k.mu.Lock()
	lines, ok := k.logs[key]
	cut := k.cut
	k.watches++
	k.mu.Unlock()
	defer func() {
		k.mu.Lock()
		k.watches--
		k.mu.Unlock()
	}()
	if !ok && q.Get("previous") == "true" {
		answer(w, http.StatusBadRequest, failure(http.StatusBadRequest, "BadRequest", "previous terminated container %q in pod %q not found", q.Get("container"), p.name))
		return
	}
	next := 0
	if tail, err := strconv.Atoi(q.Get("tailLines")); err == nil {
		next = max(0, len(lines)-tail)
	}
	w.Header().Set("Content-Type", "text/plain")
	w.WriteHeader(http.StatusOK)
	flush := http.NewResponseController(w)
	for {
		k.mu.Lock()
		rest, more := slices.Clone(k.logs[key][next:]), k.more
		k.mu.Unlock()
		next += len(rest)
		if q.Get("timestamps") == "true" {
			for i := range rest {
				rest[i] = "2026-11-27T09:00:00.000000000Z " + rest[i]
			}
		}
		if len(rest) > 0 {
			if _, err := io.WriteString(w, strings.Join(rest, "\n")+"\n"); err != nil {
				return
			}
		}
		_ = flush.Flush()
		if q.Get("follow") != "true" {
			return
		}
		select {
		case <-more:
		case <-cut:
			return
		case <-r.Context().Done():
			return
		}
	}
}
