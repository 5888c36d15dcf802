package cri

import (
	"os"
	"path/filepath"
	"strings"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// writeFiles writes what every container of the pod gets under /etc, beside the
// hosts file, which is the kubelet's.
func (s *sandbox) writeFiles() error {
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(s.file("hostname"), []byte(s.hostname+"\n"), 0o644); err != nil {
		return err
	}
	return os.WriteFile(s.file("resolv.conf"), []byte(resolvConf(s.config.GetDnsConfig())), 0o644)
}

func (s *sandbox) file(name string) string { return filepath.Join(s.dir, name) }

// resolvConf is resolv.conf(5) for what the kubelet made of the pod's dnsPolicy.
func resolvConf(c *runtimeapi.DNSConfig) string {
	var b strings.Builder
	if len(c.GetSearches()) > 0 {
		b.WriteString("search " + strings.Join(c.Searches, " ") + "\n")
	}
	for _, s := range c.GetServers() {
		b.WriteString("nameserver " + s + "\n")
	}
	if len(c.GetOptions()) > 0 {
		b.WriteString("options " + strings.Join(c.Options, " ") + "\n")
	}
	return b.String()
}
