// Package record holds what the capture saw, as the kernel said it: frames,
// rule events and connections, undecoded where decoding costs. It is what
// recordings and golden tests are made of.
//
// It must know nothing of how records are captured, joined or explained.
package record

import "net/netip"

// A Batch is what one socket had to say at one time. Batches of one socket
// arrive in the kernel's order; batches of different sockets in any order.
type Batch struct {
	Frames      []Frame      `json:"frames,omitempty"`
	Rules       []Rule       `json:"rules,omitempty"`
	Connections []Connection `json:"connections,omitempty"`
	// Lost counts what the kernel threw away since the last batch.
	Lost []Lost `json:"lost,omitempty"`
}

// Lost counts records that were thrown away, and says by whom.
type Lost struct {
	Count  uint64 `json:"count"`
	Reason string `json:"reason"`
}

// Directions of a frame, from linux/if_packet.h: how the device's namespace saw it.
const (
	In      = "in"      // to us, broadcast or multicast
	Foreign = "foreign" // in, but addressed to another host: a bridge port, or flooded
	Out     = "out"
)

// A Frame is one packet seen at one device.
type Frame struct {
	// Time is the kernel's, in nanoseconds since the Unix epoch.
	Time int64 `json:"time"`
	// Namespace is the vertex whose network namespace the device is in.
	Namespace string `json:"namespace"`
	Device    Device `json:"device"`
	Direction string `json:"direction"`
	// Length is the frame's real length; Data its beginning, with the Ethernet
	// header where the device has one.
	Length int    `json:"length"`
	Data   []byte `json:"data"`
	// Bare says that Data starts with the IP header (tunnels without Ethernet).
	Bare bool `json:"bare,omitempty"`
	// BothEnds says that this is where a link's receiving end saw the packet, and that what
	// its sending end sent was not captured there, though that is captured: one sight
	// stands for both.
	BothEnds bool `json:"bothEnds,omitempty"`
}

// A Device is a network device, and what is at its other end.
type Device struct {
	Name string `json:"name"`
	// Peer is the vertex at the other end, PeerName the device's name there, where
	// they are known.
	Peer     string `json:"peer,omitempty"`
	PeerName string `json:"peerName,omitempty"`
	// Bridge is the bridge of its own namespace that it is a port of, if it is one.
	Bridge string `json:"bridge,omitempty"`
}

// Types of rule events, from linux/netfilter/nf_tables.h (enum nft_trace_types).
const (
	TypePolicy = "policy"
	TypeReturn = "return"
	TypeRule   = "rule"
)

// A Rule is one nftrace event: one rule, or one chain's policy, that had a
// verdict on a packet. They carry no time; those of one namespace are in order.
type Rule struct {
	Namespace string `json:"namespace"`
	// ID tells packets apart within a hook; it is not stable across hooks.
	ID     uint32 `json:"id"`
	Family string `json:"family"` // ip, ip6, inet, ...
	Table  string `json:"table"`
	Chain  string `json:"chain"`
	Handle uint64 `json:"handle,omitempty"` // unique in its table
	Type   string `json:"type"`
	// Verdict is accept, drop, continue, jump, goto, return ...; Target the chain
	// of a jump or goto.
	Verdict string `json:"verdict"`
	Target  string `json:"target,omitempty"`
	In      string `json:"in,omitempty"`  // device
	Out     string `json:"out,omitempty"` // device
	Mark    uint32 `json:"mark,omitempty"`
	// Conntrack is the connection's id, 0 if it has none yet.
	Conntrack uint32 `json:"conntrack,omitempty"`
	// Heard is when the event was read, in nanoseconds since the Unix epoch: later
	// than it happened, by how much is not known.
	Heard int64 `json:"heard,omitempty"`
	// Network and Transport are the headers, given once a base chain.
	Network   []byte `json:"network,omitempty"`
	Transport []byte `json:"transport,omitempty"`
}

// A Connection is one conntrack entry that came to be, or went.
type Connection struct {
	Namespace string `json:"namespace"`
	ID        uint32 `json:"id"`
	Gone      bool   `json:"gone,omitempty"`
	Protocol  uint8  `json:"protocol"`
	// Original is the first packet's tuple as it was sent; Reply is the answer's
	// as the node expects it: they differ from each other's reverse by NAT.
	Original Tuple `json:"original"`
	Reply    Tuple `json:"reply"`
}

// A Tuple is source and destination. ICMP's identifier stands for both ports.
type Tuple struct {
	Source      netip.AddrPort `json:"source"`
	Destination netip.AddrPort `json:"destination"`
}

// Reverse is the answering direction.
func (t Tuple) Reverse() Tuple { return Tuple{Source: t.Destination, Destination: t.Source} }
