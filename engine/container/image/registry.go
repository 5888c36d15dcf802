package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Registries says how real registries are reached. A Store owns it.
type Registries struct {
	// Dir keeps the layers of pulled images, by digest.
	Dir string
	// MaxImageBytes bounds the compressed size of one image; the default is 1 GiB.
	MaxImageBytes int64
	// MaxBytes bounds Dir; layers not used for longest go first. The default is 10 GiB.
	MaxBytes int64
	// DialContext reaches registries; the default is net.Dialer's with
	// DialTimeout. A server without a network of its own gives another.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
	// DialTimeout bounds looking up and connecting; the default is 3 s, so that
	// a machine without a network says so soon.
	DialTimeout time.Duration
	// Stall ends a pull of which nothing arrives for so long; the default is a minute.
	Stall time.Duration
	// Mirrors maps a registry to another that is asked in its place.
	Mirrors map[string]string
	// Insecure lists registries spoken to in plain HTTP; loopback ones are always.
	Insecure []string

	transport http.RoundTripper
	room      sync.Mutex // guards Dir's size
	fetching  turns      // by digest
}

// maxDocument bounds manifests and configurations; containerd's bound for
// manifests is the same.
const maxDocument = 8 << 20

func (g *Registries) prepare() error {
	if g.MaxImageBytes == 0 {
		g.MaxImageBytes = 1 << 30
	}
	if g.MaxBytes == 0 {
		g.MaxBytes = 10 << 30
	}
	if g.DialTimeout == 0 {
		g.DialTimeout = 3 * time.Second
	}
	if g.Stall == 0 {
		g.Stall = time.Minute
	}
	dial := g.DialContext
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	g.transport = documents{&http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, g.DialTimeout)
			defer cancel()
			return dial(ctx, network, address)
		},
		TLSHandshakeTimeout:   2 * g.DialTimeout,
		ResponseHeaderTimeout: 10 * g.DialTimeout,
		IdleConnTimeout:       30 * time.Second,
		MaxIdleConnsPerHost:   4,
		ForceAttemptHTTP2:     true,
	}}
	if err := os.MkdirAll(g.Dir, 0o755); err != nil {
		return err
	}
	left, err := filepath.Glob(filepath.Join(g.Dir, "download-*")) // by a server that was killed
	for _, file := range left {
		err = errors.Join(err, os.Remove(file))
	}
	return err
}

// documents bounds what is read as a manifest.
type documents struct{ http.RoundTripper }

func (d documents) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := d.RoundTripper.RoundTrip(req)
	if err == nil && strings.Contains(req.URL.Path, "/manifests/") {
		res.Body = http.MaxBytesReader(nil, res.Body, maxDocument)
	}
	return res, err
}

// pull asks the registry for the manifest each time, with the caller's own
// credentials, and takes layers from Dir: what one session may not see, another's
// pull does not show it.
func (g *Registries) pull(ctx context.Context, r ref, auth Auth, progress Progress) (Image, error) {
	remoteRef, err := g.reference(r)
	if err != nil {
		return Image{}, fmt.Errorf("failed to parse reference %q: %w", r, ErrInvalidReference)
	}
	pulling, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	img, digest, err := g.resolve(pulling, cancel, remoteRef, auth)
	if err != nil {
		return Image{}, g.explain(pulling, r, auth, err)
	}
	out, err := fromV1(img)
	if err != nil {
		return Image{}, g.explain(pulling, r, auth, err)
	}
	// An image for several platforms goes by the digest of their list.
	out.Digest = digest
	if out.Size > g.MaxImageBytes {
		return Image{}, fmt.Errorf("failed to pull and unpack image %q: %w: %d MB compressed, and this server takes %d MB at most", r, ErrTooLarge, out.Size>>20, g.MaxImageBytes>>20)
	}
	if err := g.download(pulling, cancel, img, &out, progress); err != nil {
		return Image{}, g.explain(pulling, r, auth, err)
	}
	out.Source = "the registry " + r.host
	if mirror, ok := g.Mirrors[r.host]; ok {
		out.Source += " (by its mirror " + mirror + ")"
	}
	return r.names(out), nil
}

// resolve reads the manifest, which it checks against the digest that was asked
// for, if any.
func (g *Registries) resolve(ctx context.Context, cancel context.CancelCauseFunc, remoteRef name.Reference, auth Auth) (v1.Image, string, error) {
	stalled := time.AfterFunc(g.Stall, func() { cancel(errStalled) })
	defer stalled.Stop()
	authenticator := authn.Anonymous
	if auth != (Auth{}) {
		authenticator = authn.FromConfig(auth)
	}
	d, err := remote.Get(remoteRef, remote.WithContext(ctx), remote.WithTransport(g.transport), remote.WithAuth(authenticator),
		remote.WithPlatform(v1.Platform{OS: "linux", Architecture: runtime.GOARCH}), remote.WithUserAgent("podhop"),
		remote.WithRetryBackoff(remote.Backoff{Duration: 100 * time.Millisecond, Factor: 3, Steps: 2}),
		// Whom nobody answered tries again by the kubelet's back-off, not here.
		remote.WithRetryPredicate(func(err error) bool {
			return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET)
		}))
	if err != nil {
		return nil, "", err
	}
	img, err := d.Image()
	if err != nil && strings.Contains(err.Error(), "no child with platform") {
		return nil, "", fmt.Errorf("no match for platform in manifest %s: %w", d.Digest, ErrNotFound)
	}
	if err != nil {
		return nil, "", err
	}
	manifest, err := img.Manifest()
	if err != nil {
		return nil, "", fmt.Errorf("failed to decode manifest %s: %w", d.Digest, err)
	}
	if manifest.Config.Size > maxDocument {
		return nil, "", fmt.Errorf("manifest %s: %w: a configuration of %d bytes", d.Digest, ErrTooLarge, manifest.Config.Size)
	}
	_, err = img.RawConfigFile() // while somebody looks at the clock
	return img, d.Digest.String(), err
}

func (g *Registries) reference(r ref) (name.Reference, error) {
	host := r.host
	if mirror, ok := g.Mirrors[host]; ok {
		host = mirror
	} else if host == "docker.io" {
		host = name.DefaultRegistry
	}
	var options []name.Option
	for _, h := range g.Insecure {
		if h == host {
			options = append(options, name.Insecure)
		}
	}
	if r.digest != "" {
		return name.NewDigest(host+"/"+r.path+"@"+r.digest, options...)
	}
	return name.NewTag(host+"/"+r.path+":"+r.tag, options...)
}
