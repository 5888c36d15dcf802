package main

// nodeNetworkEdits let a kubelet act from its node's network namespace, which is
// not its process' own: kubelet.Dependencies gets a DialContext.
var nodeNetworkEdits = []edit{
	{
		File: "pkg/kubelet/kubelet.go",
		Why:  "how the node dials",
		Old:  "type Dependencies struct {\n	Options []Option\n",
		New:  "type Dependencies struct {\n	Options []Option\n\n	// DialContext dials from the node's network; the process' own if nil.\n	DialContext func(ctx context.Context, network, address string) (net.Conn, error)\n",
	}, {
		File: "pkg/kubelet/kubelet.go",
		Why:  "probes dial from the node",
		Old:  "			klet.runner,\n			kubeDeps.Recorder)",
		New:  "			klet.runner,\n			kubeDeps.Recorder,\n			ctx,\n			kubeDeps.DialContext)",
	}, {
		File: "pkg/kubelet/prober/prober_manager.go",
		Why:  "probes dial from the node",
		Old:  "	recorder record.EventRecorderLogger) Manager {\n\n	prober := newProber(runner, recorder)",
		New:  "	recorder record.EventRecorderLogger,\n	ctx context.Context,\n	dial probe.DialFunc) Manager {\n\n	prober := newProber(runner, recorder, dial)",
	}, {
		File: "pkg/kubelet/prober/prober_manager.go",
		Why:  "imports of the above",
		Old:  "	\"k8s.io/utils/clock\"\n",
		New:  "	\"k8s.io/kubernetes/pkg/probe\"\n	\"k8s.io/utils/clock\"\n",
	}, {
		File: "pkg/kubelet/prober/prober.go",
		Why:  "probes dial from the node",
		Old:  "	recorder record.EventRecorderLogger) *prober {\n",
		New:  "	recorder record.EventRecorderLogger,\n	dial probe.DialFunc) *prober {\n",
	}, {
		File: "pkg/kubelet/prober/prober.go",
		Why:  "probes dial from the node",
		Old:  "httpprobe.New(followNonLocalRedirects)",
		New:  "httpprobe.New(followNonLocalRedirects, dial)",
	}, {
		File: "pkg/kubelet/prober/prober.go",
		Why:  "probes dial from the node",
		Old:  "tcpprobe.New()",
		New:  "tcpprobe.New(dial)",
	}, {
		File: "pkg/kubelet/prober/prober.go",
		Why:  "probes dial from the node",
		Old:  "grpcprobe.New()",
		New:  "grpcprobe.New(dial)",
	}, {
		File: "pkg/probe/dialer_others.go",
		Why:  "the type of the above",
		Old:  "func ProbeDialer() *net.Dialer {",
		New:  "func ProbeDialer() *net.Dialer { return probeDialer() }\n\n// A DialFunc dials from where probes come from; nil is ProbeDialer().DialContext.\ntype DialFunc func(ctx context.Context, network, address string) (net.Conn, error)\n\n// Or is f, or the process' own if f is nil.\nfunc (f DialFunc) Or() DialFunc {\n	if f == nil {\n		return probeDialer().DialContext\n	}\n	return f\n}\n\nfunc probeDialer() *net.Dialer {",
	}, {
		File: "pkg/probe/dialer_others.go",
		Why:  "imports of the above",
		Old:  "import (\n",
		New:  "import (\n	\"context\"\n",
	}, {
		File: "pkg/probe/http/http.go",
		Why:  "HTTP probes dial from the node",
		Old:  "func New(followNonLocalRedirects bool) Prober {",
		New:  "func New(followNonLocalRedirects bool, dial probe.DialFunc) Prober {",
	}, {
		File: "pkg/probe/http/http.go",
		Why:  "HTTP probes dial from the node",
		Old:  "	return NewWithTLSConfig(tlsConfig, followNonLocalRedirects)",
		New:  "	return newWithDial(tlsConfig, followNonLocalRedirects, dial)",
	}, {
		File: "pkg/probe/http/http.go",
		Why:  "HTTP probes dial from the node",
		Old:  "func NewWithTLSConfig(config *tls.Config, followNonLocalRedirects bool) Prober {\n",
		New:  "func NewWithTLSConfig(config *tls.Config, followNonLocalRedirects bool) Prober {\n	return newWithDial(config, followNonLocalRedirects, nil)\n}\n\nfunc newWithDial(config *tls.Config, followNonLocalRedirects bool, dial probe.DialFunc) Prober {\n",
	}, {
		File: "pkg/probe/http/http.go",
		Why:  "HTTP probes dial from the node",
		Old:  "			DialContext: probe.ProbeDialer().DialContext,",
		New:  "			DialContext: dial.Or(),",
	}, {
		File: "pkg/probe/http/http.go",
		Why:  "HTTP probes dial from the node",
		Old:  "		DialContext:        probe.ProbeDialer().DialContext,",
		New:  "		DialContext:        dial.Or(),",
	}, {
		File: "pkg/probe/tcp/tcp.go",
		Why:  "TCP probes dial from the node",
		Old:  "func New() Prober {\n	return tcpProber{}\n",
		New:  "func New(dial probe.DialFunc) Prober {\n	return tcpProber{dial}\n",
	}, {
		File: "pkg/probe/tcp/tcp.go",
		Why:  "TCP probes dial from the node",
		Old:  "type tcpProber struct{}",
		New:  "type tcpProber struct{ dial probe.DialFunc }",
	}, {
		File: "pkg/probe/tcp/tcp.go",
		Why:  "TCP probes dial from the node",
		Old:  "	return DoTCPProbe(net.JoinHostPort(host, strconv.Itoa(port)), timeout)",
		New:  "	return doTCPProbe(pr.dial, net.JoinHostPort(host, strconv.Itoa(port)), timeout)",
	}, {
		File: "pkg/probe/tcp/tcp.go",
		Why:  "TCP probes dial from the node",
		Old:  "func DoTCPProbe(addr string, timeout time.Duration) (probe.Result, string, error) {\n	d := probe.ProbeDialer()\n	d.Timeout = timeout\n	conn, err := d.Dial(\"tcp\", addr)\n",
		New:  "func DoTCPProbe(addr string, timeout time.Duration) (probe.Result, string, error) {\n	return doTCPProbe(nil, addr, timeout)\n}\n\nfunc doTCPProbe(dial probe.DialFunc, addr string, timeout time.Duration) (probe.Result, string, error) {\n	ctx, cancel := context.WithTimeout(context.Background(), timeout)\n	defer cancel()\n	conn, err := dial.Or()(ctx, \"tcp\", addr)\n",
	}, {
		File: "pkg/probe/tcp/tcp.go",
		Why:  "imports of the above",
		Old:  "import (\n",
		New:  "import (\n	\"context\"\n",
	}, {
		File: "pkg/probe/grpc/grpc.go",
		Why:  "gRPC probes dial from the node",
		Old:  "type grpcProber struct {\n}",
		New:  "type grpcProber struct {\n	dial probe.DialFunc\n}",
	}, {
		File: "pkg/probe/grpc/grpc.go",
		Why:  "gRPC probes dial from the node",
		Old:  "func New() Prober {\n	return grpcProber{}\n",
		New:  "func New(dial probe.DialFunc) Prober {\n	return grpcProber{dial}\n",
	}, {
		File: "pkg/probe/grpc/grpc.go",
		Why:  "gRPC probes dial from the node",
		Old:  "probe.ProbeDialer().DialContext(ctx, \"tcp\", addr)",
		New:  "p.dial.Or()(ctx, \"tcp\", addr)",
	}, {
		File: "pkg/kubelet/kubelet.go",
		Why:  "life cycle hooks dial from the node, and keep no idle connection behind a stopped one",
		Old:  "			TLSClientConfig: &tls.Config{InsecureSkipVerify: true},\n		},\n		CheckRedirect",
		New:  "			TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},\n			DialContext:       kubeDeps.DialContext,\n			DisableKeepAlives: true,\n		},\n		CheckRedirect",
	}, {
		File: "pkg/kubelet/kubelet.go",
		Why:  "the node's address is on an interface of the node's namespace, not of the process'",
		Old:  "nodeIPValidator:              validateNodeIP,",
		New:  "nodeIPValidator:              func(net.IP) error { return nil },",
	},
}
