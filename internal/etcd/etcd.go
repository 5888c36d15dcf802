// Package etcd connects to an etcd of which everything below one prefix is ours. It must not
// know what is kept there.
package etcd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/namespace"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	// Timeout is how long an etcd may take to answer: its own 5 seconds, and two elections.
	Timeout = 7 * time.Second
	// Prefix is where our keys are unless the URL says otherwise.
	Prefix = "/podhop/"

	keepAliveTime, keepAliveTimeout = 10 * time.Second, 5 * time.Second
)

// A Place is an etcd, and where in it.
type Place struct {
	// Endpoints are "ip:port" or "name:port".
	Endpoints          []string
	Prefix             string // ends in a slash
	Username, Password string
	// Secure says that it is reached over TLS, which TLS may say more of: what is nil there is
	// as any client has it. An etcd is known by the name or the address of its endpoint.
	Secure bool
	TLS    *tls.Config
}

// Parse reads etcd://[USER:PASSWORD@]HOST[:PORT][,HOST[:PORT]...][/PREFIX], and etcds:// for TLS.
// A port that is not named is 2379.
func Parse(text string) (p Place, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("must be etcd://HOST:PORT, or etcds:// over TLS, with more after commas, and with a /prefix if it is not %s: %w", strings.Trim(Prefix, "/"), err)
		}
	}()
	// net/url takes no list of hosts with ports: one stands for all of them.
	scheme, rest, _ := strings.Cut(text, "://")
	if scheme != "etcd" && scheme != "etcds" {
		return p, errors.New("it does not begin so")
	}
	p.Secure = scheme == "etcds"
	hosts, path, _ := strings.Cut(rest, "/")
	at := strings.LastIndex(hosts, "@") + 1
	u, err := url.Parse("etcd://" + hosts[:at] + "host/" + path)
	if err != nil {
		return p, errors.New("it is no URL") // whose error would tell the password
	}
	if u.RawQuery != "" || u.Fragment != "" {
		return p, errors.New("there is something behind the prefix")
	}
	p.Username = u.User.Username()
	p.Password, _ = u.User.Password()
	p.Prefix = "/" + strings.Trim(u.Path, "/") + "/"
	if p.Prefix == "//" {
		p.Prefix = Prefix
	}
	for _, host := range strings.Split(hosts[at:], ",") {
		endpoint, err := endpointOf(host)
		if err != nil {
			return p, err
		}
		p.Endpoints = append(p.Endpoints, endpoint)
	}
	return p, nil
}

// isName is a host's name (RFC 1123).
var isName = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?)*\.?$`)

// endpointOf completes an address or a name with a port.
func endpointOf(text string) (string, error) {
	host, port := text, "2379"
	if ip, err := netip.ParseAddr(text); err == nil {
		return netip.AddrPortFrom(ip, 2379).String(), nil
	}
	if h, p, err := net.SplitHostPort(text); err == nil {
		host, port = h, p
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return "", fmt.Errorf("%q has no port", text)
	}
	if _, err := netip.ParseAddr(host); err != nil && (len(host) > 253 || !isName.MatchString(host) || digits.MatchString(host)) {
		return "", fmt.Errorf("%q is no address and no name", text)
	}
	return net.JoinHostPort(host, port), nil
}

// digits are no name, but an address with something wrong.
var digits = regexp.MustCompile(`^[0-9.]+$`)

// Open returns a client whose keys are all below the place's prefix, and which reaches the
// etcd by dial; nil: as any program does. It does not wait for the etcd: see Answers.
func Open(p Place, dial func(ctx context.Context, network, address string) (net.Conn, error)) (*clientv3.Client, error) {
	cfg := clientv3.Config{
		Endpoints: p.Endpoints, Username: p.Username, Password: p.Password, Logger: zap.NewNop(),
		DialTimeout: Timeout, DialKeepAliveTime: keepAliveTime, DialKeepAliveTimeout: keepAliveTimeout, PermitWithoutStream: true,
	}
	if p.Secure {
		if cfg.TLS = p.TLS; cfg.TLS == nil {
			cfg.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
		}
	}
	if dial != nil {
		cfg.DialOptions = []grpc.DialOption{grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
			return dial(ctx, "tcp", address)
		})}
	}
	c, err := clientv3.New(cfg)
	if err != nil {
		return nil, Plain(err)
	}
	c.KV = namespace.NewKV(c.KV, p.Prefix)
	c.Watcher = namespace.NewWatcher(c.Watcher, p.Prefix)
	c.Lease = namespace.NewLease(c.Lease, p.Prefix)
	return c, nil
}

// Answers fails if the etcd does not, in time.
func Answers(ctx context.Context, c *clientv3.Client) error {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	_, err := c.Get(ctx, "answers")
	return Plain(err)
}

// Refused tells whether an error says that nothing was written and that asking again would
// not help.
func Refused(err error) bool {
	switch Plain(err) {
	case rpctypes.ErrRequestTooLarge, rpctypes.ErrNoSpace, rpctypes.ErrTooManyOps, rpctypes.ErrPermissionDenied, rpctypes.ErrDuplicateKey,
		rpctypes.ErrEmptyKey, rpctypes.ErrAuthFailed:
		return true
	}
	return status.Code(err) == codes.InvalidArgument
}

// Plain is an error in etcd's words. One of an etcd that cannot be reached, or that does not
// answer in time, is etcd's own for that.
func Plain(err error) error {
	switch {
	case err == nil || errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, context.DeadlineExceeded) || status.Code(err) == codes.DeadlineExceeded:
		return rpctypes.ErrTimeout
	}
	var known rpctypes.EtcdError
	if err := rpctypes.Error(err); errors.As(err, &known) {
		return known
	}
	if status.Code(err) == codes.Unavailable {
		return fmt.Errorf("%w: %s", rpctypes.ErrTimeout, status.Convert(err).Message())
	}
	return err
}
