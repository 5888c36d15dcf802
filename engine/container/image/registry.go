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
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
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
	// Mirrors maps a registry to another that is asked in its place.
	Mirrors map[string]string
	// Insecure lists registries spoken to in plain HTTP; loopback ones are always.
	Insecure []string

	transport http.RoundTripper
	mu        sync.Mutex // guards the downloads of layers and Dir's size
}

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
	dial := g.DialContext
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	g.transport = &http.Transport{
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
	}
	return os.MkdirAll(g.Dir, 0o755)
}

// pull asks the registry for the manifest each time, with the caller's own
// credentials, and takes layers from Dir: what one session may not see, another's
// pull does not show it.
func (g *Registries) pull(ctx context.Context, r ref, auth Auth) (Image, error) {
	remoteRef, err := g.reference(r)
	if err != nil {
		return Image{}, fmt.Errorf("failed to parse reference %q: %w", r, ErrInvalidReference)
	}
	authenticator := authn.Anonymous
	if auth != (Auth{}) {
		authenticator = authn.FromConfig(auth)
	}
	img, err := remote.Image(remoteRef, remote.WithContext(ctx), remote.WithTransport(g.transport), remote.WithAuth(authenticator),
		remote.WithPlatform(v1.Platform{OS: "linux", Architecture: runtime.GOARCH}), remote.WithUserAgent("podhop"),
		remote.WithRetryBackoff(remote.Backoff{Duration: 100 * time.Millisecond, Factor: 3, Steps: 2}),
		// Whom nobody answered tries again by the kubelet's back-off, not here.
		remote.WithRetryPredicate(func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) }))
	if err != nil {
		return Image{}, explain(ctx, r, err)
	}
	out, err := fromV1(img)
	if err != nil {
		return Image{}, explain(ctx, r, err)
	}
	if out.Size > g.MaxImageBytes {
		return Image{}, fmt.Errorf("failed to pull and unpack image %q: %w: %d MB compressed, and this server takes %d MB at most", r, ErrTooLarge, out.Size>>20, g.MaxImageBytes>>20)
	}
	layers, err := img.Layers()
	if err != nil {
		return Image{}, explain(ctx, r, err)
	}
	for i, l := range layers {
		if out.Layers[i].Open, err = g.download(l); err != nil {
			return Image{}, explain(ctx, r, err)
		}
	}
	out.Source = "the registry " + r.host
	if mirror, ok := g.Mirrors[r.host]; ok {
		out.Source += " (by its mirror " + mirror + ")"
	}
	return r.names(out), nil
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

// download keeps a layer's compressed form in Dir, and returns how to open it.
func (g *Registries) download(l v1.Layer) (func() (io.ReadCloser, error), error) {
	digest, err := l.Digest()
	if err != nil {
		return nil, err
	}
	size, err := l.Size()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(g.Dir, digest.Hex)
	open := func() (io.ReadCloser, error) { return openCompressed(file) }
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if os.Chtimes(file, now, now) == nil {
		return open, nil
	}
	if err := makeRoom(g.Dir, g.MaxBytes-size); err != nil {
		return nil, err
	}
	in, err := l.Compressed() // verifies digest and size as it is read
	if err != nil {
		return nil, err
	}
	defer in.Close()
	out, err := os.CreateTemp(g.Dir, "download-")
	if err != nil {
		return nil, err
	}
	defer os.Remove(out.Name())
	_, err = io.Copy(out, in)
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, err
	}
	return open, os.Rename(out.Name(), file)
}

// explain says in containerd's words why a pull failed.
func explain(ctx context.Context, r ref, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", failed(r), ctx.Err())
	}
	var answer *transport.Error
	if errors.As(err, &answer) {
		switch answer.StatusCode {
		case http.StatusNotFound:
			return fmt.Errorf("%s: %s: %w", failed(r), r, ErrNotFound)
		case http.StatusUnauthorized, http.StatusForbidden:
			return fmt.Errorf("%s: %w: %s", failed(r), ErrDenied, serverMessage(answer))
		case http.StatusTooManyRequests:
			return fmt.Errorf("%s: unexpected status: 429 Too Many Requests: %s", failed(r), serverMessage(answer))
		}
		return fmt.Errorf("%s: unexpected status: %d %s", failed(r), answer.StatusCode, http.StatusText(answer.StatusCode))
	}
	var unreachable net.Error
	if errors.As(err, &unreachable) {
		return fmt.Errorf("%s: failed to do request: %w: %w", failed(r), ErrUnreachable, err)
	}
	if strings.Contains(err.Error(), "no child with platform") {
		return fmt.Errorf("failed to pull and unpack image %q: no match for platform in manifest: %w", r, ErrNotFound)
	}
	return fmt.Errorf("failed to pull and unpack image %q: %w", r, err)
}

func serverMessage(e *transport.Error) string {
	if len(e.Errors) == 0 {
		return "server message: insufficient_scope: authorization failed"
	}
	return "server message: " + e.Errors[0].String()
}
