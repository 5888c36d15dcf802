// Package etcd connects to an etcd of which everything below one prefix is ours. It must not
// know what is kept there.
package etcd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
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
	// Endpoints are "ip:port".
	Endpoints          []string
	Prefix             string // ends in a slash
	Username, Password string
}

// Parse reads etcd://[USER:PASSWORD@]IP:PORT[,IP:PORT...][/PREFIX]. A port that is not named is
// 2379.
func Parse(text string) (p Place, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("must be etcd://IP:PORT, with more after commas, and with a /prefix if it is not %s: %w", strings.Trim(Prefix, "/"), err)
		}
	}()
	// net/url takes no list of hosts with ports: one stands for all of them.
	rest, ok := strings.CutPrefix(text, "etcd://")
	if !ok {
		return p, errors.New("it does not begin so")
	}
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
		if ip, err := netip.ParseAddr(host); err == nil {
			p.Endpoints = append(p.Endpoints, netip.AddrPortFrom(ip, 2379).String())
			continue
		}
		ap, err := netip.ParseAddrPort(host)
		if err != nil {
			return p, fmt.Errorf("%q is no IP address with a port", host)
		}
		p.Endpoints = append(p.Endpoints, ap.String())
	}
	return p, nil
}

// Open returns a client whose keys are all below the place's prefix, and which reaches the
// etcd by dial; nil: as any program does. It does not wait for the etcd: see Answers.
func Open(p Place, dial func(ctx context.Context, network, address string) (net.Conn, error)) (*clientv3.Client, error) {
	cfg := clientv3.Config{
		Endpoints: p.Endpoints, Username: p.Username, Password: p.Password, Logger: zap.NewNop(),
		DialTimeout: Timeout, DialKeepAliveTime: keepAliveTime, DialKeepAliveTimeout: keepAliveTimeout, PermitWithoutStream: true,
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
