package web

// What the form that opens a playground offers. The server checks what it gets.
const (
	maxNodes     = 5
	defaultNodes = 3
)

// A cni is a way to join pods to each other, in the words of the page.
type cni struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// cnis begins with the one that a session gets unless it asks for another.
var cnis = []cni{
	{"routed", "Each pod has a veth and a route of its own, and nodes have routes to each other's pods. No bridge, nothing wrapped."},
	{"bridge", "The pods of a node are plugged into one bridge, cni0, as most tutorials draw it. Nodes have routes to each other's pods."},
	{"vxlan", "A bridge a node, and packets for other nodes travel inside UDP, from flannel.1 to flannel.1: the nodes' own network sees no pod addresses."},
}
