package traffic

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/podhop/podhop/engine/model"
)

const (
	// Timeout is how long one attempt may take: long enough for a dropped SYN to
	// be sent three times, short enough to wait for.
	Timeout = 5 * time.Second
	// BodyLimit is how much of an answer is kept, in bytes.
	BodyLimit = 4 << 10
)

// Dial opens a connection from the sender's network namespace; address is
// ip:port, never a name.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// Resolve turns a host name into an address, as the sender would see it.
type Resolve func(ctx context.Context, host string) (netip.Addr, error)

// Send makes one attempt and reports what the sender saw. It fails only where
// nothing was sent; a refusal or a time-out is an answer.
func Send(ctx context.Context, dial Dial, resolve Resolve, method string, t Target) (a model.Answer) {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	start := time.Now()
	deadline, _ := ctx.Deadline()
	defer func() { a.Duration = time.Since(start).Nanoseconds() }()

	addr, ok := t.Addr()
	if !ok {
		var err error
		if addr, err = resolve(ctx, t.Host); err != nil {
			a.Outcome, a.Error = "error", err.Error()
			return a
		}
	}
	a.Remote = netip.AddrPortFrom(addr, t.Port).String()
	connect := func(ctx context.Context) (net.Conn, error) {
		conn, err := dial(ctx, "tcp", a.Remote)
		if err == nil {
			a.Local = conn.LocalAddr().String()
		}
		return conn, err
	}
	var err error
	if t.URL == nil {
		err = probe(ctx, connect)
	} else {
		err = roundTrip(ctx, connect, method, t, &a)
	}
	if a.Outcome = Outcome(err); err != nil {
		a.Error = reason(err, deadline.Sub(start))
	}
	return a
}

// probe opens a connection and closes it again.
func probe(ctx context.Context, connect func(context.Context) (net.Conn, error)) error {
	conn, err := connect(ctx)
	if err != nil {
		return err
	}
	return conn.Close()
}

func roundTrip(ctx context.Context, connect func(context.Context) (net.Conn, error), method string, t Target, a *model.Answer) error {
	if method == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(ctx, method, t.URL.String(), nil)
	if err != nil {
		return err
	}
	req.Header.Set("User-Agent", "podhop")
	// A connection an attempt: its packets are the lesson. Redirects are answers.
	client := http.Client{
		Transport: &http.Transport{
			DisableKeepAlives: true,
			// Clusters sign their own certificates: the connection is made, and the
			// answer says what a browser would have complained of.
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return connect(ctx)
			},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	a.Status = resp.StatusCode
	if resp.TLS != nil {
		a.Certificate = certificate(resp.TLS, t.Host)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, BodyLimit))
	a.Body = string(body)
	return err
}

// certificate says whom a server's certificate is for, and whether it holds.
func certificate(c *tls.ConnectionState, host string) string {
	leaf := c.PeerCertificates[0]
	said := leaf.Subject.String()
	if len(leaf.DNSNames) > 0 {
		said += ", for " + strings.Join(leaf.DNSNames, ", ")
	}
	others := x509.NewCertPool()
	for _, i := range c.PeerCertificates[1:] {
		others.AddCert(i)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{DNSName: host, Intermediates: others}); err != nil {
		return said + "; not to be trusted: " + err.Error()
	}
	return said
}

// Outcome names what became of an attempt: answered, refused, unreachable,
// timeout or error.
func Outcome(err error) string {
	var timeout interface{ Timeout() bool }
	switch {
	case err == nil:
		return "answered"
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ECONNRESET):
		return "refused"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "unreachable"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded),
		errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	}
	return "error"
}

// reason drops the wrapping that only a Go programmer would want to read; within is how
// long there was to answer.
func reason(err error, within time.Duration) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno.Error()
	}
	if Outcome(err) == "timeout" {
		return "no answer within " + within.Round(100*time.Millisecond).String()
	}
	return err.Error()
}
