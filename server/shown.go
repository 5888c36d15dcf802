package server

import (
	"crypto/tls"
	"crypto/x509"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/crypto/acme"
)

// shown are the certificates that the page was served with, as metrics: nobody else notices one that
// is not renewed before it has ended.
type shown struct {
	mu     sync.Mutex
	leaves map[string]*x509.Certificate // by name
}

var (
	shownFrom  = prometheus.NewDesc("podhop_page_certificate_not_before_seconds", "When a certificate of the page began, Unix time, by its name, once it was shown.", []string{"name"}, nil)
	shownUntil = prometheus.NewDesc("podhop_page_certificate_not_after_seconds", "When it ends.", []string{"name"}, nil)
)

// watch is a configuration of which it sees what is shown.
func (s *shown) watch(config *tls.Config) *tls.Config {
	if config == nil || config.GetCertificate == nil {
		return config
	}
	config = config.Clone()
	get := config.GetCertificate
	config.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		got, err := get(hello)
		if err == nil && got.Leaf != nil && !slices.Contains(hello.SupportedProtos, acme.ALPNProto) { // which is shown an answer, no certificate
			s.see(got.Leaf)
		}
		return got, err
	}
	return config
}

func (s *shown) see(leaf *x509.Certificate) {
	name := leaf.Subject.CommonName
	if len(leaf.DNSNames) > 0 {
		name = leaf.DNSNames[0]
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.leaves == nil {
		s.leaves = map[string]*x509.Certificate{}
	}
	s.leaves[name] = leaf
}

// Describe implements prometheus.Collector.
func (s *shown) Describe(to chan<- *prometheus.Desc) {
	to <- shownFrom
	to <- shownUntil
}

// Collect implements prometheus.Collector.
func (s *shown) Collect(to chan<- prometheus.Metric) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, leaf := range s.leaves {
		to <- prometheus.MustNewConstMetric(shownFrom, prometheus.GaugeValue, float64(leaf.NotBefore.Unix()), name)
		to <- prometheus.MustNewConstMetric(shownUntil, prometheus.GaugeValue, float64(leaf.NotAfter.Unix()), name)
	}
}
