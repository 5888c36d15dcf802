package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/trace/filter"
	"github.com/podhop/podhop/server/client"
)

// A tracing is what the flags of trace say.
type tracing struct {
	session, server     string
	recording           string // a file
	output, file, color string
	follow, brief       bool
	vertex, device      string
	filter              model.JourneyFilter

	env  *environment
	now  time.Time // since which recent is counted
	from *client.Session
	out  io.Writer
}

const traceUsage = `Usage: podhop trace --session URL|ID [flags]
       podhop trace --recording FILE [flags]

Prints the journeys of a session's packets: where each was seen, what it was and what
it became, which rule decided, and how it ended. Without --follow those that the session
keeps; only what passes while somebody watches or sends is captured, and --follow watches.

  podhop trace --session http://localhost:8080/s/ID
  podhop trace --session ID --from shop --to web --verdict dropped,rejected
  podhop trace --session ID --follow --brief --protocol DNS
  podhop trace --session ID --follow -o json | jq -r .summary
  podhop trace --session ID --follow -o pcapng | wireshark -k -i -
  podhop trace --session ID --vertex node/node-1 --device eth0 -o pcapng -w node-1.pcapng
  podhop trace --recording podhop-ID.podhop.json.gz --verdict dropped

From, to, pod, service, node and policy are a name in any namespace (shop) or in one (default/shop),
a vertex of the map (pod/default/shop, client), or a workload, whose pods are meant; the first
four also an address (10.244.1.2, 10.244.1.2:80, 10.244.0.0/16). In names, * stands for
anything. All filters must be met; of a list, separated by commas, one.

Wireshark takes flannel's VXLAN (--cni vxlan) for what it is if told: -d udp.port==8472,vxlan.

Flags, each of which is an environment variable, too (--session is PODHOP_SESSION):
`

func (t *tracing) register(fs *flag.FlagSet) {
	fs.StringVar(&t.session, "session", "", "`URL` of the session's page, or in the API, or its ID")
	fs.StringVar(&t.server, "server", "http://localhost:8080", "`URL` of the server, where --session is an ID")
	fs.StringVar(&t.recording, "recording", "", "`file` that a session was recorded to, instead of a session")
	fs.BoolVar(&t.follow, "follow", false, "go on with what passes from now on, until interrupted or the session ends")
	fs.BoolVar(&t.follow, "f", false, "the same as --follow")
	fs.StringVar(&t.output, "o", "text", "`format`: text, json (a journey a line, as the API has it) or pcapng (for Wireshark)")
	fs.StringVar(&t.file, "w", "", "`file` to write to, instead of to standard output")
	fs.BoolVar(&t.brief, "brief", false, "with -o text: one line a journey")
	fs.StringVar(&t.color, "color", "auto", "with -o text: `when` to use colours: always, never, or auto, on a terminal unless NO_COLOR is set")
	fs.StringVar(&t.filter.From, "from", "", "`who` asked; the answers are for them")
	fs.StringVar(&t.filter.To, "to", "", "`who` was asked: a pod, a Service, a node, an address")
	fs.StringVar(&t.filter.Pod, "pod", "", "`pod` at either end, or on the way")
	fs.StringVar(&t.filter.Service, "service", "", "`Service` that was asked for, by whatever address")
	fs.StringVar(&t.filter.Policy, "policy", "", "`NetworkPolicy` that admitted or dropped it")
	fs.StringVar(&t.filter.Node, "node", "", "`node` that it went through")
	fs.StringVar(&t.filter.Verdict, "verdict", "", "`how` it ended: delivered, dropped, rejected or underway")
	fs.StringVar(&t.filter.Protocol, "protocol", "", "`protocol`: TCP, UDP, SCTP, ICMP, ICMPv6, IGMP, ARP, the number of another, or DNS, HTTP, TLS inside")
	fs.StringVar(&t.filter.Journey, "journey", "", "`ID` of one journey, as j12")
	fs.StringVar(&t.filter.Conversation, "conversation", "", "`ID` of a conversation, as c3; with it go those that a proxy had on its behalf")
	fs.StringVar(&t.filter.Since, "since", "", "`time` after which it started: how long ago, as 90s or 5m, or in RFC 3339")
	fs.StringVar(&t.vertex, "vertex", "", "with -o pcapng: `where` a packet was seen: node/NAME, pod/NAMESPACE/NAME, client or underlay")
	fs.StringVar(&t.device, "device", "", "with -o pcapng: `device` of --vertex that it was seen at")
}

// trace prints journeys of a session, which is asked for over HTTP.
func trace(ctx context.Context, env *environment, args []string) error {
	t := &tracing{env: env, now: time.Now()}
	fs := env.flags("trace")
	t.register(fs)
	fs.Usage = func() {
		fmt.Fprint(fs.Output(), traceUsage)
		fs.PrintDefaults()
	}
	if err := env.parse(fs, args); err != nil {
		return err
	}
	if err := t.check(); err != nil {
		fmt.Fprintf(env.stderr, "podhop trace: %v\n", err)
		return errUsage
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	err := t.run(ctx)
	switch {
	case ctx.Err() != nil:
		return nil // that is how one ends it
	case errors.Is(err, client.ErrGone):
		fmt.Fprintln(env.stderr, "The session has ended.")
		return nil
	}
	return err
}

// check finds what was called wrongly, before anybody is asked.
func (t *tracing) check() (err error) {
	switch {
	case t.recording != "" && (t.follow || t.output == "pcapng"):
		return errors.New("--recording holds journeys that are over, and no packets: it goes with neither --follow nor -o pcapng")
	case t.recording == "" && t.session == "":
		return errors.New("--session must say which session: the address of its page, or its ID")
	}
	if t.recording == "" {
		if t.from, err = client.Find(t.session, t.server); errors.Is(err, client.ErrAddress) {
			return fmt.Errorf("--session %w", err)
		} else if err != nil {
			return fmt.Errorf("--server: %w", err)
		}
	}
	field := new(model.FieldError)
	if _, err := filter.New(t.filter, model.Graph{}, t.now); errors.As(err, &field) {
		return fmt.Errorf("--%s %s", field.Field, field.Detail)
	}
	switch t.color {
	case "always", "never", "auto":
	default:
		return fmt.Errorf("--color must be always, auto or never, not %q", t.color)
	}
	switch t.output {
	case "pcapng":
		if _, terminal := columns(t.env.stdout); terminal && t.file == "" {
			return errors.New("-o pcapng is not for a terminal: name a file with -w, or pipe it into wireshark -k -i -")
		}
		if t.device != "" && t.vertex == "" {
			return errors.New("--device must come with --vertex, whose device it is")
		}
	case "text", "json":
		if t.vertex != "" {
			return errors.New("--vertex and --device are for -o pcapng; --pod, --from and --to choose journeys")
		}
	default:
		return fmt.Errorf("-o must be text, json or pcapng, not %q", t.output)
	}
	return nil
}

func (t *tracing) run(ctx context.Context) (err error) {
	t.out = t.env.stdout
	if t.file != "" {
		f, err := os.Create(t.file)
		if err != nil {
			return err
		}
		defer func() {
			if cerr := f.Close(); err == nil {
				err = cerr
			}
		}()
		t.out = f
	}
	switch {
	case t.recording != "":
		return t.recorded()
	case t.output == "pcapng":
		return t.packets(ctx)
	case t.follow:
		return t.goOn(ctx)
	}
	return t.recent(ctx)
}
