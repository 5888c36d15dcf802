// Package note is the comment of a host port's nftables rule: whose port it is, in
// words that a trace can read back. Who writes rules and who explains packets both
// use it, so that neither must know the other.
package note

import "strings"

// Table is the name of a node's table, of the family inet, as portmap calls it.
const Table = "cni_hostport"

// limit keeps a comment within the 256 bytes that the kernel gives a rule's user
// data (NFT_USERDATA_MAXLEN), with their header and closing zero.
const limit = 240

const prefix = "hostPort of "

// Of is the comment of a rule for the pod namespace/name.
func Of(pod string) string {
	s := prefix + pod
	if len(s) > limit {
		s = s[:limit-len("...")] + "..."
	}
	return s
}

// Pod is the pod that a comment names; false if it is another's.
func Pod(comment string) (namespace, name string, ok bool) {
	pod, ok := strings.CutPrefix(comment, prefix)
	if !ok {
		return "", "", false
	}
	namespace, name, ok = strings.Cut(pod, "/")
	return namespace, name, ok
}
