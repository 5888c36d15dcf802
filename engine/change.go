package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/network"
)

// changeTimeout bounds a change of a session's machines or network.
const changeTimeout = time.Minute

// change runs f while no other change of the session's machines or network does. f
// goes on when whoever asked for it has gone, since half a node is of use to
// nobody; it ends with the session.
func (s *Session) change(ctx context.Context, f func(context.Context) error) error {
	select {
	case s.changing <- struct{}{}:
		defer func() { <-s.changing }()
	case <-ctx.Done():
		return ctx.Err()
	case <-s.ctx.Done():
	}
	if s.ctx.Err() != nil {
		return model.ErrClosed
	}
	ctx, cancel := context.WithTimeout(s.ctx, changeTimeout)
	defer cancel()
	err := f(ctx)
	s.tell()
	if err != nil && s.ctx.Err() != nil {
		return model.ErrClosed
	}
	return err
}

// node finds a machine by its name.
func (s *Session) node(name string) (*machine, error) {
	if m := s.nodes.find(name); m != nil {
		return m, nil
	}
	return nil, fmt.Errorf("node %s: %w: there are %s", name, model.ErrNotFound, s.nodes.names())
}

// AddNode gives the cluster one more machine, of the lowest free name, and answers
// the name. Its node is Ready in the API. It fails with model.ErrConflict if there
// are as many as there may be.
func (s *Session) AddNode(ctx context.Context) (name string, err error) {
	err = s.change(ctx, func(ctx context.Context) error {
		client, err := kubernetes.NewForConfig(s.api.ClientConfig())
		if err != nil {
			return err
		}
		if n := len(s.nodes.list()); n >= maxNodes {
			return fmt.Errorf("%w: a cluster has at most %d nodes here", model.ErrConflict, maxNodes)
		}
		m, err := s.newMachine(ctx, client)
		if err != nil {
			return err
		}
		object := s.engine.nodeObject(m.Node)
		// Status and all, as kubelets register themselves.
		if _, err := client.CoreV1().Nodes().Create(ctx, &object, metav1.CreateOptions{}); err != nil {
			return err
		}
		s.nodes.add(m)
		if err := s.boot(ctx, m); err != nil {
			return errors.Join(err, s.scrap(m, client))
		}
		s.recount()
		name = m.Name
		return nil
	})
	return name, err
}

// newMachine takes the lowest number whose name neither a machine has nor an object
// that a learner made.
func (s *Session) newMachine(ctx context.Context, client kubernetes.Interface) (*machine, error) {
	dualStack := s.Info().Options.DualStack
	for i := 1; i < 100; i++ {
		m := &machine{Node: nodeAt(i, dualStack)}
		if s.nodes.find(m.Name) != nil {
			continue
		}
		_, err := client.CoreV1().Nodes().Get(ctx, m.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return m, nil
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%w: all names of nodes are taken", model.ErrConflict)
}

// RemoveNode takes a machine away, with all that runs on it, and then its Node
// object. It is not drained: what becomes of its pods is for the controllers to
// find out. It fails with model.ErrNotFound, or with model.ErrConflict for the last one.
func (s *Session) RemoveNode(ctx context.Context, name string) error {
	return s.change(ctx, func(context.Context) error {
		m, err := s.node(name)
		if err != nil {
			return err
		}
		if len(s.nodes.list()) == 1 {
			return fmt.Errorf("%w: %s is the cluster's only node", model.ErrConflict, name)
		}
		client, err := kubernetes.NewForConfig(s.api.ClientConfig())
		if err != nil {
			return err
		}
		defer s.recount()
		s.forgetFaults(network.NodeVertex(name))
		return s.scrap(m, client)
	})
}

// scrap leaves nothing of a machine.
func (s *Session) scrap(m *machine, client kubernetes.Interface) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), changeTimeout)
	defer cancel()
	err := s.halt(ctx, m)
	s.nodes.remove(m)
	err = errors.Join(err, s.wipe(ctx, s.root(m)))
	if derr := client.CoreV1().Nodes().Delete(ctx, m.Name, metav1.DeleteOptions{}); derr != nil && !apierrors.IsNotFound(derr) {
		err = errors.Join(err, derr)
	}
	return err
}

// wipe removes a machine's folder. What its kubelet was about to do when it was stopped may still
// be done once, and mount a volume or write a file there.
func (s *Session) wipe(ctx context.Context, root string) error {
	for {
		err := errors.Join(s.containers.UnmountBelow(root), os.RemoveAll(root))
		if err == nil {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return err
		}
	}
}

// StopNode switches a machine off, as by its power button: its kubelet says
// nothing more, its containers are dead, its network is gone with all that the
// kernel kept there, its disk stays. The API learns of it by the silence.
// Stopping one that is off is well.
func (s *Session) StopNode(ctx context.Context, name string) error {
	return s.change(ctx, func(ctx context.Context) error {
		m, err := s.node(name)
		if err != nil || m.power.Load() == nil {
			return err
		}
		return s.halt(ctx, m)
	})
}

// StartNode switches a machine on again. Its kubelet finds its disk as it was, and
// starts the pods that are still bound to it. Starting one that is on is well.
func (s *Session) StartNode(ctx context.Context, name string) error {
	return s.change(ctx, func(ctx context.Context) error {
		m, err := s.node(name)
		if err != nil || m.power.Load() != nil {
			return err
		}
		if err := s.boot(ctx, m); err != nil {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), changeTimeout)
			defer cancel()
			return errors.Join(err, s.halt(ctx, m))
		}
		return nil
	})
}

// CordonNode says whether the scheduler leaves a node out, as kubectl cordon and
// uncordon do.
func (s *Session) CordonNode(ctx context.Context, name string, cordon bool) error {
	client, err := kubernetes.NewForConfig(s.api.ClientConfig())
	if err != nil {
		return err
	}
	patch := fmt.Appendf(nil, `{"spec":{"unschedulable":%t}}`, cordon)
	_, err = client.CoreV1().Nodes().Patch(ctx, name, types.StrategicMergePatchType, patch, metav1.PatchOptions{})
	if apierrors.IsNotFound(err) {
		return fmt.Errorf("node %s: %w: there are %s", name, model.ErrNotFound, s.nodes.names())
	}
	return err
}

// recount keeps the options true.
func (s *Session) recount() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.options.Nodes = len(s.nodes.list())
}

// root is a machine's folder.
func (s *Session) root(m *machine) string { return filepath.Join(s.containers.Dir(), m.Name) }
