package dns

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
	corelisters "k8s.io/client-go/listers/core/v1"
	discoverylisters "k8s.io/client-go/listers/discovery/v1"
)

const (
	// ttl is CoreDNS' own: short, for what it tells of changes often.
	ttl = 5
	// specification is what the zone says it keeps to.
	specification = "1.1.0"
	// maxAliases bounds a chain of ExternalNames that may lead in a circle.
	maxAliases = 8
)

// Config is what a Resolver answers from.
type Config struct {
	// Zone is the cluster's domain: "cluster.local".
	Zone           string
	Services       corelisters.ServiceLister
	EndpointSlices discoverylisters.EndpointSliceLister
	Namespaces     corelisters.NamespaceLister
	// Forward, if set, answers a message of one question about a name outside of the
	// cluster. Nil: such names are refused.
	Forward func(*dns.Msg) (*dns.Msg, error)
}

// A Resolver knows the names of one cluster. It is safe for concurrent use.
type Resolver struct {
	Config
	zone string // with its final dot
}

// NewResolver returns a Resolver.
func NewResolver(c Config) *Resolver {
	return &Resolver{Config: c, zone: dns.CanonicalName(c.Zone)}
}

// A Result is what there is to say to one question; records are in a fixed order.
type Result struct {
	Rcode                         int
	Answer, Authority, Additional []dns.RR
	// Outside is the name that somebody outside of the cluster has to be asked for:
	// that of the question, or the target of an ExternalName; "" for none.
	Outside string
}

// Resolve answers a question. Names outside of the cluster are refused: whether
// there is somebody to ask for them is a Server's matter.
func (r *Resolver) Resolve(q dns.Question) Result {
	if q.Qclass != dns.ClassINET {
		return Result{Rcode: dns.RcodeRefused}
	}
	var out Result
	for name := q.Name; len(out.Answer) < maxAliases; {
		e, ours := r.find(dns.CanonicalName(name))
		switch {
		case !ours && len(out.Answer) == 0:
			out.Rcode, out.Outside = dns.RcodeRefused, name
			return out
		case !ours: // an ExternalName: without a Forward its target is for the asker to look up
			out.Outside = name
			return out
		case !e.exists:
			out.Rcode, out.Authority = dns.RcodeNameError, []dns.RR{r.soa()}
			return out
		case e.alias != "":
			out.Answer = append(out.Answer, &dns.CNAME{Hdr: header(name, dns.TypeCNAME), Target: dns.Fqdn(e.alias)})
			if q.Qtype == dns.TypeCNAME {
				return out
			}
			name = dns.Fqdn(e.alias)
			continue
		}
		answer, additional := r.records(name, q.Qtype, e)
		if len(answer) == 0 {
			out.Authority = []dns.RR{r.soa()}
		}
		out.Answer, out.Additional = append(out.Answer, answer...), additional
		return out
	}
	return Result{Rcode: dns.RcodeServerFailure}
}

// records are those of one type that a name has.
func (r *Resolver) records(name string, qtype uint16, e entry) (answer, additional []dns.RR) {
	switch qtype {
	case dns.TypeA, dns.TypeAAAA:
		answer = addressRecords(name, e.addresses, func(t uint16) bool { return t == qtype })
	case dns.TypeSRV:
		for _, s := range e.servers {
			answer = append(answer, &dns.SRV{Hdr: header(name, dns.TypeSRV), Weight: uint16(max(1, 100/len(e.servers))), Port: s.port, Target: s.host})
			for _, rr := range addressRecords(s.host, s.addresses, func(uint16) bool { return true }) {
				if !slices.ContainsFunc(additional, func(o dns.RR) bool { return dns.IsDuplicate(o, rr) }) {
					additional = append(additional, rr)
				}
			}
		}
	case dns.TypePTR:
		for _, n := range e.names {
			answer = append(answer, &dns.PTR{Hdr: header(name, dns.TypePTR), Ptr: n})
		}
	case dns.TypeTXT:
		if e.text != "" {
			answer = append(answer, &dns.TXT{Hdr: header(name, dns.TypeTXT), Txt: []string{e.text}})
		}
	case dns.TypeSOA:
		if e.apex {
			answer = append(answer, r.soa())
		}
	case dns.TypeNS:
		if e.apex {
			answer = append(answer, &dns.NS{Hdr: header(name, dns.TypeNS), Ns: "ns.dns." + r.zone})
		}
	}
	return answer, additional
}

func addressRecords(name string, addresses []netip.Addr, wanted func(qtype uint16) bool) (all []dns.RR) {
	for _, a := range addresses {
		switch {
		case a.Is4() && wanted(dns.TypeA):
			all = append(all, &dns.A{Hdr: header(name, dns.TypeA), A: a.AsSlice()})
		case a.Is6() && wanted(dns.TypeAAAA):
			all = append(all, &dns.AAAA{Hdr: header(name, dns.TypeAAAA), AAAA: a.AsSlice()})
		}
	}
	return all
}

// soa goes with "no such name" and "no such record", and says how long that holds.
func (r *Resolver) soa() dns.RR {
	return &dns.SOA{Hdr: header(r.zone, dns.TypeSOA), Ns: "ns.dns." + r.zone, Mbox: "hostmaster." + r.zone,
		Serial: 1, Refresh: 7200, Retry: 1800, Expire: 86400, Minttl: ttl}
}

func header(name string, rrtype uint16) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: rrtype, Class: dns.ClassINET, Ttl: ttl}
}

// relative is a name's labels below the zone.
func (r *Resolver) relative(name string) (labels []string, ok bool) {
	if name == r.zone {
		return nil, true
	}
	rest, ok := strings.CutSuffix(name, "."+r.zone)
	if !ok {
		return nil, false
	}
	return strings.Split(rest, "."), true
}
