package desk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/podhop/podhop/engine/container"
	"github.com/podhop/podhop/engine/model"
)

const (
	// maxScript bounds a script's text, in bytes.
	maxScript = 1 << 20
	// maxKept is how much is kept of what a script writes, of its beginning and of its end.
	maxKept = 8 << 10
)

// Script runs bash with a text, in the learner's home, and waits for it. Its standard
// input is empty, both of its outputs are one. When ctx ends it is killed with its process
// group, and the result says that it was late; that is no error. It fails with
// model.ErrTooLarge for a text of more than 1 MiB.
func (d *Desk) Script(ctx context.Context, text string) (model.ScriptResult, error) {
	if len(text) > maxScript {
		return model.ScriptResult{}, fmt.Errorf("script: %w: %d bytes; at most %d", model.ErrTooLarge, len(text), maxScript)
	}
	if _, err := d.running(ctx, nil); err != nil {
		return late(model.ScriptResult{}, err)
	}
	d.mu.Lock()
	d.counted++
	name := strconv.Itoa(d.counted)
	d.mu.Unlock()
	file := d.dir("scripts", name)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return model.ScriptResult{}, err
	}
	defer os.Remove(file)
	out := &ends{}
	code, err := d.Exec(ctx, container.ExecSpec{
		// One stream, so that what it says comes in its order.
		Args:   []string{"bash", "-c", `exec bash "$0" 2>&1`, scripts + "/" + name},
		Stdout: out, Stderr: out, Group: true,
	})
	return late(model.ScriptResult{Code: code, Output: out.String()}, err)
}

// late makes a result of a context that ended.
func late(r model.ScriptResult, err error) (model.ScriptResult, error) {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		r.Late, err = true, nil
	}
	return r, err
}

// ends keep the beginning and the end of what is written. They are safe for concurrent use.
type ends struct {
	mu         sync.Mutex
	head, tail []byte
	left       int // how many bytes were left out between
}

func (e *ends) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := min(len(p), maxKept-len(e.head))
	e.head = append(e.head, p[:n]...)
	e.tail = append(e.tail, p[n:]...)
	if over := len(e.tail) - maxKept; over > 0 {
		e.left += over
		e.tail = append(e.tail[:0], e.tail[over:]...)
	}
	return len(p), nil
}

func (e *ends) String() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	text := string(e.head)
	if e.left > 0 {
		text += fmt.Sprintf("\n... %d bytes ...\n", e.left)
	}
	return strings.ToValidUTF8(text+string(e.tail), "\uFFFD")
}
