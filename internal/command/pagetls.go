package command

import (
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"time"

	"github.com/podhop/podhop/internal/nsexec"
	"github.com/podhop/podhop/server"
	"github.com/podhop/podhop/server/https"
	"github.com/podhop/podhop/server/keep"
)

// pageTLS is what flags say of TLS for the page.
type pageTLS struct {
	certificate, key         string
	domains, directory, mail string
	plain                    string // listener without TLS
	port                     int
	hsts                     time.Duration

	files *https.Files
}

func registerPageTLS(fs *flag.FlagSet, c *pageTLS) {
	fs.StringVar(&c.certificate, "tls-cert", "", "`file` of a certificate, with its chain, PEM, to serve the page over TLS with at --listen; it may be replaced while the server runs")
	fs.StringVar(&c.key, "tls-key", "", "`file` of its key")
	fs.StringVar(&c.domains, "acme-domains", "", "`names`, comma-separated, for which an ACME server, as Let's Encrypt is, is asked for certificates to serve the page over TLS with at --listen, whose terms are accepted so; it looks for the answer there at port 443, or at --listen-http at port 80; keys and certificates are in DATA/acme, or with --store in the etcd")
	fs.StringVar(&c.directory, "acme-directory", "", "`URL` of the ACME server (default: Let's Encrypt's)")
	fs.StringVar(&c.mail, "acme-email", "", "`address` to which the ACME server may write")
	fs.StringVar(&c.plain, "listen-http", "", "`address` where who comes without TLS is led to the page (default: none)")
	fs.IntVar(&c.port, "https-port", 443, "`port` to which browsers are led from there")
	fs.DurationVar(&c.hsts, "hsts", 0, "how long browsers are told to come by TLS alone (default: they are not told)")
}

// on is whether the page is served over TLS.
func (c *pageTLS) on() bool { return c.certificate != "" || c.domains != "" }

// open checks the flags, and opens what later mounts may hide.
func (c *pageTLS) open() (err error) {
	switch {
	case (c.certificate == "") != (c.key == ""):
		return errors.New("--tls-cert and --tls-key go together")
	case c.certificate != "" && c.domains != "":
		return errors.New("--tls-cert and --acme-domains: choose one of them")
	case !c.on() && (c.plain != "" || c.hsts != 0 || c.directory != "" || c.mail != ""):
		return errors.New("--listen-http, --hsts, --acme-directory and --acme-email are for pages over TLS: they need --tls-cert or --acme-domains")
	case c.port < 1 || c.port > 65535:
		return fmt.Errorf("--https-port %d: must be between 1 and 65535", c.port)
	case c.hsts < 0:
		return fmt.Errorf("--hsts %v: must not be negative", c.hsts)
	}
	if c.directory != "" {
		if u, err := url.Parse(c.directory); err != nil || u.Scheme != "https" || u.Host == "" {
			return fmt.Errorf("--acme-directory %s: must be a URL such as https://acme.example.org/directory", c.directory)
		}
	}
	if c.certificate != "" {
		if c.files, err = https.FromFiles(c.certificate, c.key, nil); err != nil {
			return fmt.Errorf("--tls-cert: %w", err)
		}
	}
	return nil
}

// apply has the server serve the page so. Shared is the store of servers that share one, else nil.
func (c *pageTLS) apply(data string, shared keep.Store, to *server.Config) error {
	if !c.on() {
		return nil
	}
	redirect := https.Redirect(c.port)
	to.HSTS = c.hsts
	if c.files != nil {
		c.files.Log(to.Log)
		to.PageTLS = c.files.TLS()
	} else {
		var challenges func(http.Handler) http.Handler
		to.PageTLS, challenges = https.FromACME(https.ACME{Domains: names(c.domains), Directory: c.directory, Email: c.mail,
			Cache: filepath.Join(data, "acme"), Shared: shared, Dial: nsexec.DialOutside(forCertificates), Log: to.Log})
		redirect = challenges(redirect)
	}
	if c.plain == "" {
		return nil
	}
	l, err := nsexec.Listener("plain")
	to.Redirect, to.Redirecting = l, redirect
	return err
}

// localClient asks a server on this machine, whatever name its certificate has. One of an ACME server
// is there for who asks by its name alone.
func (c *pageTLS) localClient() *http.Client {
	config := &tls.Config{InsecureSkipVerify: true}
	if domains := names(c.domains); len(domains) > 0 {
		config.ServerName = domains[0]
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: config}}
}
