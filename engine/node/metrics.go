package node

import (
	"context"
	"net/http"

	compbasemetrics "k8s.io/component-base/metrics"
	"k8s.io/component-base/version"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// metrics serves those of a kubelet's own metrics that are known of each node by
// itself, under their names in k8s.io/kubernetes/pkg/kubelet/metrics. The others are
// the process', and thus all sessions' together.
func metrics(n *Node) http.Handler {
	r := compbasemetrics.NewKubeRegistry()
	r.CustomMustRegister(&ownMetrics{node: n})
	return compbasemetrics.HandlerFor(r, compbasemetrics.HandlerOpts{})
}

type ownMetrics struct {
	compbasemetrics.BaseStableCollector
	node *Node
}

var (
	_ compbasemetrics.StableCollector = (*ownMetrics)(nil)

	buildInfo = compbasemetrics.NewDesc("kubernetes_build_info",
		"A metric with a constant '1' value labeled by major, minor, git version, git commit, git tree state, build date, Go version, and compiler from which Kubernetes was built, and platform on which it is running.",
		[]string{"major", "minor", "git_version", "git_commit", "git_tree_state", "build_date", "go_version", "compiler", "platform"}, nil, compbasemetrics.ALPHA, "")
	nodeName          = compbasemetrics.NewDesc("kubelet_node_name", "The node's name. The count is always 1.", []string{"node"}, nil, compbasemetrics.ALPHA, "")
	runningPods       = compbasemetrics.NewDesc("kubelet_running_pods", "Number of pods that have a running pod sandbox", nil, nil, compbasemetrics.ALPHA, "")
	runningContainers = compbasemetrics.NewDesc("kubelet_running_containers", "Number of containers currently running", []string{"container_state"}, nil, compbasemetrics.ALPHA, "")
)

func (*ownMetrics) DescribeWithStability(ch chan<- *compbasemetrics.Desc) {
	for _, d := range []*compbasemetrics.Desc{buildInfo, nodeName, runningPods, runningContainers} {
		ch <- d
	}
}

// CollectWithStability counts when it is asked, where a kubelet has counted already.
func (m *ownMetrics) CollectWithStability(ch chan<- compbasemetrics.Metric) {
	gauge := func(d *compbasemetrics.Desc, v int, labels ...string) {
		ch <- compbasemetrics.NewLazyConstMetric(d, compbasemetrics.GaugeValue, float64(v), labels...)
	}
	v := version.Get()
	gauge(buildInfo, 1, v.Major, v.Minor, v.GitVersion, v.GitCommit, v.GitTreeState, v.BuildDate, v.GoVersion, v.Compiler, v.Platform)
	gauge(nodeName, 1, m.node.cfg.Name)
	ctx := context.Background()
	if pods, err := m.node.cfg.Runtime.ListPodSandbox(ctx, &runtimeapi.PodSandboxFilter{State: &runtimeapi.PodSandboxStateValue{State: runtimeapi.PodSandboxState_SANDBOX_READY}}); err == nil {
		gauge(runningPods, len(pods))
	}
	containers, err := m.node.cfg.Runtime.ListContainers(ctx, nil)
	if err != nil {
		return
	}
	counts := map[string]int{}
	for _, c := range containers {
		switch c.State {
		case runtimeapi.ContainerState_CONTAINER_CREATED:
			counts["created"]++
		case runtimeapi.ContainerState_CONTAINER_RUNNING:
			counts["running"]++
		case runtimeapi.ContainerState_CONTAINER_EXITED:
			counts["exited"]++
		default:
			counts["unknown"]++
		}
	}
	for state, n := range counts {
		gauge(runningContainers, n, state)
	}
}
