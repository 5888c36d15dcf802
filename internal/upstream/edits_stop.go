package main

// stopEdits let a kubelet end when its context does: upstream's lives as long as
// its process, ours as long as a session.
var stopEdits = []edit{
	{
		File:  "pkg/kubelet/kubelet.go",
		Why:   "the node's and the services' informers",
		Old:   "kubeInformers.Start(wait.NeverStop)",
		New:   "kubeInformers.Start(ctx.Done())",
		Count: 2,
	}, {
		File: "pkg/kubelet/kubelet.go",
		Why:  "the plugin manager",
		Old:  "pluginManagerStopCh:          wait.NeverStop,",
		New:  "pluginManagerStopCh:          ctx.Done(),",
	}, {
		File: "pkg/kubelet/kubelet.go",
		Why:  "the node status loop",
		Old:  "kl.nodeStatusUpdateFrequency, 0.04, true, wait.NeverStop)",
		New:  "kl.nodeStatusUpdateFrequency, 0.04, true, ctx.Done())",
	}, {
		File: "pkg/kubelet/kubelet.go",
		Why:  "the first node status",
		Old:  "go kl.fastStatusUpdateOnce(context.WithoutCancel(ctx))",
		New:  "go kl.fastStatusUpdateOnce(ctx)",
	}, {
		File: "pkg/kubelet/kubelet.go",
		Why:  "the first node status tries until the node is ready, which a stopped one never is",
		Old:  "if kl.fastNodeStatusUpdate(ctx, kl.clock.Since(start) >= nodeReadyGracePeriod) {",
		New:  "if ctx.Err() != nil || kl.fastNodeStatusUpdate(ctx, kl.clock.Since(start) >= nodeReadyGracePeriod) {",
	}, {
		File: "pkg/kubelet/kubelet.go",
		Why:  "the node's lease",
		Old:  "go kl.nodeLeaseController.Run(context.Background())",
		New:  "go kl.nodeLeaseController.Run(ctx)",
	}, {
		File: "pkg/kubelet/kubelet.go",
		Why:  "the runtime classes' informer",
		Old:  "kl.runtimeClassManager.Start(wait.NeverStop)",
		New:  "kl.runtimeClassManager.Start(ctx.Done())",
	}, {
		File: "pkg/kubelet/kubelet.go",
		Why:  "the sync loop itself",
		Old:  "	select {\n	case u, open := <-configCh:",
		New:  "	select {\n	case <-ctx.Done():\n		return false\n	case u, open := <-configCh:",
	}, {
		File: "pkg/kubelet/kubelet.go",
		Why:  "the sync loop while the runtime is not up",
		Old:  "			time.Sleep(duration)\n			duration = ",
		New:  "			select {\n			case <-ctx.Done():\n				return\n			case <-time.After(duration):\n			}\n			duration = ",
	}, {
		File: "pkg/kubelet/kubelet.go",
		Why:  "a sync in flight: what it asked of the runtime is given up with the node",
		Old:  "	sctx := context.WithoutCancel(ctx)\n",
		New:  "	sctx, cancel := context.WithCancel(context.WithoutCancel(ctx))\n	defer cancel()\n	defer context.AfterFunc(kl.ctx, cancel)()\n",
	}, {
		File: "pkg/kubelet/kubelet.go",
		Why:  "kubelet.ctx is what NewMainKubelet was called with",
		Old:  "	klet := &Kubelet{\n",
		New:  "	klet := &Kubelet{\n		ctx:                          ctx,\n",
	}, {
		File: "pkg/kubelet/kubelet.go",
		Why:  "kubelet.ctx is what NewMainKubelet was called with",
		Old:  "type Kubelet struct {\n",
		New:  "type Kubelet struct {\n	ctx context.Context\n\n",
	}, {
		File:  "pkg/kubelet/kubelet.go",
		Why:   "a kubelet that cannot start must not take the other sessions with it",
		Old:   "os.Exit(1)",
		New:   "return",
		Count: 4,
	}, {
		File: "pkg/kubelet/kubelet.go",
		Why:  "the watch of the node's pods",
		Old:  "config.NewSourceApiserver(logger,",
		New:  "config.NewSourceApiserver(ctx, logger,",
	}, {
		File: "pkg/kubelet/config/apiserver.go",
		Why:  "the watch of the node's pods",
		Old:  "func NewSourceApiserver(logger",
		New:  "func NewSourceApiserver(ctx context.Context, logger",
	}, {
		File: "pkg/kubelet/config/apiserver.go",
		Why:  "the watch of the node's pods",
		Old:  "		newSourceApiserverFromLW(lw, updates)",
		New:  "		newSourceApiserverFromLW(ctx, lw, updates)",
	}, {
		File: "pkg/kubelet/config/apiserver.go",
		Why:  "the watch of the node's pods",
		Old:  "func newSourceApiserverFromLW(lw",
		New:  "func newSourceApiserverFromLW(ctx context.Context, lw",
	}, {
		File: "pkg/kubelet/config/apiserver.go",
		Why:  "the watch of the node's pods, and nobody may read what it sends",
		Old:  "		updates <- sourceUpdate{Pods: pods}",
		New:  "		select {\n		case <-ctx.Done():\n		case updates <- sourceUpdate{Pods: pods}:\n		}",
	}, {
		File: "pkg/kubelet/config/apiserver.go",
		Why:  "the watch of the node's pods",
		Old:  "go r.Run(wait.NeverStop)",
		New:  "go r.Run(ctx.Done())",
	}, {
		File: "pkg/kubelet/config/apiserver.go",
		Why:  "imports of the above",
		Old:  "	\"k8s.io/apimachinery/pkg/util/wait\"\n",
		New:  "",
	}, {
		File: "pkg/kubelet/config/apiserver.go",
		Why:  "imports of the above",
		Old:  "import (\n",
		New:  "import (\n	\"context\"\n",
	}, {
		File: "pkg/kubelet/config/mux.go",
		Why:  "the merge of pod sources",
		Old:  "	for update := range listenChannel {\n",
		New:  "	for {\n		var update sourceUpdate\n		select {\n		case <-ctx.Done():\n			return\n		case update = <-listenChannel:\n		}\n",
	}, {
		File: "pkg/kubelet/config/config.go",
		Why:  "the merge of pod sources, once nobody reads the result",
		Old:  "		s.updates <- *removes\n",
		New:  "		s.send(ctx, *removes)\n",
	}, {
		File:  "pkg/kubelet/config/config.go",
		Why:   "the merge of pod sources, once nobody reads the result",
		Old:   "		s.updates <- *adds\n",
		New:   "		s.send(ctx, *adds)\n",
		Count: 2,
	}, {
		File: "pkg/kubelet/config/config.go",
		Why:  "the merge of pod sources, once nobody reads the result",
		Old:  "		s.updates <- *updates\n",
		New:  "		s.send(ctx, *updates)\n",
	}, {
		File: "pkg/kubelet/config/config.go",
		Why:  "the merge of pod sources, once nobody reads the result",
		Old:  "		s.updates <- *deletes\n",
		New:  "		s.send(ctx, *deletes)\n",
	}, {
		File: "pkg/kubelet/config/config.go",
		Why:  "the merge of pod sources, once nobody reads the result",
		Old:  "		s.updates <- *reconciles\n",
		New:  "		s.send(ctx, *reconciles)\n",
	}, {
		File: "pkg/kubelet/config/config.go",
		Why:  "the merge of pod sources, once nobody reads the result",
		Old:  "func (s *podStorage) merge(",
		New: `func (s *podStorage) send(ctx context.Context, update kubetypes.PodUpdate) {
	select {
	case <-ctx.Done():
	case s.updates <- update:
	}
}

func (s *podStorage) merge(`,
	}, {
		File: "pkg/kubelet/kubelet.go",
		Why:  "the deletion of dead containers",
		Old:  "newPodContainerDeletor(logger,",
		New:  "newPodContainerDeletor(ctx, logger,",
	}, {
		File: "pkg/kubelet/pod_container_deletor.go",
		Why:  "the deletion of dead containers",
		Old:  "func newPodContainerDeletor(logger",
		New:  "func newPodContainerDeletor(ctx context.Context, logger",
	}, {
		File: "pkg/kubelet/pod_container_deletor.go",
		Why:  "the deletion of dead containers",
		Old:  "			id := <-buffer\n",
		New:  "			var id kubecontainer.ContainerID\n			select {\n			case <-ctx.Done():\n				return\n			case id = <-buffer:\n			}\n",
	}, {
		File: "pkg/kubelet/pod_container_deletor.go",
		Why:  "the deletion of dead containers",
		Old:  "	}, 0, wait.NeverStop)",
		New:  "	}, 0, ctx.Done())",
	}, {
		File: "pkg/kubelet/kubelet.go",
		Why:  "the clean-up of cached tokens",
		Old:  "token.NewManager(kubeDeps.KubeClient)",
		New:  "token.NewManager(ctx, kubeDeps.KubeClient)",
	}, {
		File: "pkg/kubelet/token/token_manager.go",
		Why:  "the clean-up of cached tokens",
		Old:  "func NewManager(c ",
		New:  "func NewManager(ctx context.Context, c ",
	}, {
		File: "pkg/kubelet/token/token_manager.go",
		Why:  "the clean-up of cached tokens",
		Old:  "go wait.Forever(m.cleanup, gcPeriod)",
		New:  "go wait.Until(m.cleanup, gcPeriod, ctx.Done())",
	}, {
		File: "pkg/kubelet/logs/container_log_manager.go",
		Why:  "log rotation",
		Old:  "	go wait.Forever(func() {",
		New:  "	context.AfterFunc(ctx, c.queue.ShutDown)\n	go wait.Until(func() {",
	}, {
		File: "pkg/kubelet/logs/container_log_manager.go",
		Why:  "log rotation",
		Old:  "	}, c.monitoringPeriod.Duration)",
		New:  "	}, c.monitoringPeriod.Duration, ctx.Done())",
	}, {
		File: "pkg/kubelet/status/status_manager.go",
		Why:  "the writing of pod status",
		Old:  "	go wait.Forever(func() {",
		New:  "	go wait.Until(func() {",
	}, {
		File: "pkg/kubelet/status/status_manager.go",
		Why:  "the writing of pod status",
		Old:  "			case <-syncTicker:",
		New:  "			case <-ctx.Done():\n				return\n			case <-syncTicker:",
	}, {
		File: "pkg/kubelet/status/status_manager.go",
		Why:  "the writing of pod status",
		Old:  "			}\n		}\n	}, 0)\n",
		New:  "			}\n		}\n	}, 0, ctx.Done())\n",
	}, {
		File: "pkg/kubelet/pleg/generic.go",
		Why:  "relisting",
		Old:  "	// Fallback: blocking select\n	select {\n",
		New:  "	// Fallback: blocking select\n	select {\n	case <-ctx.Done():\n		return false\n",
	}, {
		File: "pkg/kubelet/server/stats/fs_resource_analyzer.go",
		Why:  "volume statistics",
		Old:  "go wait.Forever(func() { s.updateCachedPodVolumeStats(logger) }, s.calcPeriod)",
		New:  "go wait.Until(func() { s.updateCachedPodVolumeStats(logger) }, s.calcPeriod, ctx.Done())",
	}, {
		File: "pkg/kubelet/pod_workers.go",
		Why:  "the pod workers",
		Old:  "	for range podUpdates {\n",
		New:  "	for {\n		select {\n		case <-parentCtx.Done():\n			return\n		case _, open := <-podUpdates:\n			if !open {\n				return\n			}\n		}\n",
	}, {
		File: "pkg/kubelet/pod_workers.go",
		Why:  "a pod worker in the middle of its work",
		Old:  "context.WithCancel(context.WithoutCancel(parentCtx))",
		New:  "context.WithCancel(parentCtx)",
	}, {
		File: "pkg/kubelet/prober/prober_manager.go",
		Why:  "the probes, which outlive the pod worker that asked for them but not the kubelet",
		Old:  "	ctx = context.WithoutCancel(ctx)\n",
		New:  "	ctx = m.ctx\n",
	}, {
		File: "pkg/kubelet/prober/prober_manager.go",
		Why:  "the probes",
		Old:  "	start time.Time\n}",
		New:  "	start time.Time\n\n	// ctx is the kubelet's.\n	ctx context.Context\n}",
	}, {
		File: "pkg/kubelet/prober/prober_manager.go",
		Why:  "the probes",
		Old:  "	return &manager{\n",
		New:  "	return &manager{\n		ctx:              ctx,\n",
	}, {
		File: "pkg/kubelet/prober/worker.go",
		Why:  "the probes",
		Old:  "		case <-w.stopCh:\n			break probeLoop\n		case <-probeTicker.C:",
		New:  "		case <-ctx.Done():\n			break probeLoop\n		case <-w.stopCh:\n			break probeLoop\n		case <-probeTicker.C:",
	}, {
		File: "pkg/kubelet/kubelet_node_status.go",
		Why:  "the registration, which tries for ever; and its first try need not wait",
		Old:  "	step := 100 * time.Millisecond\n\n	for {\n		time.Sleep(step)\n",
		New:  "	step := 5 * time.Millisecond\n\n	for {\n		select {\n		case <-ctx.Done():\n			return\n		case <-time.After(step):\n		}\n",
	},
}
