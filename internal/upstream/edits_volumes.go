package main

// volumeEdits wake the volume loops when a pod waits for them: upstream's look
// every 100 ms, and the pod's worker every 300 ms.
var volumeEdits = []edit{
	{
		File: "pkg/kubelet/volumemanager/populator/desired_state_of_world_populator.go",
		Why:  "the loop runs when it is asked to, and else every second",
		Old:  "	wait.UntilWithContext(ctx, dswp.populatorLoop, dswp.loopSleepDuration)",
		New: `	for ctx.Err() == nil {
		dswp.populatorLoop(ctx)
		t := time.NewTimer(time.Second)
		select {
		case <-ctx.Done():
		case <-dswp.kick:
		case <-t.C:
		}
		t.Stop()
	}`,
	}, {
		File: "pkg/kubelet/volumemanager/populator/desired_state_of_world_populator.go",
		Why:  "the loop runs when it is asked to",
		Old:  "	dswp.markPodProcessingFailed(podName)\n}\n\nfunc (dswp *desiredStateOfWorldPopulator) HasAddedPods",
		New: `	dswp.markPodProcessingFailed(podName)
	dswp.Kick()
}

// Kick runs the loop now.
func (dswp *desiredStateOfWorldPopulator) Kick() {
	select {
	case dswp.kick <- struct{}{}:
	default:
	}
}

func (dswp *desiredStateOfWorldPopulator) HasAddedPods`,
	}, {
		File: "pkg/kubelet/volumemanager/populator/desired_state_of_world_populator.go",
		Why:  "the loop runs when it is asked to",
		Old:  "type desiredStateOfWorldPopulator struct {\n",
		New:  "type desiredStateOfWorldPopulator struct {\n	kick                     chan struct{}\n",
	}, {
		File: "pkg/kubelet/volumemanager/populator/desired_state_of_world_populator.go",
		Why:  "the loop runs when it is asked to",
		Old:  "	return &desiredStateOfWorldPopulator{\n",
		New:  "	return &desiredStateOfWorldPopulator{\n		kick:                make(chan struct{}, 1),\n",
	}, {
		File: "pkg/kubelet/volumemanager/populator/desired_state_of_world_populator.go",
		Why:  "the loop runs when it is asked to",
		Old:  "	ReprocessPod(podName volumetypes.UniquePodName)\n",
		New:  "	ReprocessPod(podName volumetypes.UniquePodName)\n\n	// Kick runs the loop now.\n	Kick()\n",
	}, {
		File: "pkg/kubelet/volumemanager/populator/desired_state_of_world_populator.go",
		Why:  "a session's first pod comes right after its nodes",
		Old:  "wait.PollUntilContextCancel(ctx, dswp.loopSleepDuration, false,",
		New:  "wait.PollUntilContextCancel(ctx, dswp.loopSleepDuration/10, true,",
	}, {
		File: "pkg/kubelet/volumemanager/reconciler/reconciler.go",
		Why:  "the loop runs when it is asked to, and else every second",
		Old:  "	wait.Until(func() { rc.reconcile(ctx) }, rc.loopSleepDuration, stopCh)",
		New: `	for ctx.Err() == nil {
		rc.reconcile(ctx)
		t := time.NewTimer(time.Second)
		select {
		case <-stopCh:
			t.Stop()
			return
		case <-rc.kick:
		case <-t.C:
		}
		t.Stop()
	}`,
	}, {
		File: "pkg/kubelet/volumemanager/reconciler/reconciler.go",
		Why:  "the loop runs when it is asked to",
		Old:  "func (rc *reconciler) reconcile(",
		New: `// Kick runs the loop now.
func (rc *reconciler) Kick() {
	select {
	case rc.kick <- struct{}{}:
	default:
	}
}

func (rc *reconciler) reconcile(`,
	}, {
		File: "pkg/kubelet/volumemanager/reconciler/reconciler.go",
		Why:  "imports of the above",
		Old:  "	\"k8s.io/apimachinery/pkg/util/wait\"\n",
		New:  "",
	}, {
		File: "pkg/kubelet/volumemanager/reconciler/reconciler.go",
		Why:  "imports of the above",
		Old:  "	\"context\"\n",
		New:  "	\"context\"\n	\"time\"\n",
	}, {
		File: "pkg/kubelet/volumemanager/reconciler/reconciler_common.go",
		Why:  "the loop runs when it is asked to",
		Old:  "	Run(ctx context.Context, stopCh <-chan struct{})\n",
		New:  "	Run(ctx context.Context, stopCh <-chan struct{})\n\n	// Kick runs the loop now.\n	Kick()\n",
	}, {
		File: "pkg/kubelet/volumemanager/reconciler/reconciler_common.go",
		Why:  "the loop runs when it is asked to",
		Old:  "type reconciler struct {\n",
		New:  "type reconciler struct {\n	kick                          chan struct{}\n",
	}, {
		File: "pkg/kubelet/volumemanager/reconciler/reconciler_common.go",
		Why:  "the loop runs when it is asked to",
		Old:  "	return &reconciler{\n",
		New:  "	return &reconciler{\n		kick:                            make(chan struct{}, 1),\n",
	}, {
		File:  "pkg/kubelet/volumemanager/volume_manager.go",
		Why:   "a pod that waits looks at once, and then at rising intervals up to upstream's",
		Old:   "	err := wait.PollUntilContextTimeout(\n		ctx,\n		podAttachAndMountRetryInterval,\n		podAttachAndMountTimeout,\n		true,\n		vm.verify",
		New:   "	err := vm.waitKicking(\n		ctx,\n		vm.verify",
		Count: 2,
	}, {
		File: "pkg/kubelet/volumemanager/volume_manager.go",
		Why:  "a pod that waits wakes the loops, and looks at rising intervals up to upstream's",
		Old:  "func (vm *volumeManager) WaitForUnmount(",
		New: `// waitKicking wakes the populator and the reconciler until done says true.
func (vm *volumeManager) waitKicking(ctx context.Context, done wait.ConditionWithContextFunc) error {
	ctx, cancel := context.WithTimeout(ctx, podAttachAndMountTimeout)
	defer cancel()
	for interval := time.Millisecond; ; interval = min(interval+interval/2, podAttachAndMountRetryInterval) {
		if ok, err := done(ctx); ok || err != nil {
			return err
		}
		vm.desiredStateOfWorldPopulator.Kick()
		vm.reconciler.Kick()
		t := time.NewTimer(interval)
		select {
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		case <-t.C:
		}
	}
}

func (vm *volumeManager) WaitForUnmount(`,
	}, {
		File: "pkg/kubelet/kubelet.go",
		Why:  "a deleted pod waits for its volumes' folders to go",
		Old:  "wait.PollUntilContextCancel(ctx, 100*time.Millisecond, true, func(ctx context.Context) (bool, error) {\n		volumesExist",
		New:  "wait.PollUntilContextCancel(ctx, 5*time.Millisecond, true, func(ctx context.Context) (bool, error) {\n		volumesExist",
	}, {
		File: "pkg/volume/util/atomic_writer_linux.go",
		Why:  "where the server has one id only, every user of a container is its root, who may read the file whoever owns it",
		Old:  "	return os.Lchown(name, uid, gid)\n",
		New:  "	if err := os.Lchown(name, uid, gid); !errors.Is(err, syscall.EINVAL) { // an id that is not mapped\n		return err\n	}\n	return nil\n",
	}, {
		File: "pkg/volume/util/atomic_writer_linux.go",
		Why:  "imports of the above",
		Old:  "import \"os\"\n",
		New:  "import (\n	\"errors\"\n	\"os\"\n	\"syscall\"\n)\n",
	}, {
		File: "pkg/kubelet/configmap/configmap_manager.go",
		Why:  "a config map that is not there is told as by a kubelet that watches them",
		Old:  "	return s.kubeClient.CoreV1().ConfigMaps(namespace).Get(context.TODO(), name, metav1.GetOptions{})\n",
		New:  "	c, err := s.kubeClient.CoreV1().ConfigMaps(namespace).Get(context.TODO(), name, metav1.GetOptions{})\n	if apierrors.IsNotFound(err) {\n		err = apierrors.NewNotFound(corev1.Resource(\"configmap\"), name)\n	}\n	return c, err\n",
	}, {
		File: "pkg/kubelet/secret/secret_manager.go",
		Why:  "a secret that is not there is told as by a kubelet that watches them",
		Old:  "	return s.kubeClient.CoreV1().Secrets(namespace).Get(context.TODO(), name, metav1.GetOptions{})\n",
		New:  "	c, err := s.kubeClient.CoreV1().Secrets(namespace).Get(context.TODO(), name, metav1.GetOptions{})\n	if apierrors.IsNotFound(err) {\n		err = apierrors.NewNotFound(corev1.Resource(\"secret\"), name)\n	}\n	return c, err\n",
	}, {
		File: "pkg/kubelet/configmap/configmap_manager.go",
		Why:  "imports of the above",
		Old:  "	metav1 \"k8s.io/apimachinery/pkg/apis/meta/v1\"\n",
		New:  "	apierrors \"k8s.io/apimachinery/pkg/api/errors\"\n	metav1 \"k8s.io/apimachinery/pkg/apis/meta/v1\"\n",
	}, {
		File: "pkg/kubelet/secret/secret_manager.go",
		Why:  "imports of the above",
		Old:  "	metav1 \"k8s.io/apimachinery/pkg/apis/meta/v1\"\n",
		New:  "	apierrors \"k8s.io/apimachinery/pkg/api/errors\"\n	metav1 \"k8s.io/apimachinery/pkg/apis/meta/v1\"\n",
	},
}
