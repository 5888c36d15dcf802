package proxy

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httputil"

	"github.com/podhop/podhop/engine/ingress/route"
)

// maxMirrored is how large a body may be that is sent twice, in bytes; larger
// requests are not mirrored.
const maxMirrored = 64 << 10

// mirror sends a copy of a request to another backend, and throws the answer away.
func (e *exchanges) mirror(r *http.Request, x *exchange, to *route.Backend) {
	if to.Refusal.Status != 0 || r.ContentLength > maxMirrored || r.Header.Get("Upgrade") != "" {
		return
	}
	var copied []byte
	if r.Body != nil && r.ContentLength != 0 {
		head, err := io.ReadAll(io.LimitReader(r.Body, maxMirrored+1))
		r.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(head), r.Body), r.Body}
		if err != nil || len(head) > maxMirrored {
			return
		}
		copied = head
	}
	twin := *x
	twin.backend = to
	// The copy outlives the request, and ends with the proxy.
	ctx := contextWith(e.ctx, &twin)
	in := r.Clone(ctx)
	in.Body = io.NopCloser(bytes.NewReader(copied))
	out := in.Clone(ctx)
	out.RequestURI = ""
	for _, name := range []string{"Connection", "Te", "Transfer-Encoding", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded"} {
		out.Header.Del(name)
	}
	e.rewrite(&httputil.ProxyRequest{In: in, Out: out})
	e.mirrors.Go(func() {
		resp, err := e.up.ask(out, &twin, to, func(s Socket) { e.tell(in, &twin, s, route.Refusal{}) })
		if err != nil {
			return
		}
		defer resp.Body.Close()
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxMirrored))
	})
}
