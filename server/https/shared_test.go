package https

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/acme/autocert"

	"github.com/podhop/podhop/internal/etcd/etcdtest"
	"github.com/podhop/podhop/internal/pebble"
	"github.com/podhop/podhop/server/keep"
	"github.com/podhop/podhop/server/keep/etcd"
)

// together serves by a config at two listeners: the page's, and one without TLS.
func together(t *testing.T, cfg ACME) (page, plain net.Listener) {
	t.Helper()
	page, plain = listen(t), listen(t)
	at(t, cfg, page, plain)
	return page, plain
}

func at(t *testing.T, cfg ACME, page, plain net.Listener) {
	t.Helper()
	config, challenges := FromACME(cfg)
	quiet := log.New(io.Discard, "", 0)
	s := &http.Server{TLSConfig: config, ErrorLog: quiet}
	go s.ServeTLS(page, "", "")
	redirect := challenges(http.NotFoundHandler())
	p := &http.Server{ErrorLog: quiet, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Host, _, _ = net.SplitHostPort(r.Host) // at port 80 the name comes alone
		redirect.ServeHTTP(w, r)
	})}
	go p.Serve(plain)
	t.Cleanup(func() { s.Close(); p.Close() })
}

func port(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }

// The ACME server looks for the answer at another server than the one that asked it: of those that
// share an etcd that one knows, and has the same certificate.
func TestSharedAnswers(t *testing.T) {
	documents := etcdtest.Start(t)
	for _, challenge := range []string{"tls-alpn-01", "http-01"} {
		t.Run(challenge, func(t *testing.T) {
			page, plain := listen(t), listen(t)
			looks := pebble.Config{TLSPort: port(page)}
			if challenge == "http-01" {
				looks = pebble.Config{HTTPPort: port(plain)}
			}
			authority := pebble.Start(t, looks)
			cfg := func() ACME {
				return ACME{Domains: []string{"podhop.example"}, Directory: authority.Directory, Shared: etcd.New(documents.Client(t)), Roots: authority.Own}
			}
			at(t, cfg(), page, plain)
			asked, _ := together(t, cfg())
			one, err := certificate(t, asked.Addr().String(), "podhop.example", authority.Issued)
			if err != nil {
				t.Fatal(err)
			}
			two, err := certificate(t, page.Addr().String(), "podhop.example", authority.Issued)
			if err != nil || one.SerialNumber.Cmp(two.SerialNumber) != 0 {
				t.Errorf("the other server: %v", err)
			}
			// Nobody can read who has what of the names.
			for key := range etcdtest.All(t, documents.Client(t)) {
				if strings.Contains(key, "podhop.example") {
					t.Errorf("a document is called %s", key)
				}
			}
		})
	}
}

// Servers behind one address that are asked for the first time at the same time have one
// certificate made, though who looks for the answer comes to any of them.
func TestSharedAtOnce(t *testing.T) {
	documents, front := etcdtest.Start(t), listen(t)
	authority := pebble.Start(t, pebble.Config{TLSPort: port(front)})
	var pages []net.Listener
	for range 3 {
		page, _ := together(t, ACME{Domains: []string{"podhop.example"}, Directory: authority.Directory, Shared: etcd.New(documents.Client(t)), Roots: authority.Own})
		pages = append(pages, page)
	}
	go balance(front, pages)
	var all sync.WaitGroup
	got := make([]*x509.Certificate, len(pages))
	for i, page := range pages {
		all.Go(func() {
			var err error
			if got[i], err = certificate(t, page.Addr().String(), "podhop.example", authority.Issued); err != nil {
				t.Errorf("server %d: %v", i, err)
			}
		})
	}
	all.Wait()
	for i := range got {
		if !t.Failed() && got[i].SerialNumber.Cmp(got[0].SerialNumber) != 0 {
			t.Errorf("server %d has a certificate of its own", i)
		}
	}
}

// balance gives each connection to the next server.
func balance(front net.Listener, to []net.Listener) {
	for i := 0; ; i++ {
		in, err := front.Accept()
		if err != nil {
			return
		}
		go func() {
			defer in.Close()
			out, err := net.Dial("tcp", to[i%len(to)].Addr().String())
			if err != nil {
				return
			}
			defer out.Close()
			go func() {
				_, _ = io.Copy(out, in)
				_ = out.(*net.TCPConn).CloseWrite()
			}()
			_, _ = io.Copy(in, out)
		}()
	}
}

func TestSharedCache(t *testing.T) {
	s := newShared(keep.Memory())
	get := func(want string) {
		t.Helper()
		if got, err := s.Get(t.Context(), "A+b_c-d.example+token"); err != nil || string(got) != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	if _, err := s.Get(t.Context(), "A+b_c-d.example+token"); err != autocert.ErrCacheMiss {
		t.Errorf("nothing is there: %v", err)
	}
	if err := s.Delete(t.Context(), "A+b_c-d.example+token"); err != nil {
		t.Errorf("nothing is removed: %v", err)
	}
	for _, text := range []string{"one", "two"} {
		if err := s.Put(t.Context(), "A+b_c-d.example+token", []byte(text)); err != nil {
			t.Fatal(err)
		}
		get(text)
	}
	if err := s.Delete(t.Context(), "A+b_c-d.example+token"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(t.Context(), "A+b_c-d.example+token"); err != autocert.ErrCacheMiss {
		t.Errorf("it was removed: %v", err)
	}
	// Who waits for room to read gives up with who asks.
	for range cap(s.room) {
		s.room <- struct{}{}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Get(gone, "a"); err != context.Canceled {
		t.Errorf("without room: %v", err)
	}
}

func TestTurns(t *testing.T) {
	store := keep.Memory()
	s := newShared(store)
	back := s.turn(t.Context(), "podhop.example")
	other := s.turn(t.Context(), "other.example") // which does not wait
	other()
	next := make(chan func())
	go func() { next <- s.turn(t.Context(), "podhop.example") }()
	select {
	case <-next:
		t.Error("two have the turn at once")
	case <-time.After(2 * turnAgain):
	}
	back()
	back = <-next
	back()
	// Of who does not give it back it ends by itself.
	text, err := json.Marshal(turn{Until: time.Now().Add(time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Put(t.Context(), document("turn podhop.example"), text, 0); err != nil {
		t.Fatal(err)
	}
	s.turn(t.Context(), "podhop.example")()
	if left, err := store.List(t.Context(), ""); err != nil || len(left) > 0 {
		t.Errorf("there is left %v, %v", left, err)
	}
}
