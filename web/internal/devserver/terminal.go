package devserver

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/podhop/podhop/engine/model"
)

// What the real server keeps of a terminal's output, and takes as a frame, in bytes.
const (
	keptOutput = 256 << 10
	frameLimit = 64 << 10
)

// terminals are those of one cluster.
type terminals struct {
	mu     sync.Mutex
	prefix string // of IDs; "t" without one
	next   int
	all    []*terminal
}

// terminal is a told shell and those who look at it.
type terminal struct {
	mu      sync.Mutex
	told    model.Terminal
	sh      shell
	kept    []byte
	fresh   []byte // of kept, what viewers have not been told
	viewers map[*viewer]bool
	opened  int // connections there have been
	frames  int // of input
	largest int // of them, in bytes
}

// viewer is a connection; its queue keeps a slow one from stopping the shell.
type viewer struct {
	conn net.Conn
	send chan func() error
}

func (s *Server) terminalRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/sessions/{id}/terminals", s.with(func(c *Cluster, w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, c.terminals.list())
	}))
	mux.HandleFunc("POST /api/sessions/{id}/terminals", s.with(newTerminal))
	mux.HandleFunc("DELETE /api/sessions/{id}/terminals/{terminal}", s.with(func(c *Cluster, w http.ResponseWriter, r *http.Request) {
		if !c.terminals.remove(r.PathValue("terminal")) {
			problem(w, http.StatusNotFound, "Not found", "there is no such terminal")
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	mux.HandleFunc("GET /api/sessions/{id}/terminals/{terminal}/stream", s.with(func(c *Cluster, w http.ResponseWriter, r *http.Request) {
		t := c.terminals.get(r.PathValue("terminal"))
		if t == nil {
			problem(w, http.StatusNotFound, "Not found", "there is no such terminal")
			return
		}
		t.serve(w, r)
	}))
}

func newTerminal(c *Cluster, w http.ResponseWriter, r *http.Request) {
	var req model.NewTerminal
	if !read(w, r, &req) {
		return
	}
	place := req.Place
	parts := strings.Split(place, "/")
	c.mu.Lock()
	_, there := c.vertices[strings.Join(parts[:min(3, len(parts))], "/")] // a pod's may name a container
	c.mu.Unlock()
	if !there {
		problem(w, http.StatusUnprocessableEntity, "Invalid", "place "+strconv.Quote(place)+": there is nothing of that name")
		return
	}
	answer(w, http.StatusCreated, c.terminals.open(place))
}

func (all *terminals) open(place string) model.Terminal {
	all.mu.Lock()
	defer all.mu.Unlock()
	all.next++
	t := &terminal{told: model.Terminal{ID: fmt.Sprint(cmp.Or(all.prefix, "t"), all.next), Place: place}, viewers: map[*viewer]bool{}}
	t.sh = shell{out: t.write, end: t.end}
	t.sh.begin()
	t.flush()
	all.all = append(all.all, t)
	return t.told
}

func (all *terminals) list() []model.Terminal {
	all.mu.Lock()
	defer all.mu.Unlock()
	list := []model.Terminal{}
	for _, t := range all.all {
		t.mu.Lock()
		list = append(list, t.told)
		t.mu.Unlock()
	}
	return list
}

func (all *terminals) get(id string) *terminal {
	all.mu.Lock()
	defer all.mu.Unlock()
	for _, t := range all.all {
		if t.told.ID == id {
			return t
		}
	}
	return nil
}

func (all *terminals) remove(id string) bool {
	t := all.get(id)
	if t == nil {
		return false
	}
	all.mu.Lock()
	for i := range all.all {
		if all.all[i] == t {
			all.all = append(all.all[:i], all.all[i+1:]...)
			break
		}
	}
	all.mu.Unlock()
	t.close()
	return true
}

// close tells all who look that it is gone (4404), and hangs up.
func (t *terminal) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for v := range t.viewers {
		t.queue(v, func() error {
			_ = writeFrame(v.conn, opClose, []byte{0x11, 0x34})
			return net.ErrClosed
		})
	}
}

// cut breaks the lines of all who look, as a bad network would.
func (t *terminal) cut() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for v := range t.viewers {
		v.conn.Close()
	}
}

// write and end are the shell's, which runs with the lock held.
func (t *terminal) write(text string) {
	t.fresh = append(t.fresh, text...)
}

// flush tells what was written.
func (t *terminal) flush() {
	data := t.fresh
	if t.fresh = nil; len(data) == 0 {
		return
	}
	t.kept = append(t.kept, data...)
	t.kept = t.kept[max(0, len(t.kept)-keptOutput):]
	for v := range t.viewers {
		t.queue(v, func() error { return writeFrame(v.conn, opBinary, data) })
	}
}

func (t *terminal) end(code int) {
	t.flush()
	t.told.Ended, t.told.Code = true, code
	for v := range t.viewers {
		t.queue(v, func() error { return say(v.conn, model.TerminalSay{Ended: true, Code: code}) })
	}
}

func (t *terminal) queue(v *viewer, f func() error) {
	select {
	case v.send <- f:
	default:
		v.conn.Close() // too slow
	}
}

func say(conn net.Conn, s model.TerminalSay) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return writeFrame(conn, opText, text)
}

func (t *terminal) serve(w http.ResponseWriter, r *http.Request) {
	conn, err := upgrade(w, r)
	if err != nil {
		return
	}
	v := &viewer{conn: conn, send: make(chan func() error, 1<<12)}
	defer conn.Close()
	t.mu.Lock()
	t.opened++
	kept := append([]byte(nil), t.kept...)
	v.send <- func() error { return say(conn, model.TerminalSay{Reset: true}) }
	v.send <- func() error { return writeFrame(conn, opBinary, kept) }
	t.viewers[v] = true
	if told := t.told; told.Ended {
		v.send <- func() error { return say(conn, model.TerminalSay{Ended: true, Code: told.Code}) }
	}
	t.mu.Unlock()
	gone := make(chan struct{})
	defer func() {
		t.mu.Lock()
		delete(t.viewers, v)
		t.mu.Unlock()
	}()
	go func() {
		defer close(gone)
		t.read(v)
	}()
	for {
		select {
		case f := <-v.send:
			if f() != nil {
				return
			}
		case <-gone:
			return
		}
	}
}

func (t *terminal) read(v *viewer) {
	for {
		op, data, err := readMessage(v.conn, frameLimit)
		if err != nil {
			return
		}
		t.mu.Lock()
		switch {
		case op == opText:
			var size model.TerminalSay
			if json.Unmarshal(data, &size) == nil {
				t.sh.columns, t.sh.rows = size.Columns, size.Rows
			}
		case !t.told.Ended:
			t.frames, t.largest = t.frames+1, max(t.largest, len(data))
			t.sh.typed(string(data))
			t.flush()
		}
		t.mu.Unlock()
	}
}

// CutTerminals breaks the lines to all terminals.
func (c *Cluster) CutTerminals() {
	for _, info := range c.terminals.list() {
		if t := c.terminals.get(info.ID); t != nil {
			t.cut()
		}
	}
}

// CloseTerminals ends all of them behind the viewers' backs, as another page does.
func (c *Cluster) CloseTerminals() {
	for _, info := range c.terminals.list() {
		c.terminals.remove(info.ID)
	}
}

// LoseTerminals ends all of them as a server does that is killed, and the next one has none yet.
func (c *Cluster) LoseTerminals() {
	all := &c.terminals
	all.mu.Lock()
	lost := all.all
	all.prefix, all.next, all.all = all.prefix+"again-", 0, nil
	all.mu.Unlock()
	for _, t := range lost {
		t.cut()
	}
}

// Terminals are those there are.
func (c *Cluster) Terminals() []model.Terminal { return c.terminals.list() }

// TerminalState is what tests ask about a told terminal.
type TerminalState struct {
	Columns, Rows int
	// Typed is what waits on the line for Enter.
	Typed string
	// Opened is how often viewers have connected, Frames how many they typed, Largest how
	// many bytes the largest of them had.
	Opened, Frames, Largest int
}

// Terminal is a terminal as it is now, or nothing where there is none.
func (c *Cluster) Terminal(id string) TerminalState {
	t := c.terminals.get(id)
	if t == nil {
		return TerminalState{}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return TerminalState{t.sh.columns, t.sh.rows, string(t.sh.line), t.opened, t.frames, t.largest}
}

// Forget takes an object away, and tells nobody.
func (c *Cluster) Forget(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.vertices, id)
}
