// Package feed is a session's stream: one bounded log of messages that any
// number of viewers read at their own pace.
//
// A viewer is a place in the log and nothing more: no queue, no goroutine. So
// publishing never waits for anybody, a viewer who leaves has nothing to clean
// up, and one who comes back says where it was. A viewer who is behind the
// log's beginning gets a snapshot instead, and an honest count of the journeys
// that are in neither.
//
// The feed holds what a snapshot is made of (the graph, the recent journeys and
// events), because only who gives out sequence numbers can say what was true
// at one of them. It must know nothing of Kubernetes, the network or HTTP.
package feed
