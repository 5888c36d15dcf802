package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/network"
)

// maxNodes is how many machines a session may have.
const maxNodes = 5

// Options are what a session is made with that is asked for o: what it does not say
// is filled in, what it says is checked. Its errors are *model.FieldError.
func (c Config) Options(o model.SessionOptions) (model.SessionOptions, error) {
	o.Nodes, o.CNI = cmp.Or(o.Nodes, c.Nodes), cmp.Or(o.CNI, c.CNI, string(network.Routed))
	o.DualStack = o.DualStack || c.DualStack
	if o.Nodes < 1 || o.Nodes > maxNodes {
		return o, &model.FieldError{Field: "nodes", Detail: fmt.Sprintf("must be between 1 and %d, not %d", maxNodes, o.Nodes)}
	}
	return o, checkCNI(o.CNI)
}

func checkCNI(cni string) error {
	if slices.Contains(network.CNIs(), network.CNI(cni)) {
		return nil
	}
	return &model.FieldError{Field: "cni", Detail: fmt.Sprintf("must be one of %v, not %q", network.CNIs(), cni)}
}

// SetCNI joins the session's pods to each other in another way, those that run
// among them. It fails with model.ErrInvalid if there is no such way, and then, as on
// any other error, everything is as it was.
func (s *Session) SetCNI(ctx context.Context, cni string) error {
	if err := checkCNI(cni); err != nil {
		return err
	}
	return s.change(ctx, func(ctx context.Context) error {
		old := s.Info().Options.CNI
		if err := s.setCNI(ctx, cni); err != nil {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), changeTimeout)
			defer cancel()
			return errors.Join(err, s.setCNI(ctx, old))
		}
		return nil
	})
}

func (s *Session) setCNI(ctx context.Context, cni string) error {
	s.mu.Lock()
	s.options.CNI = cni
	s.mu.Unlock()
	err := s.pods.set(ctx, s.desired())
	for _, m := range s.nodes.list() {
		err = errors.Join(err, s.writeNodeFiles(m))
	}
	s.pods.changed()
	return err
}

// writeNodeFiles writes on a machine's disk how its pods are joined, as the installer
// of a CNI plugin does. One that is off has it written when it is on again.
func (s *Session) writeNodeFiles(m *machine) error {
	files := s.network.NodeFiles(m.Name)
	if files == nil {
		return nil
	}
	root := s.root(m)
	for _, dir := range []string{"etc/cni", "run/flannel"} { // of another CNI
		if err := os.RemoveAll(filepath.Join(root, dir)); err != nil {
			return err
		}
	}
	for name, text := range files {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
