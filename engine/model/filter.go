package model

// A JourneyFilter says which journeys are wanted. What is empty asks for all. But
// for Since, each may be a list, comma-separated, of which one must be met. How they
// are read, package engine/trace/filter says.
type JourneyFilter struct {
	Journey string // ID
	// Conversation is an ID; with it go those that a proxy had on its behalf.
	Conversation string
	// From and To are who asked and who was asked: of a reply, too.
	From, To string
	// Pod, Service and Policy had to do with it.
	Pod, Service, Policy string
	Node                 string // that it went through
	Verdict, Protocol    string
	// Since is a duration before now, or a time in RFC 3339.
	Since string
}

// A PacketFilter says which frames are wanted: of which journeys, and seen where.
type PacketFilter struct {
	Journeys func(*Journey) bool // nil: all
	Vertex   string              // in whose namespace, or at the other end of the device; empty: anywhere
	Device   string              // of Vertex; empty: all
}
