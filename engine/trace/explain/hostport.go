package explain

import (
	hostnote "github.com/podhop/podhop/engine/hostport/note"
	"github.com/podhop/podhop/engine/model"
)

// hostPort tells of a destination that was rewritten because a port of the node is
// a pod's hostPort; false if it was another's.
func (e *evaluation) hostPort(i int, v *verdict) bool {
	if e.Events[i].Table != hostnote.Table {
		return false
	}
	namespace, name, ok := hostnote.Pod(comment(e.text(i)))
	if !ok {
		return false // the rule is gone since
	}
	v.Object = &model.Object{Kind: "Pod", Namespace: namespace, Name: name}
	v.Sentence = sentence("%s rewrote the destination to %s: its port %d is the hostPort of %s/%s.", e.where, v.to, e.Packet.Destination.Port(), namespace, name)
	return true
}
