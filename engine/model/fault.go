package model

// A Fault is something that was broken on purpose and stays so until it is undone.
type Fault struct {
	// ID is kind and target: "link.node.node-2", "link.pod.default.web-0", "link.client",
	// "cut.node.node-2", "stop.node.node-2", "dns".
	ID string `json:"id"`
	// Kind is link, cut (a node's link is down, and its kubelet cannot reach the API),
	// stop (its machine is off) or dns.
	Kind string `json:"kind"`
	// Target is the vertex that it is about.
	Target string `json:"target"`
	// Text says it: "30% loss, 200 ms", "cut off".
	Text     string        `json:"text"`
	Settings FaultSettings `json:"settings"`
}

// FaultSettings say how bad a Fault is; of cut and stop there are none.
type FaultSettings struct {
	// Direction of a link's: in is what goes to the target, out what comes from it, empty both.
	Direction string `json:"direction,omitempty"`
	// Loss is how many of a hundred packets are lost, or of questions to DNS.
	Loss float64 `json:"loss,omitempty"`
	// DelayMS is how long each packet is held, each way, or each answer of DNS, in
	// milliseconds; JitterMS is how much more or less.
	DelayMS  int `json:"delayMs,omitempty"`
	JitterMS int `json:"jitterMs,omitempty"`
	// RateKbit is how much passes each way, in thousand bits a second; 0 is no limit.
	RateKbit int `json:"rateKbit,omitempty"`
}

// A Kill asks for a container's first process to be killed, as by kill -9 on its node.
type Kill struct {
	// Pod is its vertex: "pod/default/web-0".
	Pod string `json:"pod"`
	// Container may be empty where only one runs.
	Container string `json:"container,omitempty"`
}
