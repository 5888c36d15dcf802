// Package note is the comment of a policy's nftables rule: whose rule it is, in
// words that a trace can read back. Who writes rules and who explains packets both
// use it, so that neither must know the other.
package note

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Tables are the nftables tables whose rules have these comments. There is one at a
// time: the second only where many rules take the place of others.
var Tables = [2]string{"podhop-policy", "podhop-policy-2"}

// Is reports whether a table is one of them.
func Is(table string) bool { return table == Tables[0] || table == Tables[1] }

// Directions of a policy's rule.
const (
	Ingress = "ingress"
	Egress  = "egress"
)

// limit keeps a comment within the 256 bytes that the kernel gives a rule's user
// data (NFT_USERDATA_MAXLEN), with their header and closing zero.
const limit = 240

// A Note names what decided.
type Note struct {
	Direction string
	// Policies are "namespace/name": one that allows, or all that isolate the pod.
	Policies []string
	// Rule is the place among the policy's rules of the direction, from 1; 0 where
	// none of the policies' rules admitted the packet.
	Rule int
	// Peer is the place among that rule's peers, from 1; 0 where it names none.
	Peer   int
	Detail string // of an admitting rule: the peer and the port
}

// String is the comment. What is too long for the kernel is cut, and ends in "...".
func (n Note) String() string {
	if n.Rule > 0 {
		head := fmt.Sprintf(" %s rule %d", n.Direction, n.Rule)
		if n.Peer > 0 {
			head += fmt.Sprintf(" %s[%d]", n.peers(), n.Peer-1)
		}
		policy := cut(n.Policies[0], limit-len(head))
		s := policy + head
		if room := limit - len(s) - len(" ()"); n.Detail != "" && room > len("...") {
			s += " (" + cut(n.Detail, room) + ")"
		}
		return s
	}
	head, tail := "no "+n.Direction+" rule of ", " admits it"
	return head + cut(strings.Join(n.Policies, ", "), limit-len(head)-len(tail)) + tail
}

// Path is the field of the policy that decided, as the API's errors call fields: the
// peer that matched, or the rule if it names none; the whole direction where no rule did.
func (n Note) Path() string {
	path := "spec." + n.Direction
	if n.Rule > 0 {
		path += fmt.Sprintf("[%d]", n.Rule-1)
	}
	if n.Peer > 0 {
		path += fmt.Sprintf(".%s[%d]", n.peers(), n.Peer-1)
	}
	return path
}

// peers is the field that has a rule's peers.
func (n Note) peers() string {
	if n.Direction == Egress {
		return "to"
	}
	return "from"
}

func cut(s string, room int) string {
	if len(s) <= room {
		return s
	}
	return s[:room-len("...")] + "..."
}

var (
	admits   = regexp.MustCompile(`^(\S+/\S+) (ingress|egress) rule (\d+)(?: (?:from|to)\[(\d+)\])?(?: \((.*)\))?$`)
	isolates = regexp.MustCompile(`^no (ingress|egress) rule of (.+) admits it$`)
)

// Parse reads a comment back; false if it is another's.
func Parse(s string) (Note, bool) {
	if m := admits.FindStringSubmatch(s); m != nil {
		rule, err := strconv.Atoi(m[3])
		n := Note{Direction: m[2], Policies: m[1:2], Rule: rule, Detail: m[5]}
		if i, err := strconv.Atoi(m[4]); err == nil {
			n.Peer = i + 1
		}
		return n, err == nil && rule > 0
	}
	if m := isolates.FindStringSubmatch(s); m != nil {
		return Note{Direction: m[1], Policies: strings.Split(m[2], ", ")}, true
	}
	return Note{}, false
}
