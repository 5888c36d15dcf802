package model

// A Journey is one packet's whole way, across NAT and nodes.
type Journey struct {
	ID string `json:"id"`
	// Conversation is shared by all packets of one connection, both directions,
	// before and after NAT.
	Conversation string `json:"conversation"`
	// Via is the conversation on whose behalf a proxy made this one, where one did.
	Via      string `json:"via,omitempty"`
	Reply    bool   `json:"reply"`    // from the answering side
	Protocol string `json:"protocol"` // TCP, UDP, ICMP, ...
	// Summary says what the packet is: "SYN", "GET /", "200 OK", "FIN ACK".
	Summary string `json:"summary"`
	// Application is what programs say with this packet: the messages whose beginning
	// became whole with it.
	Application []Application `json:"application,omitempty"`
	// From and To are vertex IDs where they are known: who sent it, who got it
	// (or where it ended).
	From string `json:"from"`
	To   string `json:"to"`
	// Source and Destination are address:port as the packet was sent.
	Source      string `json:"source"`
	Destination string `json:"destination"`
	// Verdict is delivered, dropped, rejected, or underway.
	Verdict string `json:"verdict"`
	// Start is in nanoseconds since the Unix epoch, Duration in nanoseconds.
	Start    int64 `json:"start"`
	Duration int64 `json:"duration"`
	Length   int   `json:"length"` // bytes, with the IP header
	Hops     []Hop `json:"hops"`
	// Advice is what would have let a packet through that a NetworkPolicy ended, the
	// smallest change first. Each was tried by the planner.
	Advice []Advice `json:"advice,omitempty"`
	// Why is why it did not arrive, or was denied, where it is one of the classic mistakes.
	Why *Why `json:"why,omitempty"`
	// Defect says that the kernel did otherwise than the policies' plan: a mistake
	// of Podhop's own.
	Defect string `json:"defect,omitempty"`
}

// An Application is a message of an application's protocol.
type Application struct {
	Protocol string `json:"protocol"` // DNS, HTTP, HTTP/2, TLS
	Answer   bool   `json:"answer,omitempty"`
	// Text is "GET /", "200 OK", "A web.default.svc.cluster.local", "10.96.41.7".
	Text string `json:"text"`
	// About is the text of what this answers, where it says so itself. HTTP's answers
	// come in the order of its requests.
	About string `json:"about,omitempty"`
}

// An Advice is a change that would let a packet through.
type Advice struct {
	Sentence string `json:"sentence"`
	// Command makes the change with kubectl, Manifest is a NetworkPolicy that makes it.
	Command  string `json:"command,omitempty"`
	Manifest string `json:"manifest,omitempty"`
}

// A Hop is one step of a journey: something the kernel was seen to do.
type Hop struct {
	// Time is in nanoseconds since the journey's start. The kernel gives rules'
	// hops none: theirs is that of the device before, and so too early by a little.
	Time  int64 `json:"time"`
	Place Place `json:"place"`
	// Header is the packet's header at this hop (after the decision, where there
	// is one); Before is what it was, where the hop changed it.
	Header   Header    `json:"header"`
	Before   *Header   `json:"before,omitempty"`
	Decision *Decision `json:"decision,omitempty"`
	// Sentence says in plain words what happened here.
	Sentence string `json:"sentence"`
}

// A Place is where a hop happened.
type Place struct {
	// Vertex is the ID of whose network namespace this is: "pod/default/shop",
	// "node/node-1", "client", "underlay".
	Vertex string `json:"vertex"`
	Device string `json:"device,omitempty"`
	// Peer is the vertex at the device's other end: a veth's pod, a bridge port's node.
	Peer string `json:"peer,omitempty"`
	// Hook is prerouting, input, forward, output or postrouting for a rule's hop.
	Hook string `json:"hook,omitempty"`
	// Direction is in or out, for a device's hop.
	Direction string `json:"direction,omitempty"`
}

// A Header is what a packet says of itself.
type Header struct {
	Source      string `json:"source"`      // address:port, or address
	Destination string `json:"destination"` // address:port, or address
	Protocol    string `json:"protocol"`
	Flags       string `json:"flags,omitempty"` // of TCP: "SYN ACK"
	TTL         int    `json:"ttl,omitempty"`
	Length      int    `json:"length,omitempty"`
	// Encap is the outer header of an encapsulated packet.
	Encap string `json:"encap,omitempty"`
}

// A Decision is what a rule did at a hop, and the object that it came from.
type Decision struct {
	// Kind is dnat, snat, masquerade, conntrack, policy, route, reject, drop, proxy or
	// fault: the last is one that was made on purpose, which lost the packet or held it.
	// conntrack is what the node's connection tracking rewrote without asking any
	// rule: all packets of a connection but the first, and the answers. proxy is what
	// the proxy of an Ingress or a Gateway decided: which rule of Object, which
	// endpoint, or to answer by itself.
	Kind  string `json:"kind"`
	Table string `json:"table,omitempty"`
	Chain string `json:"chain,omitempty"`
	// Rule is the rule's text in the node's own words, of a route that of `ip route`; of a
	// proxy, which rule of Object. Empty where it is not known.
	Rule string `json:"rule,omitempty"`
	// Object is the object that the rule stands for.
	Object *Object `json:"object,omitempty"`
	// Path is the field of Object that decided, where that is known: "spec.ingress[0].from[1]".
	Path string `json:"path,omitempty"`
	// Endpoint is the chosen endpoint's place among Endpoints, from 1; both 0
	// where there was nothing to choose.
	Endpoint  int `json:"endpoint,omitempty"`
	Endpoints int `json:"endpoints,omitempty"`
	// Sentence says it in plain words.
	Sentence string `json:"sentence"`
}

// An Object names an object of the session's API.
type Object struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	Port      string `json:"port,omitempty"` // of a Service: name or number
}
