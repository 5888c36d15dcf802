package main

// startEdits take out of a kubelet's start what costs every node of every
// session and gives it nothing, and what is once a process there.
var startEdits = []edit{
	{
		File: "pkg/kubelet/nodestatus/setters.go",
		Why:  "each kubelet tells of its own node's reboot, not the first of the process alone",
		Old:  "// Only emit one reboot event\nvar rebootEvent sync.Once\n\n",
		New:  "",
	}, {
		File: "pkg/kubelet/nodestatus/setters.go",
		Why:  "the same",
		Old:  "	runningInUserNSFunc func() *bool, // typically Kubelet.runningInUserNS\n	localStorageCapacityIsolation bool,\n) Setter {\n",
		New:  "	runningInUserNSFunc func() *bool, // typically Kubelet.runningInUserNS\n	localStorageCapacityIsolation bool,\n) Setter {\n	var rebootEvent sync.Once // only emit one reboot event\n",
	}, {
		File: "pkg/kubelet/kubelet.go",
		Why:  "the kernel's log is the host's: a session's kubelet must not read it, one descriptor a node",
		Old:  "oomWatcher, err := oomwatcher.NewWatcher(kubeDeps.Recorder)",
		New:  "var oomWatcher oomwatcher.Watcher",
	}, {
		File: "pkg/kubelet/config/apiserver.go",
		Why:  "a session's first pod comes right after its nodes: look more often than once a second whether the node is known",
		Old:  "			time.Sleep(WaitForAPIServerSyncPeriod)",
		New:  "			select {\n			case <-ctx.Done():\n				return\n			case <-time.After(WaitForAPIServerSyncPeriod / 200):\n			}",
	}, {
		File: "pkg/kubelet/prober/worker.go",
		Why:  "a session's kubelet never restarts over running pods, so its first probes need no random delay (of up to a whole period)",
		Old:  "	if probeTickerPeriod > time.Since(w.probeManager.start) {\n		time.Sleep(time.Duration(rand.Float64() * float64(probeTickerPeriod)))\n	}\n",
		New:  "",
	}, {
		File: "pkg/kubelet/prober/worker.go",
		Why:  "imports of the above",
		Old:  "	\"math/rand\"\n",
		New:  "",
	}, {
		File: "pkg/kubelet/kubelet.go",
		Why:  "one informer and two loops less a node: no signer answers PodCertificateRequests in a session",
		Old:  "if kubeDeps.KubeClient != nil && utilfeature.DefaultFeatureGate.Enabled(features.PodCertificateRequest) {",
		New:  "if false {",
	}, {
		File: "pkg/kubelet/kubelet.go",
		Why:  "why a container waits (ErrImagePull, CrashLoopBackOff) is seen at once, and not at the next sync, ten seconds later",
		Old:  "	kl.reasonCache.Update(pod.UID, result)\n",
		New: `	kl.reasonCache.Update(pod.UID, result)
	if result.Error() != nil {
		kl.statusManager.SetPodStatus(logger, pod, kl.generateAPIPodStatus(ctx, pod, podStatus, false))
	}
`,
	}, {
		File: "pkg/kubelet/kuberuntime/kuberuntime_manager.go",
		Why:  "a learner's typo is told in their pod's events, not in the log of the whole process",
		Old:  "utilruntime.HandleError(fmt.Errorf(\"%v %v start failed",
		New:  "utilruntime.HandleErrorWithLogger(logger, nil, fmt.Sprintf(\"%v %v start failed",
	}, {
		File: "pkg/kubelet/kuberuntime/kuberuntime_manager.go",
		Why:  "what is left of the above",
		Old:  "in pod %v: %w: %s\", typeName",
		New:  "in pod %v: %v: %s\", typeName",
	},
}
