package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/podhop/podhop/engine"
	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/nsexec"
	"github.com/podhop/podhop/lessons"
	"github.com/podhop/podhop/lessons/reload"
	"github.com/podhop/podhop/server"
	"github.com/podhop/podhop/server/connections"
	"github.com/podhop/podhop/server/keep"
	"github.com/podhop/podhop/server/shelf"
	"github.com/podhop/podhop/web"
)

// serveConfig is what the flags of serve say.
type serveConfig struct {
	listen, listenAPI string
	apiServer, hosts  string
	user              string
	hosting           hosting
	tls               pageTLS
	keep              bool
	engine            engine.Config
	folders           folders // of lessons
	people            peopleConfig
	store             storeConfig
	host              hostConfig
	otlp              otlpConfig
	lessons           *reload.Lessons
}

func (c *serveConfig) register(fs *flag.FlagSet) {
	registerConfig(fs)
	fs.StringVar(&c.listen, "listen", ":8080", "`address` of the page and its API")
	fs.StringVar(&c.listenAPI, "listen-api", ":8443", "`address` of the Kubernetes API, over TLS, for kubectl")
	fs.StringVar(&c.apiServer, "api-server", "", "`URL` under which kubectl reaches --listen-api (default: this machine as the browser named it)")
	registerHosting(fs, &c.hosting)
	registerPageTLS(fs, &c.tls)
	fs.StringVar(&c.hosts, "hosts", "", "further `names`, comma-separated, by which kubectl may reach this machine")
	fs.StringVar(&c.user, "user", "", "`name`, UID or UID:GID of who the server is, if root starts it: ports are opened and cgroups made by root, --data is given over, and nothing stays root (default: it stays root)")
	fs.StringVar(&c.engine.DNSUpstream, "dns-upstream", "", "`address` of a resolver, IP[:PORT], asked over TCP for names outside of the clusters (default: such names are refused)")
	registerLessons(fs, &c.folders)
	registerStore(fs, &c.store)
	registerHost(fs, &c.host)
	fs.BoolVar(&c.keep, "keep-sessions", true, "keep sessions in --data while they last, so that they go on after a restart")
	registerPeople(fs, &c.people)
	registerOTLP(fs, &c.otlp)
	registerEngine(fs, &c.engine)
}

// registerEngine adds the flags that serve and bench share.
func registerEngine(fs *flag.FlagSet, c *engine.Config) {
	fs.StringVar(&c.Data, "data", "data", "`folder` for what must outlast the server")
	fs.IntVar(&c.Nodes, "nodes", 3, "`number` of nodes of a session, 1 to 5; this and the next two are for sessions that do not say otherwise")
	fs.StringVar(&c.CNI, "cni", "routed", "how pods of a session are joined to each other: routed, bridge or vxlan")
	fs.BoolVar(&c.DualStack, "dual-stack", false, "give sessions IPv6 beside IPv4")
	fs.StringVar(&c.OCIRuntime, "oci-runtime", "crun", "`program` that runs containers")
	fs.DurationVar(&c.Lifetime, "lifetime", 2*time.Hour, "how long a session lasts")
	fs.DurationVar(&c.Extension, "session-extend", time.Hour, "how much longer a learner makes their session at a time")
	fs.DurationVar(&c.MaxLifetime, "max-lifetime", 0, "how long a session lasts at most, extended (default four times --lifetime)")
	fs.Func("node-memory", "how much `memory` the pods of each node may use together, as 512Mi or 4Gi (default 2Gi)", func(text string) error {
		q, err := resource.ParseQuantity(text)
		if err == nil && q.Value() < 256<<20 {
			err = errors.New("must be at least 256Mi") // the kubelet keeps 100Mi free
		}
		c.NodeMemory = q.Value()
		return err
	})
	registerShare(fs, c)
	fs.IntVar(&c.MaxSessions, "max-sessions", 300, "`number` of sessions at once")
	registerImages(fs, c)
}

// complete checks what flags cannot, and fills in what depends on others.
func completeEngine(c *engine.Config) error {
	if field := new(model.FieldError); c.Nodes == 0 {
		return errors.New("--nodes must be between 1 and 5, not 0")
	} else if _, err := c.Options(model.SessionOptions{}); errors.As(err, &field) {
		return fmt.Errorf("--%s %s", map[string]string{"nodes": "nodes", "cni": "cni", "dualStack": "dual-stack"}[field.Field], field.Detail)
	}
	if c.MaxSessions < 1 {
		return fmt.Errorf("--max-sessions %d: must be at least 1", c.MaxSessions)
	}
	switch {
	case c.Lifetime <= 0:
		return fmt.Errorf("--lifetime %v: must be more than nothing", c.Lifetime)
	case c.Extension < 0:
		return fmt.Errorf("--session-extend %v: must not be negative", c.Extension)
	case c.MaxLifetime != 0 && c.MaxLifetime < c.Lifetime:
		return fmt.Errorf("--max-lifetime %v: must not be less than --lifetime, which is %v", c.MaxLifetime, c.Lifetime)
	}
	var err error
	if c.Data, err = filepath.Abs(c.Data); err != nil {
		return err
	}
	if c.Images == "" {
		c.Images = filepath.Join(c.Data, "images")
	}
	if c.Images, err = filepath.Abs(c.Images); err != nil {
		return err
	}
	return os.MkdirAll(c.Data, 0o755)
}

// serve runs the playground. It is called twice: outside, where it opens the
// listeners and starts this program again in namespaces of its own, and inside.
func serve(ctx context.Context, env *environment, args []string) error {
	var cfg serveConfig
	fs := env.flags("serve")
	cfg.register(fs)
	if err := env.parse(fs, args); err != nil {
		return err
	}
	if err := completeEngine(&cfg.engine); err != nil {
		return err
	}
	if cfg.keep {
		cfg.engine.Sessions = filepath.Join(cfg.engine.Data, "sessions")
	}
	if err := errors.Join(cfg.hosting.check(), cfg.tls.open()); err != nil {
		return err
	}
	log, err := cfg.hosting.logger(env.stderr)
	if err != nil {
		return err
	}
	if cfg.engine.DNSUpstream, err = resolver(cfg.engine.DNSUpstream); err != nil {
		return err
	}
	if err := cfg.store.read(); err != nil {
		return err
	}
	if cfg.store.shared() {
		if err := cfg.host.complete(); err != nil {
			return err
		}
	}
	if err := errors.Join(cfg.people.read(), cfg.otlp.read()); err != nil {
		return err
	}
	opened, err := cfg.folders.open()
	if err != nil {
		return err
	}
	if !nsexec.Inside() {
		return superviseServe(cfg, log)
	}
	everywhere(log)
	cfg.engine.Log = log
	cfg.lessons = reload.New(reload.Config{Own: lessons.Content(), Folders: opened, Formats: formats(), Log: cfg.engine.Log})
	return inside(func(world *nsexec.Environment) error {
		cfg.engine.World = world
		return serveInside(ctx, env, cfg)
	})
}

// resolver completes the flag --dns-upstream to "ip:port".
func resolver(address string) (string, error) {
	if address == "" {
		return "", nil
	}
	if ip, err := netip.ParseAddr(address); err == nil {
		return netip.AddrPortFrom(ip, 53).String(), nil
	}
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return "", fmt.Errorf("--dns-upstream %s: must be an IP address, with a port if it is not 53", address)
	}
	return ap.String(), nil
}

func superviseServe(cfg serveConfig, log *slog.Logger) error {
	outside := nsexec.SuperviseConfig{Listeners: map[string]string{"page": cfg.listen, "api": cfg.listenAPI}, Reach: cfg.reach()}
	if err := cfg.supervisedAs(&outside, log); err != nil {
		return err
	}
	if cfg.store.shared() {
		outside.Listeners["peers"] = cfg.host.listen
	}
	if cfg.tls.plain != "" {
		outside.Listeners["plain"] = cfg.tls.plain
	}
	code, err := nsexec.Supervise(outside)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) && errors.Is(err, syscall.EADDRINUSE) {
			return fmt.Errorf("%s is in use already: choose another with --listen, --listen-api or --listen-http", op.Addr)
		}
		return err
	}
	if code != 0 {
		return fmt.Errorf("the server ended with code %d", code)
	}
	return nil
}

// inside furnishes the namespaces, calls fn, and collects orphans meanwhile.
func inside(fn func(*nsexec.Environment) error) error {
	world, err := nsexec.Enter()
	if err != nil {
		return err
	}
	if _, told := os.LookupEnv("GOMAXPROCS"); !told {
		// On few cores goroutines that compute keep those that wait for the network waiting for
		// ten milliseconds at a time; between threads the kernel divides the cores better.
		runtime.GOMAXPROCS(max(4, runtime.GOMAXPROCS(0)))
	}
	world.Run(func() int {
		err = fn(world)
		return 0
	})
	return err
}

func serveInside(ctx context.Context, env *environment, cfg serveConfig) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	page, err := nsexec.Listener("page")
	if err != nil {
		return err
	}
	api, err := nsexec.Listener("api")
	if err != nil {
		return err
	}
	var site *site // nil without others
	if cfg.store.shared() {
		if site, err = openSite(ctx, &cfg); err != nil {
			return err
		}
		defer site.close()
	}
	certificates, err := certify(&cfg.engine, names(cfg.hosts)...)
	if err != nil {
		return err
	}
	sendTraces, err := openTraces(ctx, env.version, &cfg)
	if err != nil {
		return err
	}
	defer sendTraces()
	eng, err := engine.New(ctx, cfg.engine)
	if err != nil {
		return err
	}
	if site != nil {
		site.join(eng, cfg, env.version)
	}
	documents, err := openDocuments(ctx, cfg)
	if err != nil {
		return errors.Join(err, eng.Close())
	}
	defer documents.Close()
	srv, err := newServer(env, cfg, eng, site, documents, certificates, api.Addr())
	if err != nil {
		return errors.Join(err, eng.Close())
	}
	// Streams and watches end with the engine, so that it closes first.
	serving, stopServing := context.WithCancel(context.Background())
	defer stopServing()
	drained := make(chan error, 1)
	context.AfterFunc(ctx, func() {
		defer stopServing()
		drained <- cfg.hosting.drain(cfg.engine.Log, srv.Drain, site.closing(eng, cfg.hosting.drainBy))
	})
	if site != nil {
		if err := site.lead(serving, srv, portOf(api.Addr())); err != nil {
			return errors.Join(err, eng.Close())
		}
	}
	go cfg.lessons.Run(serving)
	fmt.Fprintf(env.stdout, "podhop is ready at %s\n", cfg.url(page.Addr()))
	if err = srv.Serve(serving, page, api); ctx.Err() == nil {
		return errors.Join(err, eng.Close())
	}
	return errors.Join(err, <-drained)
}

// certify has the sessions' API servers show certificates of the data folder's authority,
// which are also good for more names of this machine.
func certify(c *engine.Config, more ...string) (*server.Certificates, error) {
	certificates, err := server.LoadCertificates(filepath.Join(c.Data, "certificates"), more...)
	if err != nil {
		return nil, err
	}
	c.RootCA = certificates.CA()
	c.APIServerTLS, err = certificates.ServingFor(engine.APIServerNames()...)
	return certificates, err
}

// newServer puts pages, lessons and engine behind HTTP.
func newServer(env *environment, cfg serveConfig, eng *engine.Engine, site *site, documents keep.Store, certificates *server.Certificates, api net.Addr) (*server.Server, error) {
	recordings, err := shelf.Open(shelf.Config{Dir: filepath.Join(cfg.engine.Data, "recordings")})
	if err != nil {
		return nil, err
	}
	to := server.Config{
		Engine:    server.Adapt(eng.Open, site.find(eng), eng.Sessions, eng.StartOver, eng.Fork),
		Pages:     web.New(web.Config{Lessons: cfg.lessons.Library, Mistakes: cfg.lessons.Mistakes, Logger: cfg.engine.Log}),
		Lesson:    cfg.lessons.Lesson,
		APIServer: cfg.apiServer, Base: cfg.hosting.base, TLSPort: portOf(api), Certificates: certificates,
		Ready: append(readiness(&cfg.engine, eng), site.ready()...), Collectors: gauges(&cfg.engine, eng),
		Recordings: recordings, Store: documents, Operator: eng, Traces: cfg.engine.Traces,
		Version: env.version, Log: cfg.engine.Log,
	}
	if err := cfg.people.apply(context.Background(), cfg.engine.Data, documents, &to); err != nil {
		return nil, err
	}
	to.Connections = connections.New(cfg.people.connections.config(cfg.engine.World.OpenFiles, cfg.people.trusted, cfg.engine.Log))
	var shared keep.Store
	if site != nil {
		shared = documents
	}
	if err := cfg.tls.apply(cfg.engine.Data, shared, &to); err != nil {
		return nil, err
	}
	srv, err := server.New(to)
	if err == nil {
		eng.OnBreach(srv.Breach)
		eng.OnRefusal(srv.Refused)
	}
	return srv, err
}

func portOf(a net.Addr) int {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.Port
	}
	return 0
}

// url is the address that a person types for the page.
func (c *serveConfig) url(addr net.Addr) string {
	u := browserURL(addr) + c.hosting.base
	if c.tls.on() {
		u = "https" + strings.TrimPrefix(u, "http")
	}
	return u
}

// browserURL is the address that a person types for a listener's.
func browserURL(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return addr.String()
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// names splits the flag --hosts.
func names(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}
