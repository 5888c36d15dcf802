package policy

import (
	"hash/fnv"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	v1 "k8s.io/api/core/v1"

	"github.com/podhop/podhop/engine/policy/note"
)

// Chains of every table; pods' and policies' are named after them.
const (
	forwardChain = "forward"    // the hook
	ingressChain = "to-pods"    // where what no egress policy holds up goes on
	comeFrom     = "from-pods"  // map: the chain of a source that egress policies isolate
	goTo         = "into-pods"  // map: the chain of a destination that ingress policies isolate
	selfSet      = "themselves" // isolated pods, each with itself
)

// A Table is one node's rules, as nftables would have them. The zero value is none.
type Table struct {
	Sets   []Set
	Chains []Chain // the first is the base chain
}

// A Set is a named set or, with Gotos, verdict map, of one family of addresses.
type Set struct {
	Name string
	Six  bool
	Type SetType
	// Elements by type: Ranges of addresses, Endpoints, Gotos.
	Ranges    []Range
	Endpoints []netip.AddrPort
	Gotos     []Goto
}

// SetType is what a Set's elements are.
type SetType int

// Types of sets.
const (
	Addresses SetType = iota // each Range is one address
	Blocks                   // intervals
	Pairs                    // source . destination, the same address twice
	Endpoints                // destination . port
	Gotos                    // address : goto chain
)

// A Goto is an element of a verdict map.
type Goto struct {
	Addr  netip.Addr
	Chain string
}

// A Chain is a chain and its rules.
type Chain struct {
	Name  string
	Rules []Rule
}

// A Rule is one rule: what it matches, all of it, and its verdict.
type Rule struct {
	Established bool
	Neighbours  bool   // neighbour discovery of IPv6
	Source      string // set that has the source
	Destination string // set that has the destination
	Pair        string // set of Pairs
	Endpoint    string // set of Endpoints
	Six         bool   // the sets are of IPv6
	Protocol    v1.Protocol
	First, Last uint16 // port; both 0 for any
	Verdict     string // accept, drop, jump, goto; "vmap" takes it from Target, a map
	Target      string
	Comment     string
}

// Node is a node's rules: the egress of its pods, and their ingress. It is the zero
// Table where no policy isolates any of them.
func (p *Plan) Node(node string) Table {
	b := builder{sets: map[string]bool{}, written: map[string]bool{}}
	var from, into []Goto
	var isolated []netip.Addr
	for _, q := range p.pods {
		if q.object.Spec.NodeName != node || len(q.ingress)+len(q.egress) == 0 {
			continue
		}
		isolated = append(isolated, q.ips...)
		if len(q.egress) > 0 {
			from = b.pod(from, q, note.Egress, q.egress)
		}
		if len(q.ingress) > 0 {
			into = b.pod(into, q, note.Ingress, q.ingress)
		}
	}
	if len(isolated) == 0 {
		return Table{}
	}
	forward := Chain{Name: forwardChain, Rules: []Rule{
		{Established: true, Verdict: "accept", Comment: "what was let through goes on, and is answered"},
	}}
	ingress := Chain{Name: ingressChain}
	for _, six := range []bool{false, true} {
		if all := filter(isolated, six); len(all) > 0 {
			if six {
				forward.Rules = append(forward.Rules, Rule{Neighbours: true, Verdict: "accept", Comment: "neighbours find each other"})
			}
			name := b.set(Set{Name: selfSet, Six: six, Type: Pairs, Ranges: ones(all)})
			forward.Rules = append(forward.Rules, Rule{Pair: name, Six: six, Verdict: "accept", Comment: "a pod always reaches itself"})
		}
	}
	for _, six := range []bool{false, true} {
		forward.Rules = b.vmap(forward.Rules, comeFrom, six, from, func(r *Rule, set string) { r.Source = set })
		ingress.Rules = b.vmap(ingress.Rules, goTo, six, into, func(r *Rule, set string) { r.Destination = set })
	}
	forward.Rules = append(forward.Rules, Rule{Verdict: "goto", Target: ingressChain})
	ingress.Rules = append(ingress.Rules, Rule{Verdict: "accept"})
	b.table.Chains = append([]Chain{forward, ingress}, b.table.Chains...)
	return b.table
}

type builder struct {
	table         Table
	sets, written map[string]bool // by name
}

// pod writes a pod's chain of one direction: through its policies' chains, or dropped.
func (b *builder) pod(to []Goto, q *pod, direction string, by []*policy) []Goto {
	prefix := map[string]string{note.Egress: "from-", note.Ingress: "to-"}[direction]
	c := Chain{Name: cutName(prefix + q.name)}
	if b.written[c.Name] { // by one of the same name, which is on its way out
		c.Name = cutName(c.Name + "-" + string(q.object.UID))
	}
	b.written[c.Name] = true
	end := note.Note{Direction: direction}
	for _, p := range by {
		end.Policies = append(end.Policies, p.name)
		if rules := p.rules(direction); len(rules) > 0 {
			c.Rules = append(c.Rules, Rule{Verdict: "jump", Target: b.policy(p, direction, rules)})
		}
	}
	c.Rules = append(c.Rules, Rule{Verdict: "drop", Comment: end.String()})
	b.table.Chains = append(b.table.Chains, c)
	for _, a := range q.ips {
		to = append(to, Goto{a, c.Name})
	}
	return to
}

// policy writes a policy's chain of one direction, once.
func (b *builder) policy(p *policy, direction string, rules []*rule) string {
	name := cutName(direction + "-" + p.name)
	if b.written[name] {
		return name
	}
	b.written[name] = true
	c := Chain{Name: name}
	for i, r := range rules {
		for _, six := range r.families() {
			k := Rule{Six: six, Protocol: r.port.protocol, First: r.port.first, Last: r.port.last, Comment: r.note.String(), Verdict: "accept"}
			if direction == note.Egress {
				// The destination may be a pod of this node, whose ingress is to be asked.
				k.Verdict, k.Target = "goto", ingressChain
			}
			if x := r.peer; x != nil {
				set := Set{Name: cutName(name + "-" + x.id), Six: six, Type: Addresses}
				if x.block {
					set.Type = Blocks
				}
				for _, q := range x.ranges {
					if q.First.Is6() == six {
						set.Ranges = append(set.Ranges, q)
					}
				}
				if direction == note.Egress {
					k.Destination = b.set(set)
				} else {
					k.Source = b.set(set)
				}
			}
			if r.port.isNamed {
				set := Set{Name: cutName(name + "-port-" + strconv.Itoa(i+1)), Six: six, Type: Endpoints}
				for _, e := range r.port.named {
					if e.Addr().Is6() == six {
						set.Endpoints = append(set.Endpoints, e)
					}
				}
				k.Endpoint = b.set(set)
			}
			c.Rules = append(c.Rules, k)
		}
	}
	b.table.Chains = append(b.table.Chains, c)
	return name
}

// families are those that a rule has to be written for: one, if no address matters.
func (r *rule) families() []bool {
	if r.peer == nil && !r.port.isNamed {
		return []bool{false}
	}
	has := func(six bool) bool {
		return (r.peer == nil || slices.ContainsFunc(r.peer.ranges, func(x Range) bool { return x.First.Is6() == six })) &&
			(!r.port.isNamed || slices.ContainsFunc(r.port.named, func(e netip.AddrPort) bool { return e.Addr().Is6() == six }))
	}
	switch {
	case !has(true):
		return []bool{false} // even if it admits nobody now: it is to be seen
	case !has(false):
		return []bool{true}
	}
	return []bool{false, true}
}

func (b *builder) vmap(rules []Rule, name string, six bool, all []Goto, put func(*Rule, string)) []Rule {
	set := Set{Name: name, Six: six, Type: Gotos}
	for _, g := range all {
		if g.Addr.Is6() == six {
			set.Gotos = append(set.Gotos, g)
		}
	}
	if len(set.Gotos) == 0 {
		return rules
	}
	r := Rule{Six: six, Verdict: "vmap"}
	put(&r, b.set(set))
	return append(rules, r)
}

// set adds a set, once, and gives its name.
func (b *builder) set(s Set) string {
	if s.Six {
		s.Name += "-6"
	}
	if !b.sets[s.Name] {
		b.sets[s.Name] = true
		b.table.Sets = append(b.table.Sets, s)
	}
	return s.Name
}

func filter(all []netip.Addr, six bool) (out []netip.Addr) {
	for _, a := range all {
		if a.Is6() == six {
			out = append(out, a)
		}
	}
	return out
}

// cutName keeps a name within what the kernel takes (NFT_NAME_MAXLEN is 256, nft
// itself reads 127), and apart from others that begin alike.
func cutName(name string) string {
	const limit = 100 // what is appended to chains' names for sets fits as well
	if len(name) <= limit {
		return name
	}
	h := fnv.New32a()
	h.Write([]byte(name))
	return strings.TrimRight(name[:limit-12], "-.") + "..." + strconv.FormatUint(uint64(h.Sum32()), 36)
}
