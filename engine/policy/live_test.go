package policy

import (
	"bufio"
	"context"
	"errors"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A connection that is there goes on in both directions when a policy comes that
// would not let it be opened, as most implementations have it (the API leaves it to
// them); the next one is not opened.
func TestKernelLiveConnection(t *testing.T) {
	l := newLab(t)
	l.apply(Compile(world()))
	ln, err := l.places["third"].Listen("tcp4", addresses["third"]+":7000")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for r := bufio.NewReader(c); ; {
					line, err := r.ReadString('\n')
					if err != nil {
						return
					}
					c.Write([]byte(line))
				}
			}()
		}
	}()
	dial := func(timeout time.Duration) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(t.Context(), timeout)
		defer cancel()
		return l.places["my-app"].DialContext(ctx, "tcp4", ln.Addr().String())
	}
	c, err := dial(10 * time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	echoes := func(what string) {
		t.Helper()
		c.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := c.Write([]byte(what + "\n")); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if got, err := bufio.NewReader(c).ReadString('\n'); err != nil || got != what+"\n" {
			t.Fatalf("%s: %q, %v", what, got, err)
		}
	}
	echoes("before")
	in := world()
	in.Policies = policies(t, denyAll)
	l.write(Compile(in))
	echoes("under a policy that isolates both ends")
	if c, err := dial(300 * time.Millisecond); err == nil {
		c.Close()
		t.Error("another connection was opened")
	} else if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, unix.ETIMEDOUT) {
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Error(err)
		}
	}
	in.Policies = nil
	l.write(Compile(in))
	echoes("after")
}

// nat does on a node what kube-proxy's rules for a Service do.
func (l *lab) nat(node, rules string) {
	l.t.Helper()
	var out []byte
	if err := l.places[node].Do(func() (err error) {
		cmd := exec.Command("nft", "-f", "-")
		cmd.Stdin = strings.NewReader(with(`table ip service {
			chain pre { type nat hook prerouting priority dstnat;
				RULES
			}
			chain post { type nat hook postrouting priority srcnat;
				meta mark 0x4000 masquerade
				ip saddr POD ip daddr POD masquerade
			}
		}`, "RULES", rules, "POD", addresses["my-app"]))
		out, err = cmd.CombinedOutput()
		return err
	}); err != nil {
		l.t.Fatalf("%v: %s", err, out)
	}
}

// Policies see what a Service's address and port were translated to.
func TestKernelTranslated(t *testing.T) {
	l := newLab(t)
	l.nat("node-1", `
		ip daddr 10.96.0.7 udp dport 8053 dnat to 10.244.2.2:53
		ip daddr 10.96.0.8 udp dport 8053 dnat to 10.244.1.2:53
		ip daddr 172.18.0.11 udp dport 30053 dnat to 10.244.1.2:53
		ip daddr 172.18.0.11 udp dport 30054 meta mark set 0x4000 dnat to 10.244.2.2:53`)
	const ingress = `
metadata: {name: in}
spec:
  podSelector: {}
  policyTypes: [Ingress]
  ingress: [{from: [{ipBlock: {cidr: FROM}}], ports: [{protocol: UDP, port: 53}]}]
`
	const egress = `
metadata: {name: out}
spec:
  podSelector: {matchLabels: {app: my-app}}
  policyTypes: [Egress]
  egress: [{to: [{ipBlock: {cidr: TO}}], ports: [{protocol: UDP, port: PORT}]}]
`
	for _, c := range []struct {
		name, policies, from, to string
		want                     bool
	}{
		{"egress to the endpoint's address and port", with(egress, "TO", "10.244.2.2/32", "PORT", "53"), "my-app", "10.96.0.7:8053", true},
		{"egress to the Service's port", with(egress, "TO", "10.244.2.2/32", "PORT", "8053"), "my-app", "10.96.0.7:8053", false},
		{"egress to the Service's address", with(egress, "TO", "10.96.0.0/16", "PORT", "53"), "my-app", "10.96.0.7:8053", false},
		{"a pod reaches itself by its Service", denyAll, "my-app", "10.96.0.8:8053", true},
		{"another does not", denyAll, "allowed", "10.96.0.8:8053", false},
		{"NodePort, a pod of the node: from the client itself", with(ingress, "FROM", "172.18.0.100/32"), "client", "172.18.0.11:30053", true},
		{"NodePort, a pod of the node: not from the node", with(ingress, "FROM", "172.18.0.11/32"), "client", "172.18.0.11:30053", false},
		{"NodePort, a pod of another node: from the node that masquerades", with(ingress, "FROM", "172.18.0.11/32"), "client", "172.18.0.11:30054", true},
		{"NodePort, a pod of another node: not from the client", with(ingress, "FROM", "172.18.0.100/32"), "client", "172.18.0.11:30054", false},
	} {
		in := world()
		in.Policies = policies(t, c.policies)
		l.apply(Compile(in))
		if got := l.answered(c.from, c.to, c.want); got != c.want {
			t.Errorf("%s: answered %v", c.name, got)
		}
	}
}

func with(text string, pairs ...string) string { return strings.NewReplacer(pairs...).Replace(text) }

// answered reports whether a datagram is, within a time that is long for those that
// shall be.
func (l *lab) answered(from, to string, shall bool) bool {
	wait := 200 * time.Millisecond
	if shall {
		wait = 10 * time.Second
	}
	ctx, cancel := context.WithTimeout(l.t.Context(), wait)
	defer cancel()
	return l.ask(ctx, from, to)
}
