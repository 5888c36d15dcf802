package engine

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// hearing is how long what a pod listens on is taken to be as it was: a scan of its ports
// is answered by one look.
const hearing = time.Second

// heard remembers for a moment what pods listen on. It is safe for concurrent use.
type heard struct {
	ask func(*v1.Pod, v1.Protocol) ([]netip.AddrPort, bool)

	mu    sync.Mutex
	since time.Time
	known map[ear]listeners
}

type ear struct {
	pod      types.UID
	protocol v1.Protocol
}

type listeners struct {
	all []netip.AddrPort
	ok  bool
}

func (h *heard) of(pod *v1.Pod, protocol v1.Protocol) ([]netip.AddrPort, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if now := time.Now(); now.Sub(h.since) > hearing {
		h.known, h.since = map[ear]listeners{}, now
	}
	k := ear{pod.UID, protocol}
	l, ok := h.known[k]
	if !ok {
		l.all, l.ok = h.ask(pod, protocol)
		h.known[k] = l
	}
	return l.all, l.ok
}

// listening is what a pod's programs listen on, as its own kernel has it; false if the
// pod is not there.
func (s *Session) listening(pod *v1.Pod, protocol v1.Protocol) (all []netip.AddrPort, ok bool) {
	_, sb, ok := s.pods.find(pod.Namespace + "/" + pod.Name)
	if !ok || sb.uid != pod.UID {
		return nil, false
	}
	err := sb.ns.Net.Do(func() error {
		for _, table := range []string{"", "6"} {
			text, err := os.ReadFile("/proc/thread-self/net/" + strings.ToLower(string(protocol)) + table)
			if os.IsNotExist(err) {
				continue // a kernel without IPv6
			}
			if err != nil {
				return err
			}
			all = append(all, parseSockets(string(text))...)
		}
		return nil
	})
	return all, err == nil
}

// The states of sockets that take what comes, in /proc/net/tcp and udp (proc(5); those
// of TCP are numbered in net/tcp_states.h).
const (
	tcpListen = "0A"
	udpBound  = "07" // TCP_CLOSE: not connected
)

// parseSockets reads the addresses that listen out of a table of /proc/net.
func parseSockets(text string) (all []netip.AddrPort) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 4 || f[3] != tcpListen && f[3] != udpBound {
			continue
		}
		address, port, _ := strings.Cut(f[1], ":")
		b, err := hex.DecodeString(address)
		n, perr := strconv.ParseUint(port, 16, 16)
		if err != nil || perr != nil || len(b)%4 != 0 {
			continue
		}
		// Words of the host's byte order, printed as numbers.
		for i := 0; i < len(b); i += 4 {
			binary.NativeEndian.PutUint32(b[i:], binary.BigEndian.Uint32(b[i:]))
		}
		if ip, ok := netip.AddrFromSlice(b); ok {
			all = append(all, netip.AddrPortFrom(ip.Unmap(), uint16(n)))
		}
	}
	return all
}
