package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"github.com/podhop/podhop/engine/api/informer"
	"github.com/podhop/podhop/engine/control"
	"github.com/podhop/podhop/engine/provisioner"
)

// provisioner is the controller behind the default StorageClass.
func (s *Session) provisioner() control.Controller {
	return control.Controller{
		Name: "local-path-provisioner",
		On:   []schema.GroupResource{{Resource: "persistentvolumes"}, {Resource: "persistentvolumeclaims"}},
		Make: func(ctx context.Context, f *informer.Factory) (func(context.Context), error) {
			client, err := kubernetes.NewForConfig(s.api.ClientConfig())
			if err != nil {
				return nil, err
			}
			p, err := provisioner.New(ctx, client, f, folders{s})
			if err != nil {
				return nil, err
			}
			return p.Run, nil
		},
	}
}

// folders are those of the session's machines, switched on or off: their disks stay.
type folders struct{ *Session }

// on opens the root of a machine's own paths: no link there leads out of it.
func (f folders) on(node string) (*os.Root, error) {
	m := f.nodes.find(node)
	if m == nil {
		return nil, fmt.Errorf("node %s: %w", node, provisioner.ErrNoNode)
	}
	return os.OpenRoot(filepath.Join(f.root(m), "hostfs"))
}

func (f folders) Make(node, path string) error {
	root, err := f.on(node)
	if err != nil {
		return err
	}
	defer root.Close()
	path = strings.TrimPrefix(path, "/")
	return errors.Join(root.MkdirAll(path, 0o755), root.Chmod(path, 0o777)) // whatever the umask
}

func (f folders) Remove(node, path string) error {
	root, err := f.on(node)
	if err != nil {
		return err
	}
	defer root.Close()
	return root.RemoveAll(strings.TrimPrefix(path, "/"))
}

// openVolumes has kubelets told of what their pods' volumes are made of. An
// informer starts with the first object that is written of its kind.
func (s *Session) openVolumes() error {
	core := s.api.Informers().Later().Core().V1()
	for kind, i := range map[string]cache.SharedIndexInformer{
		"ConfigMap": core.ConfigMaps().Informer(), "Secret": core.Secrets().Informer(), "PersistentVolumeClaim": core.PersistentVolumeClaims().Informer(),
	} {
		changed := func(obj any) {
			if gone, ok := obj.(cache.DeletedFinalStateUnknown); ok {
				obj = gone.Obj
			}
			if o, err := meta.Accessor(obj); err == nil {
				s.changed(kind, o.GetNamespace(), o.GetName())
			}
		}
		if _, err := i.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc: changed, UpdateFunc: func(_, obj any) { changed(obj) }, DeleteFunc: changed,
		}); err != nil {
			return err
		}
	}
	s.api.Informers().StartWithContext(s.ctx)
	return nil
}

// changed tells the machines that are on.
func (s *Session) changed(kind, namespace, name string) {
	for _, m := range s.nodes.list() {
		if p := m.power.Load(); p != nil {
			p.kubelet.Load().Changed(kind, namespace, name)
		}
	}
}
