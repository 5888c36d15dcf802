package server

import (
	"fmt"
	"net/http"
	"sync"

	"github.com/podhop/podhop/internal/problem"
)

// visits counts the requests to sessions' ports that are under way. It is safe for
// concurrent use.
type visits struct {
	mu  sync.Mutex
	now map[string]int
}

// enter counts one more of a session until release, or fails if there are too many.
func (v *visits) enter(session string) (release func(), err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.now == nil {
		v.now = map[string]int{}
	}
	if v.now[session] >= maxPorts {
		return nil, &problem.Problem{Status: http.StatusTooManyRequests, Title: "Too many at once",
			Detail: fmt.Sprintf("%d requests to ports of this session are under way. Close some of their pages.", maxPorts)}
	}
	v.now[session]++
	return func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		if v.now[session]--; v.now[session] == 0 {
			delete(v.now, session)
		}
	}, nil
}
