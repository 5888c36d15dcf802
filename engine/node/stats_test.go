package node_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	statsapi "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
)

// get asks the kubelet's own API.
func (w *world) get(path string) (code int, body []byte) {
	w.Helper()
	c := &http.Client{Transport: &http.Transport{DialContext: w.node.Dial, DisableKeepAlives: true}}
	resp, err := c.Get("http://node" + path)
	w.must(err)
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	w.must(err)
	return resp.StatusCode, body
}

// series are the samples of a text of metrics, by name and labels.
func series(text []byte) map[string]float64 {
	all := map[string]float64{}
	for s := bufio.NewScanner(strings.NewReader(string(text))); s.Scan(); {
		f := strings.Fields(s.Text())
		if len(f) < 2 || f[0] == "#" {
			continue
		}
		all[f[0]], _ = strconv.ParseFloat(f[1], 64)
	}
	return all
}

// TestStats has a container work beside one that rests, and asks the kubelet for both
// in each of the forms that it has.
func TestStats(t *testing.T) {
	w := newWorld(t)
	w.create(pod("both", shell("while :; do :; done"), forever()))
	w.until("both", "ready", ready)
	var before map[string]float64
	w.eventually("CPU time of the busy container", func() error {
		_, text := w.get("/metrics/resource")
		before = series(text)
		busy := before[`container_cpu_usage_seconds_total{container="c0",namespace="default",pod="both"}`]
		rest := before[`container_cpu_usage_seconds_total{container="c1",namespace="default",pod="both"}`]
		together := before[`pod_cpu_usage_seconds_total{namespace="default",pod="both"}`]
		if busy < rest+0.3 || together < busy || before["node_cpu_usage_seconds_total"] < together || rest == 0 ||
			before[`container_memory_working_set_bytes{container="c1",namespace="default",pod="both"}`] == 0 || before["resource_scrape_error"] != 0 {
			return fmt.Errorf("%s", text)
		}
		return nil
	})
	var summary statsapi.Summary
	w.eventually("the busy container's pace", func() error { // between two times that it was asked
		_, text := w.get("/stats/summary")
		if err := json.Unmarshal(text, &summary); err != nil {
			return fmt.Errorf("%w: %s", err, text)
		}
		for _, c := range summary.Pods[0].Containers {
			if c.Name == "c0" && c.CPU.UsageNanoCores != nil && *c.CPU.UsageNanoCores > 1e6 && *summary.Node.CPU.UsageNanoCores > 1e6 {
				return nil
			}
		}
		return fmt.Errorf("%s", text)
	})
	p := summary.Pods[0]
	if p.PodRef.Name != "both" || len(p.Containers) != 2 || *p.Memory.WorkingSetBytes == 0 || *p.CPU.UsageCoreNanoSeconds == 0 || *p.ProcessStats.ProcessCount < 2 {
		t.Errorf("pod %+v", p)
	}
	if p.Network == nil || p.Network.Name != "eth0" || p.Network.RxBytes == nil {
		t.Errorf("network %+v", p.Network)
	}
	if n := summary.Node; n.NodeName != "node-1" || *n.Memory.WorkingSetBytes == 0 || *n.Memory.AvailableBytes == 0 || *n.Fs.CapacityBytes == 0 {
		t.Errorf("node %+v", n)
	}
	if code, text := w.get("/metrics"); code != http.StatusOK || series(text)["kubelet_running_pods"] != 1 || series(text)[`kubelet_running_containers{container_state="running"}`] != 2 ||
		series(text)[`kubelet_node_name{node="node-1"}`] != 1 || !strings.Contains(string(text), `kubernetes_build_info{`) {
		t.Errorf("%d: %s", code, text)
	}

	w.must(w.client.CoreV1().Pods("default").Delete(t.Context(), "both", metav1.DeleteOptions{GracePeriodSeconds: new(int64)}))
	w.until("both", "gone", func(p *corev1.Pod) bool { return gone(p) })
	w.eventually("the kubelet without the pod", func() error {
		_, text := w.get("/metrics")
		if series(text)["kubelet_running_pods"] != 0 {
			return fmt.Errorf("%s", text)
		}
		return nil
	})
	_, text := w.get("/metrics/resource")
	if after := series(text); after["node_cpu_usage_seconds_total"] < before["node_cpu_usage_seconds_total"] || after["node_memory_working_set_bytes"] != 0 {
		t.Errorf("before the pod went %v, after it:\n%s", before["node_cpu_usage_seconds_total"], text)
	}
}
