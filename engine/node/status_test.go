package node_test

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func TestHostNetwork(t *testing.T) {
	w := newWorld(t)
	p := pod("host", shell("hostname; ip -4 addr show eth0 | grep inet; httpd -p 80 -h /etc; trap exit TERM; while :; do sleep 1 & wait $!; done"))
	p.Spec.HostNetwork = true
	p.Spec.Containers[0].ReadinessProbe = &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(80)}}}
	w.create(p)
	got := w.until("host", "Ready", ready)
	if got.Status.PodIP != "172.18.0.11" {
		t.Errorf("pod IP %s", got.Status.PodIP)
	}
	w.eventually("log", func() error {
		if log := w.log("host", ""); !strings.Contains(log, "node-1\n") || !strings.Contains(log, "172.18.0.11/24") {
			return fmt.Errorf("%q", log)
		}
		return nil
	})
}

func (w *world) nodeReady() (n *corev1.Node) {
	w.Helper()
	w.eventually("node", func() error {
		var err error
		if n, err = w.client.CoreV1().Nodes().Get(w.Context(), "node-1", metav1.GetOptions{}); err != nil {
			return err
		}
		for _, c := range n.Status.Conditions {
			if c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue {
				return nil
			}
		}
		return fmt.Errorf("%+v", n.Status.Conditions)
	})
	return n
}

func TestNodeStatus(t *testing.T) {
	w := newWorld(t)
	n := w.nodeReady()
	if a := fmt.Sprint(n.Status.Addresses); a != "[{InternalIP 172.18.0.11} {Hostname node-1}]" {
		t.Errorf("addresses %s", a)
	}
	if i := n.Status.NodeInfo; i.ContainerRuntimeVersion != "crun://1.8.1" || i.KernelVersion == "" || i.OSImage == "" || i.OperatingSystem != "linux" {
		t.Errorf("got %+v", i)
	}
	c := n.Status.Capacity
	if c.Pods().Value() != 110 || c.Cpu().Value() != int64(runtime.NumCPU()) || c.Memory().Value() == 0 || c.StorageEphemeral().Value() == 0 {
		t.Errorf("got %+v", c)
	}
}

// TestHandlerTellsNothingOfOthers: a learner may reach it by nodes/proxy.
func TestHandlerTellsNothingOfOthers(t *testing.T) {
	w := newWorld(t)
	w.nodeReady()
	// The kubelet answers for its node once its own informer knows it.
	w.eventually("the kubelet knows its node", func() error {
		if code, body := w.get("/stats/summary"); code == http.StatusInternalServerError {
			return fmt.Errorf("%s", body)
		}
		return nil
	})
	for path, want := range map[string]int{
		"/healthz": 200, "/pods": 200, "/stats/summary": 200, "/metrics/resource": 200, "/metrics": 200, "/metrics/": 200, "/metrics/probes": 404,
		"/metrics/cadvisor": 404, "/logs/": 404, "/logs/syslog": 404, "/debug/pprof/": 404, "/debug/flags/v": 404, "/configz": 404, "//metrics": 200, "/x/../metrics": 200,
	} {
		code, body := w.get(path)
		if code != want {
			t.Errorf("%s: got %d, want %d: %.300s", path, code, want, body)
		}
		for _, of := range []string{"go_goroutines", "process_", "apiserver_", "kubelet_http_requests"} { // all sessions' together
			if strings.Contains(string(body), of) {
				t.Errorf("%s tells of %s", path, of)
			}
		}
	}
}
