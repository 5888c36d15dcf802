package engine

import (
	"strings"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/why"
)

// reasons are the objects that tell why packets do not arrive.
func (s *Session) reasons() *why.Objects {
	heard := &heard{ask: s.listening}
	core := s.api.Informers().Core().V1()
	return &why.Objects{
		Services: core.Services().Lister(), Pods: core.Pods().Lister(), Namespaces: core.Namespaces().Lister(),
		EndpointSlices: s.api.Informers().Discovery().V1().EndpointSlices().Lister(),
		Listening:      heard.of, Zone: "cluster.local",
	}
}

// unnamed is why a pod does not find a host by its name; nil if that is no mistake
// that is known, or if it is not a pod: nobody else asks the cluster's DNS.
func (s *Session) unnamed(from, host string) *model.Why {
	name, ok := strings.CutPrefix(from, "pod/")
	if !ok {
		return nil
	}
	namespace, _, _ := strings.Cut(name, "/")
	w := s.why.Name(host, namespace)
	if w != nil {
		w.Seen = append([]model.Finding{{Sentence: "Pod " + name + " asks DNS by its own /etc/resolv.conf, first in namespace " + namespace + ".",
			Object: &model.Object{Kind: "Pod", Namespace: namespace, Name: strings.TrimPrefix(name, namespace+"/")}}}, w.Seen...)
	}
	return w
}
