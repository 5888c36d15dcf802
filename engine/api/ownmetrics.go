package api

import (
	"net/http"

	compbasemetrics "k8s.io/component-base/metrics"
	"k8s.io/component-base/version"
)

// serveOwnMetrics answers /metrics with what is known of the session by itself, under
// upstream's names. The other metrics are the process', and thus all sessions' together.
func serveOwnMetrics(w http.ResponseWriter, r *http.Request) {
	s, err := sessionFrom(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	registry := compbasemetrics.NewKubeRegistry()
	registry.CustomMustRegister(&ownMetrics{session: s})
	compbasemetrics.HandlerFor(registry, compbasemetrics.HandlerOpts{}).ServeHTTP(w, r)
}

type ownMetrics struct {
	compbasemetrics.BaseStableCollector
	session *Session
}

var _ compbasemetrics.StableCollector = (*ownMetrics)(nil)

var (
	buildInfo = compbasemetrics.NewDesc("kubernetes_build_info",
		"A metric with a constant '1' value labeled by major, minor, git version, git commit, git tree state, build date, Go version, and compiler from which Kubernetes was built, and platform on which it is running.",
		[]string{"major", "minor", "git_version", "git_commit", "git_tree_state", "build_date", "go_version", "compiler", "platform"}, nil, compbasemetrics.ALPHA, "")
	// as in k8s.io/apiserver/pkg/storage/etcd3/metrics
	resourceObjects = compbasemetrics.NewDesc("apiserver_resource_objects",
		"Number of stored objects at the time of last check split by kind. In case of a fetching error, the value will be -1.",
		[]string{"group", "resource"}, nil, compbasemetrics.ALPHA, "")
)

func (*ownMetrics) DescribeWithStability(ch chan<- *compbasemetrics.Desc) {
	ch <- buildInfo
	ch <- resourceObjects
}

func (m *ownMetrics) CollectWithStability(ch chan<- compbasemetrics.Metric) {
	gauge := func(d *compbasemetrics.Desc, v int, labels ...string) {
		ch <- compbasemetrics.NewLazyConstMetric(d, compbasemetrics.GaugeValue, float64(v), labels...)
	}
	v := version.Get()
	gauge(buildInfo, 1, v.Major, v.Minor, v.GitVersion, v.GitCommit, v.GitTreeState, v.BuildDate, v.GoVersion, v.Compiler, v.Platform)
	for of, n := range m.session.tenant.Count() {
		gauge(resourceObjects, n, of.Group, of.Resource)
	}
}
