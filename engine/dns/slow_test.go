package dns

import (
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func TestFault(t *testing.T) {
	ns := namespace(t)
	var mu sync.Mutex
	var told []Spoiled
	s := NewServers(ServersConfig{
		Resolver: cluster(), Desired: func() map[string]Namespace { return map[string]Namespace{"a": ns} }, Log: slog.New(slog.DiscardHandler),
		Spoiled: func(key string, x Spoiled) {
			mu.Lock()
			defer mu.Unlock()
			if key != "a" {
				t.Errorf("key %q", key)
			}
			told = append(told, x)
		},
	})
	defer s.Close()
	s.Sync()
	query := new(dns.Msg).SetQuestion("kubernetes.default.svc.cluster.local.", dns.TypeA)
	const delay = 50 * time.Millisecond
	s.SetFault(Fault{Delay: delay})
	for _, network := range []string{"udp", "tcp"} {
		start := time.Now()
		if a, err := ask(t, ns, network, query); err != nil || len(a.Answer) != 1 {
			t.Fatalf("%s: %v %v", network, a, err)
		}
		if took := time.Since(start); took < delay {
			t.Errorf("%s: took %v", network, took)
		}
	}
	s.SetFault(Fault{Loss: 1000})
	if a, err := ask(t, ns, "udp", query); err == nil {
		t.Errorf("answered %v", a)
	}
	s.SetFault(Fault{})
	if _, err := ask(t, ns, "udp", query); err != nil {
		t.Error(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(told) != 3 || told[0].Protocol != "udp" || told[0].Lost || told[1].Protocol != "tcp" || !told[2].Lost || !told[0].Client.IsValid() || told[0].Time.IsZero() {
		t.Errorf("told %+v", told)
	}
}

// A server that holds answers ends at once.
func TestFaultEndsWithServers(t *testing.T) {
	ns := namespace(t)
	s := NewServers(ServersConfig{Resolver: cluster(), Desired: func() map[string]Namespace { return map[string]Namespace{"a": ns} }, Log: slog.New(slog.DiscardHandler)})
	s.Sync()
	s.SetFault(Fault{Delay: time.Hour})
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = ask(t, ns, "udp", new(dns.Msg).SetQuestion("kubernetes.default.svc.cluster.local.", dns.TypeA))
	}()
	for held := 0; held == 0; time.Sleep(time.Millisecond) {
		s.mu.Lock()
		held = len(s.running["a"].held)
		s.mu.Unlock()
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	<-done
}
