package image

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"

	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// errStalled is why a pull was given up that nothing arrived of.
var errStalled = errors.New("stalled")

// explain says in containerd's words why a pull failed.
func (g *Registries) explain(ctx context.Context, r ref, auth Auth, err error) error {
	pulling := fmt.Sprintf("failed to pull and unpack image %q", r)
	if errors.Is(context.Cause(ctx), errStalled) {
		return fmt.Errorf("%s: %w: the registry %s sent nothing for %v", pulling, ErrUnreachable, r.host, g.Stall)
	}
	if errors.Is(ctx.Err(), context.Canceled) && errors.Is(context.Cause(ctx), context.Canceled) || errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("%s: %w", failed(r), ctx.Err())
	}
	var answer *transport.Error
	if errors.As(err, &answer) {
		return refused(r, auth, answer)
	}
	var unreachable net.Error
	if errors.As(err, &unreachable) {
		return fmt.Errorf("%s: failed to do request: %w: %w", failed(r), ErrUnreachable, err)
	}
	var tooLong *http.MaxBytesError
	if errors.As(err, &tooLong) {
		return fmt.Errorf("%s: %w: a manifest of more than %d MB", failed(r), ErrTooLarge, tooLong.Limit>>20)
	}
	if errors.Is(err, remote.ErrSchema1) {
		return fmt.Errorf("%s: media type %q is no longer supported, please rebuild the image as %q or %q", pulling,
			types.DockerManifestSchema1Signed, types.DockerManifestSchema2, types.OCIManifestSchema1)
	}
	if errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("%s: the server's disk for images is full: %w", pulling, err)
	}
	return fmt.Errorf("%s: %w", pulling, err)
}

// refused says what a registry answered in the image's place.
func refused(r ref, auth Auth, answer *transport.Error) error {
	request, credentials, atRegistry, failed := "", "", true, failed(r)
	if q := answer.Request; q != nil {
		at := *q.URL
		at.RawQuery, at.User = "", nil
		request = fmt.Sprintf(" from %s request to %s", q.Method, &at)
		credentials = q.Header.Get("Authorization")
		atRegistry = strings.HasPrefix(q.URL.Path, "/v2/") // and not at who gives out tokens
		if strings.Contains(q.URL.Path, "/blobs/") {
			failed = fmt.Sprintf("failed to pull and unpack image %q: failed to copy: content at %s", r, &at)
		}
	}
	var status error = plainStatus(answer.StatusCode)
	switch answer.StatusCode {
	case http.StatusNotFound:
		return fmt.Errorf("%s: %s: %w", failed, r, ErrNotFound)
	case http.StatusUnauthorized:
		status = ErrUnauthorized
	case http.StatusTooManyRequests:
		return fmt.Errorf("%s: unexpected status: %w%s", failed, status, serverMessage(answer, ""))
	}
	switch refuses := answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden; {
	case !refuses:
		return fmt.Errorf("%s: unexpected status%s: %w", failed, request, status)
	case !atRegistry:
		return fmt.Errorf("%s: failed to authorize: failed to fetch oauth token: unexpected status%s: %w%s", failed, request, status, serverMessage(answer, ""))
	case credentials == "": // it wants a password, where others want a token
		return fmt.Errorf("%s: %w: authorization failed: no basic auth credentials", failed, ErrDenied)
	case auth != (Auth{}) && status == ErrUnauthorized:
		return fmt.Errorf("%s: unexpected status%s: %w%s", failed, request, status, serverMessage(answer, ""))
	}
	return fmt.Errorf("%s: %w%s", failed, ErrDenied, serverMessage(answer, ": server message: insufficient_scope: authorization failed"))
}

// plainStatus is a status of HTTP as an error.
type plainStatus int

func (s plainStatus) Error() string { return fmt.Sprintf("%d %s", int(s), http.StatusText(int(s))) }

func serverMessage(e *transport.Error, without string) string {
	if len(e.Errors) == 0 {
		return without
	}
	return ": server message: " + e.Errors[0].String()
}
