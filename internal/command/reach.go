package command

import (
	"net"
	"net/url"

	"github.com/podhop/podhop/engine"
	"github.com/podhop/podhop/internal/nsexec"
)

// What the server connects to outside for itself; see engine for what sessions make it connect to.
const (
	forAccounts     = "accounts"     // the OpenID provider
	forCertificates = "certificates" // the ACME server
	forHosts        = "hosts"        // the others of the site
	forStore        = "store"        // etcd
	forTraces       = "traces"       // the collector
)

// reach is what each of these may be. Who starts the server names its neighbours, and what is named
// for one is nothing that another reaches.
func (c *serveConfig) reach() map[string]nsexec.Reach {
	all := reachOf(&c.engine)
	if c.store.shared() {
		all[forStore] = nsexec.Reach{Named: c.store.Endpoints}
		all[forHosts] = nsexec.Reach{Within: c.host.prefixes}
	}
	if c.people.oidc.issuer != "" {
		all[forAccounts] = nsexec.Reach{Public: true, Named: hostOf(c.people.oidc.issuer)}
	}
	if c.tls.domains != "" {
		all[forCertificates] = nsexec.Reach{Public: true, Named: hostOf(c.tls.directory)}
	}
	if c.otlp.address != "" {
		all[forTraces] = nsexec.Reach{Named: []string{c.otlp.address}}
	}
	return all
}

// reachOf is what sessions make the server connect to.
func reachOf(c *engine.Config) map[string]nsexec.Reach {
	all := map[string]nsexec.Reach{}
	if c.DNSUpstream != "" {
		all[engine.ForNames] = nsexec.Reach{Named: []string{c.DNSUpstream}}
	}
	if c.Registries {
		all[engine.ForImages] = nsexec.Reach{Public: true, Named: mirrors(c.RegistryMirrors).neighbours()}
	}
	return all
}

// hostOf is the "host:port" of a URL, as net/http dials it; none of no URL.
func hostOf(address string) []string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return nil
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return []string{net.JoinHostPort(u.Hostname(), port)}
}
