// Package metrics is to a session what metrics-server is to a cluster: it reads
// what nodes and containers have used, and tells from two readings what they use.
//
// It reads only while somebody asks. Whoever asks after a rest waits for two
// readings that are a second apart, and from then on there is one every few
// seconds, until nobody has asked for a while: at rest there is no goroutine and
// nothing is kept.
//
// The package must not know kubelets, HTTP or that there is an API: it is given
// nodes to read, and is asked.
package metrics
