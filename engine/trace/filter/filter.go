package filter

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/podhop/podhop/engine/model"
)

// A Filter is one that is ready to be asked. It is safe for concurrent use.
type Filter struct {
	journey, conversation []string
	from, to              []party
	pod, service, policy  []party
	node                  []party
	verdict, protocol     []string
	since                 int64 // nanoseconds since the Unix epoch
}

// Verdicts are all that a journey may have.
func Verdicts() []string { return []string{"delivered", "dropped", "rejected", "underway"} }

// Protocols are those that may be named. The last three are what is inside; another
// of IP is its number.
func Protocols() []string {
	return []string{"TCP", "UDP", "SCTP", "ICMP", "ICMPv6", "IGMP", "ARP", "DNS", "HTTP", "TLS"}
}

// New reads a filter. Names are looked up in the graph, so that who is named is known
// by its addresses, too; what is not there is known by its name alone. It fails with a
// *model.FieldError.
func New(f model.JourneyFilter, g model.Graph, now time.Time) (*Filter, error) {
	out := &Filter{journey: list(f.Journey), conversation: list(f.Conversation)}
	for _, c := range []struct {
		text, kind string // of objects; empty: all that have addresses
		into       *[]party
	}{
		{f.From, "", &out.from}, {f.To, "", &out.to},
		{f.Pod, "pod", &out.pod}, {f.Service, "service", &out.service}, {f.Policy, "networkpolicy", &out.policy}, {f.Node, "node", &out.node},
	} {
		for _, word := range list(c.text) {
			*c.into = append(*c.into, newParty(word, c.kind, g))
		}
	}
	var err error
	if out.verdict, err = words("verdict", f.Verdict, Verdicts()); err != nil {
		return nil, err
	}
	if out.protocol, err = words("protocol", f.Protocol, Protocols()); err != nil {
		return nil, err
	}
	out.since, err = since(f.Since, now)
	return out, err
}

func list(text string) (all []string) {
	for word := range strings.SplitSeq(text, ",") {
		if word = strings.TrimSpace(word); word != "" {
			all = append(all, word)
		}
	}
	return all
}

// words are those of a list, as they are written among the known ones.
func words(field, text string, known []string) (all []string, err error) {
	for _, word := range list(text) {
		n := slices.IndexFunc(known, func(k string) bool { return strings.EqualFold(k, word) })
		if n >= 0 {
			all = append(all, known[n])
			continue
		}
		if _, err := strconv.ParseUint(word, 10, 8); err == nil && field == "protocol" {
			all = append(all, "IP protocol "+word)
			continue
		}
		detail := "must be " + strings.Join(known[:len(known)-1], ", ") + " or " + known[len(known)-1]
		if field == "protocol" {
			detail += ", or the number of one"
		}
		return nil, &model.FieldError{Field: field, Detail: fmt.Sprintf("%s, not %q", detail, word)}
	}
	return all, nil
}

func since(text string, now time.Time) (int64, error) {
	if text == "" {
		return 0, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t.UnixNano(), nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, &model.FieldError{Field: "since", Detail: fmt.Sprintf("must be how long ago, as 90s or 5m, or a time in RFC 3339, not %q", text)}
	}
	return now.Add(-d).UnixNano(), nil
}

// Matches tells whether a journey is wanted.
func (f *Filter) Matches(j *model.Journey) bool {
	return j.Start >= f.since &&
		(len(f.journey) == 0 || slices.Contains(f.journey, j.ID)) &&
		(len(f.conversation) == 0 || slices.Contains(f.conversation, j.Conversation) || slices.Contains(f.conversation, j.Via)) &&
		(len(f.verdict) == 0 || slices.Contains(f.verdict, j.Verdict)) &&
		(len(f.protocol) == 0 || slices.ContainsFunc(f.protocol, func(p string) bool { return speaks(j, p) })) &&
		meets(f.from, j, party.asked) && meets(f.to, j, party.wasAsked) &&
		meets(f.pod, j, party.tookPart) && meets(f.service, j, party.stoodFor) && meets(f.policy, j, party.decided) && meets(f.node, j, party.passed)
}

func meets(all []party, j *model.Journey, how func(party, *model.Journey) bool) bool {
	return len(all) == 0 || slices.ContainsFunc(all, func(p party) bool { return how(p, j) })
}

// speaks tells whether a packet is of a protocol: its own, or that of what programs say
// with it, or what its summary names.
func speaks(j *model.Journey, protocol string) bool {
	if slices.ContainsFunc(j.Application, func(a model.Application) bool {
		return a.Protocol == protocol || strings.HasPrefix(a.Protocol, protocol+"/")
	}) {
		return true
	}
	word, rest, _ := strings.Cut(j.Summary, " ")
	switch protocol {
	case "ICMP":
		return j.Protocol == "ICMP" || j.Protocol == "ICMPv6"
	case "DNS", "TLS":
		return word == protocol
	case "HTTP":
		status, err := strconv.ParseUint(word, 10, 16)
		return j.Protocol == "TCP" && (err == nil && status >= 100 && status < 600 && rest != "bytes" || strings.HasPrefix(rest, "/") || rest == "*")
	}
	return strings.EqualFold(j.Protocol, protocol)
}

// addrOf is the address in "address:port" or "address".
func addrOf(text string) (netip.AddrPort, bool) {
	if ap, err := netip.ParseAddrPort(text); err == nil {
		return ap, true
	}
	a, err := netip.ParseAddr(text)
	return netip.AddrPortFrom(a, 0), err == nil
}
