package policy

import (
	"fmt"
	"strings"

	"github.com/podhop/podhop/engine/policy/note"
)

// String is the table much as `nft list` prints it.
func (t Table) String() string {
	if len(t.Chains) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "table inet %s {\n", note.Tables[0])
	for _, s := range t.Sets {
		fmt.Fprintf(&b, "  %s\n", s)
	}
	for i, c := range t.Chains {
		fmt.Fprintf(&b, "  chain %s {\n", c.Name)
		if i == 0 {
			b.WriteString("    type filter hook forward priority filter; policy accept;\n")
		}
		for _, r := range c.Rules {
			fmt.Fprintf(&b, "    %s\n", r)
		}
		b.WriteString("  }\n")
	}
	b.WriteString("}\n")
	return b.String()
}

func (s Set) String() string {
	kind := "set"
	var all []string
	for _, r := range s.Ranges {
		if s.Type == Pairs {
			all = append(all, r.String()+" . "+r.String())
		} else {
			all = append(all, r.String())
		}
	}
	for _, e := range s.Endpoints {
		all = append(all, fmt.Sprintf("%s . %d", e.Addr(), e.Port()))
	}
	for _, g := range s.Gotos {
		kind = "map"
		all = append(all, fmt.Sprintf("%s : goto %s", g.Addr, g.Chain))
	}
	return fmt.Sprintf("%s %s { %s }", kind, s.Name, strings.Join(all, ", "))
}

func (r Rule) String() string {
	var f []string
	add := func(format string, args ...any) { f = append(f, fmt.Sprintf(format, args...)) }
	ip := "ip"
	if r.Six {
		ip = "ip6"
	}
	if r.Established {
		add("ct state established,related")
	}
	at := " @"
	if r.Verdict == "vmap" {
		at = " vmap @"
	}
	if r.Source != "" {
		add("%s saddr%s%s", ip, at, r.Source)
	}
	if r.Destination != "" {
		add("%s daddr%s%s", ip, at, r.Destination)
	}
	if r.Pair != "" {
		add("%s saddr . %s daddr @%s", ip, ip, r.Pair)
	}
	protocol := strings.ToLower(string(r.Protocol))
	switch {
	case r.Endpoint != "":
		add("%s daddr . %s dport @%s", ip, protocol, r.Endpoint)
	case r.Protocol == "":
	case r.Last == 0:
		add("meta l4proto %s", protocol)
	case r.First == r.Last:
		add("%s dport %d", protocol, r.First)
	default:
		add("%s dport %d-%d", protocol, r.First, r.Last)
	}
	if r.Verdict != "vmap" {
		add("%s", strings.TrimSpace(r.Verdict+" "+r.Target))
	}
	if r.Comment != "" {
		add("comment %q", r.Comment)
	}
	return strings.Join(f, " ")
}
