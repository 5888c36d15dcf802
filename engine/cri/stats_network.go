package cri

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// networkStats are the counters of the devices in a process' network namespace.
// Nil: the process has ended.
func networkStats(pid int) *runtimeapi.NetworkUsage {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/dev", pid))
	if err != nil {
		return nil
	}
	n := &runtimeapi.NetworkUsage{Timestamp: time.Now().UnixNano()}
	for _, d := range devices(text) {
		if d.Name == "eth0" { // where a pod's address is
			n.DefaultInterface = d
		}
		n.Interfaces = append(n.Interfaces, d)
	}
	if n.DefaultInterface == nil {
		return nil // the kubelet relies on it
	}
	return n
}

// devices reads /proc/net/dev, without the loopback device.
func devices(text []byte) (out []*runtimeapi.NetworkInterfaceUsage) {
	for line := range bytes.Lines(text) {
		name, counters, ok := bytes.Cut(line, []byte{':'})
		f := bytes.Fields(counters)
		if name = bytes.TrimSpace(name); !ok || len(f) < 16 || string(name) == "lo" {
			continue
		}
		n := func(i int) *runtimeapi.UInt64Value {
			v, _ := strconv.ParseUint(string(f[i]), 10, 64)
			return value(v)
		}
		out = append(out, &runtimeapi.NetworkInterfaceUsage{Name: string(name), RxBytes: n(0), RxErrors: n(2), TxBytes: n(8), TxErrors: n(10)})
	}
	return out
}
