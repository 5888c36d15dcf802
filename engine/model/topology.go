package model

// A Vertex is one thing on the map: an object of the cluster, or a part of its
// network (a node, the client, the underlay).
type Vertex struct {
	// ID is stable and readable: "client", "underlay", "node/node-1",
	// "pod/default/web-0", "service/default/web", "deployment/default/web".
	ID        string `json:"id"`
	Kind      string `json:"kind"` // Kubernetes' kind, or Client, ControlPlane, Underlay
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	// Parent is the ID of the vertex that this one is drawn inside of: a pod's node.
	Parent string `json:"parent,omitempty"`
	// Owner is the ID of the controlling owner: a pod's ReplicaSet.
	Owner string `json:"owner,omitempty"`

	// IPs are its own: a Service's cluster IPs, a node's and a pod's addresses.
	// External are those that lead to it from outside of the cluster: of load
	// balancers, or a Service's externalIPs.
	IPs      []string          `json:"ips,omitempty"`
	External []string          `json:"external,omitempty"`
	Ports    []Port            `json:"ports,omitempty"`
	Labels   map[string]string `json:"labels,omitempty"`

	// Status is what kubectl's STATUS column says: Running, Pending,
	// CrashLoopBackOff, Ready, NotReady, ClusterIP ...
	Status  string `json:"status,omitempty"`
	Ready   bool   `json:"ready"`
	Message string `json:"message,omitempty"`
	// Want and Have count replicas of workloads, endpoints of Services, and
	// containers of pods (kubectl's READY); Have the ready ones.
	Want       int         `json:"want,omitempty"`
	Have       int         `json:"have,omitempty"`
	Restarts   int         `json:"restarts,omitempty"`
	Containers []Container `json:"containers,omitempty"`
	// Created is in milliseconds since the Unix epoch.
	Created int64 `json:"created,omitempty"`
	// Conditions are the object's own.
	Conditions []Condition `json:"conditions,omitempty"`
	// Rules are what an Ingress, a route or a NetworkPolicy says, one by one.
	Rules []Rule `json:"rules,omitempty"`
	// Facts are what else the object says that matters to its network, in the
	// order to be shown in.
	Facts []Fact `json:"facts,omitempty"`
	// Wiring is how a pod was joined to the network, each step as the ip command
	// that would do the same.
	Wiring []string `json:"wiring,omitempty"`
	// CNI is the call that had a pod joined.
	CNI *CNI `json:"cni,omitempty"`
}

// A Condition is one of an object's status.conditions.
type Condition struct {
	Type    string `json:"type"`
	Status  string `json:"status"` // True, False, Unknown
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`
}

// A Rule is one line of what decides where requests or packets may go.
type Rule struct {
	// Host and Path are what a request must be for, as they are written; empty for any.
	Host string `json:"host,omitempty"`
	Path string `json:"path,omitempty"`
	// Text says what else there is to it.
	Text string `json:"text,omitempty"`
	// To is the vertex of the Service that such requests go to, and Port which of
	// its ports, by name or number. The Service may not exist.
	To   string `json:"to,omitempty"`
	Port string `json:"port,omitempty"`
}

// A Fact is a name and a value, both to be shown as they are.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// A CNI is one call of a CNI plugin, ADD, as its specification has it
// (https://www.cni.dev/docs/spec/): what the plugin would be told, and would answer,
// for what the network did.
type CNI struct {
	Plugin string `json:"plugin"`
	// Config is the plugin's standard input, JSON; Args its environment, NAME=value each.
	Config string   `json:"config"`
	Args   []string `json:"args,omitempty"`
	Result string   `json:"result"` // JSON
}

// A Port is a Service's or a container's port.
type Port struct {
	Name     string `json:"name,omitempty"`
	Protocol string `json:"protocol"`
	Port     int    `json:"port"`
	Target   string `json:"target,omitempty"` // number or name
	NodePort int    `json:"nodePort,omitempty"`
}

// A Container is one container of a pod.
type Container struct {
	Name     string `json:"name"`
	Image    string `json:"image"`
	State    string `json:"state"` // running, waiting, terminated
	Reason   string `json:"reason,omitempty"`
	Message  string `json:"message,omitempty"`
	Ready    bool   `json:"ready"`
	Restarts int    `json:"restarts,omitempty"`
}

// An Edge joins two vertices. Its kind is one of
//
//	endpoint  a Service and what is behind one of its endpoints
//	backend   an Ingress or a route and a Service that it sends requests to
//	parent    a Gateway and a route that is attached to it
//	policy    a NetworkPolicy and a pod that it selects
type Edge struct {
	ID    string `json:"id"`
	Kind  string `json:"kind"`
	From  string `json:"from"`
	To    string `json:"to"`
	Ready bool   `json:"ready"`
}

// A Graph is the whole topology of a session, sorted by ID.
type Graph struct {
	Vertices []Vertex `json:"vertices"`
	Edges    []Edge   `json:"edges"`
}

// A Diff turns one Graph into the next: Put adds or replaces, Remove lists IDs.
type Diff struct {
	Put         []Vertex `json:"put,omitempty"`
	Remove      []string `json:"remove,omitempty"`
	PutEdges    []Edge   `json:"putEdges,omitempty"`
	RemoveEdges []string `json:"removeEdges,omitempty"`
}
