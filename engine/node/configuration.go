package node

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	noopoteltrace "go.opentelemetry.io/otel/trace/noop"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"
	kubeletoptions "k8s.io/kubernetes/cmd/kubelet/app/options"
	kubefeatures "k8s.io/kubernetes/pkg/features"
	"k8s.io/kubernetes/pkg/kubelet"
	kubeletconfig "k8s.io/kubernetes/pkg/kubelet/apis/config"
	"k8s.io/kubernetes/pkg/kubelet/eviction"
	kubeletutil "k8s.io/kubernetes/pkg/kubelet/util"
	"k8s.io/kubernetes/pkg/util/oom"
	"k8s.io/kubernetes/pkg/volume/util/hostutil"
)

// podPids is the most processes of a pod: about half of what a session may have,
// so that the other pods go on beside a fork bomb.
const podPids = 512

// manifestPeriod is how often the folder of static pods is looked at.
const manifestPeriod = 2 * time.Second

// configuration is upstream's default, but for what a node has not.
func configuration(cfg Config) (*kubeletconfig.KubeletConfiguration, error) {
	useStats()
	c, err := kubeletoptions.NewKubeletConfiguration()
	if err != nil {
		return nil, err
	}
	// The groups of pods are the container runtime's. The node's own is there before
	// the kubelet, and there are no levels of QoS between: the pods' shares say it.
	c.CgroupsPerQOS, c.EnforceNodeAllocatable, c.CgroupRoot = cfg.Cgroups != nil, []string{}, ""
	c.PodPidsLimit = podPids
	c.FailSwapOn = false
	c.MakeIPTablesUtilChains = false // kube-proxy is engine/proxy's

	c.StaticPodPath = filepath.Join(disk(cfg.Root), manifests)
	c.FileCheckFrequency.Duration = manifestPeriod
	c.EnableServer, c.ReadOnlyPort = false, 0 // Handler is reached in process
	c.EnableDebuggingHandlers = true          // these are logs, exec, attach and port-forward
	c.EnableSystemLogHandler, c.EnableSystemLogQuery = false, false
	c.EnableProfilingHandler, c.EnableDebugFlagsHandler = false, false

	c.ClusterDomain = "cluster.local"
	if cfg.ClusterDomain != "" {
		c.ClusterDomain = cfg.ClusterDomain
	}
	c.ClusterDNS = nil
	for _, ip := range cfg.ClusterDNS {
		c.ClusterDNS = append(c.ClusterDNS, ip.String())
	}
	c.ResolverConfig = filepath.Join(cfg.Root, "resolv.conf")
	if err := os.WriteFile(c.ResolverConfig, []byte(nameservers(cfg.Nameservers)), 0o644); err != nil {
		return nil, err
	}

	c.PodLogsDir = filepath.Join(cfg.Root, "logs")
	c.MaxPods = maxPods
	c.RegistryPullQPS = 0
	c.SerializeImagePulls = false
	c.EventRecordQPS = 0 // bursts are a session's own; the API has its quota

	c.EvictionHard = maps.Clone(eviction.DefaultEvictionHard)
	// Images are everybody's: nothing to collect.
	c.ImageGCHighThresholdPercent = 100
	c.VolumeStatsAggPeriod.Duration = 10 * time.Second // as often as the eviction manager asks

	// A watch for each object that each pod mounts would cost more than to ask.
	c.ConfigMapAndSecretChangeDetectionStrategy = kubeletconfig.GetChangeDetectionStrategy
	// Logs are on the session's tmpfs.
	c.ContainerLogMaxSize, c.ContainerLogMaxFiles, c.ContainerLogMaxWorkers = "4Mi", 2, 1
	return c, nil
}

var statsOnce sync.Once

// useStats has kubelets take pods' statistics from the runtime alone: there is no
// cadvisor. The gate is upstream's, and the process'.
func useStats() {
	statsOnce.Do(func() {
		_ = utilfeature.DefaultMutableFeatureGate.Set(string(kubefeatures.PodAndContainerStatsFromCRI) + "=true")
	})
}

func nameservers(ips []netip.Addr) string {
	var b strings.Builder
	for _, ip := range ips {
		fmt.Fprintf(&b, "nameserver %s\n", ip)
	}
	return b.String()
}

func dependencies(cfg Config, client kubernetes.Interface, recorder record.EventRecorderLogger, logger klog.Logger) *kubelet.Dependencies {
	hostfs := disk(cfg.Root)
	return &kubelet.Dependencies{
		KubeClient: client, HeartbeatClient: client, EventClient: client.CoreV1(), Recorder: recorder,
		RemoteRuntimeService: cfg.Runtime, RemoteImageService: cfg.Images,
		DialContext:               cfg.Dial,
		CAdvisorInterface:         newMachine(cfg),
		ContainerManager:          newContainerManager(cfg),
		OSInterface:               osInterface{},
		OOMAdjuster:               oom.NewFakeOOMAdjuster(),
		VolumePlugins:             volumePlugins(hostfs),
		Mounter:                   newMounter(filepath.Join(cfg.Root, "kubelet"), hostfs, cfg.Mounts),
		Subpather:                 subpather{},
		HostUtil:                  hostUtil{hostutil.NewHostUtil()},
		PodStartupLatencyTracker:  kubeletutil.NewPodStartupLatencyTracker(),
		NodeStartupLatencyTracker: kubeletutil.NewNodeStartupLatencyTracker(logger),
		TracerProvider:            noopoteltrace.NewTracerProvider(),
	}
}

func newKubelet(ctx context.Context, cfg Config, conf *kubeletconfig.KubeletConfiguration, deps *kubelet.Dependencies) (*kubelet.Kubelet, error) {
	const (
		registerNode     = true
		deadPerContainer = 1 // as the --maximum-dead-containers-per-container default
		deadContainers   = -1
		nodeImages       = 50
		seccompDefault   = true
	)
	root := filepath.Join(cfg.Root, "kubelet")
	ips := []net.IP{cfg.IP.AsSlice()}
	if cfg.IP6.IsValid() {
		ips = append(ips, cfg.IP6.AsSlice())
	}
	flags := kubeletoptions.NewKubeletFlags()
	return kubelet.NewMainKubelet(ctx, conf, deps, &flags.ContainerRuntimeOptions,
		cfg.Name, types.NodeName(cfg.Name), ips, "", "", filepath.Join(root, "pki"), root, conf.PodLogsDir,
		"", "", registerNode, nil, nil, "", false, false,
		metav1.Duration{}, deadPerContainer, deadContainers, nil, nodeImages, seccompDefault)
}
