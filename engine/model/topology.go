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

	IPs    []string          `json:"ips,omitempty"`
	Ports  []Port            `json:"ports,omitempty"`
	Labels map[string]string `json:"labels,omitempty"`

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
	// Wiring is how a pod was joined to the network, each step as the ip command
	// that would do the same.
	Wiring []string `json:"wiring,omitempty"`
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

// An Edge joins two vertices: a Service and the pod behind one of its endpoints.
type Edge struct {
	ID    string `json:"id"`
	Kind  string `json:"kind"` // endpoint
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
