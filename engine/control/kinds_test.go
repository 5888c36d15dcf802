package control

//lint:file-ignore SA1019 Endpoints are mirrored as long as upstream serves them

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	policyv1 "k8s.io/api/policy/v1"
	resourcev1 "k8s.io/api/resource/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/watch"
)

// kubelet makes scheduled pods run, or finish if their image is "done", and
// lets go of deleted ones, until ctx is over.
func (l *lab) kubelet(ctx context.Context, t *testing.T) {
	w, err := l.c.CoreV1().Pods("").Watch(ctx, metav1.ListOptions{})
	if err != nil {
		t.Error(err)
		return
	}
	ip := 1
	for e := range w.ResultChan() {
		p, ok := e.Object.(*corev1.Pod)
		if !ok || e.Type == watch.Deleted || p.Spec.NodeName == "" {
			continue
		}
		pods := l.c.CoreV1().Pods(p.Namespace)
		switch {
		case p.DeletionTimestamp != nil:
			_ = pods.Delete(ctx, p.Name, *metav1.NewDeleteOptions(0))
		case p.Status.Phase == corev1.PodPending:
			ip++
			p.Status.Phase, p.Status.PodIP = corev1.PodRunning, fmt.Sprintf("10.244.1.%d", ip)
			p.Status.PodIPs = []corev1.PodIP{{IP: p.Status.PodIP}}
			p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.Now()})
			if p.Spec.Containers[0].Image == "done" {
				p.Status.Phase = corev1.PodSucceeded
			}
			_, _ = pods.UpdateStatus(ctx, p, metav1.UpdateOptions{})
		}
	}
}

// until repeats a question about the API until the answer is yes.
func until(t *testing.T, what string, yes func(context.Context) (bool, error)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		ok, err := yes(ctx)
		if ok {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not in time; last error: %v", what, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func template(image string, restart corev1.RestartPolicy) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "x"}},
		Spec: corev1.PodSpec{RestartPolicy: restart, Containers: []corev1.Container{{Name: "c", Image: image,
			Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{"cpu": resource.MustParse("10m")}}}}}}
}

func TestEveryController(t *testing.T) {
	s := server(t)
	before := steady()
	was := stacks()
	l := open(t, s, "a")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); l.kubelet(ctx, t) }()
	o := metav1.CreateOptions{}
	sel := &metav1.LabelSelector{MatchLabels: map[string]string{"app": "x"}}
	one := int32(1)
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	in := func(t *testing.T) string { // a namespace of the test's own, with its service account and root certificate
		ns, err := l.c.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "t-"}}, o)
		must(ns, err)
		until(t, "default service account", func(ctx context.Context) (bool, error) {
			_, err := l.c.CoreV1().ServiceAccounts(ns.Name).Get(ctx, "default", metav1.GetOptions{})
			return err == nil, err
		})
		until(t, "root certificate", func(ctx context.Context) (bool, error) {
			cm, err := l.c.CoreV1().ConfigMaps(ns.Name).Get(ctx, "kube-root-ca.crt", metav1.GetOptions{})
			return err == nil && cm.Data["ca.crt"] == "ca", err
		})
		return ns.Name
	}
	pods := func(t *testing.T, ns string, n int) {
		t.Helper()
		until(t, fmt.Sprint(n, " pods"), func(ctx context.Context) (bool, error) {
			l, err := l.c.CoreV1().Pods(ns).List(ctx, metav1.ListOptions{})
			return err == nil && len(l.Items) == n, err
		})
	}
	t.Run("deployment and garbage collection", func(t *testing.T) {
		ns := in(t)
		must(l.c.AppsV1().Deployments(ns).Create(ctx, web(2), o))
		pods(t, ns, 2)
		must(nil, l.c.AppsV1().Deployments(ns).Delete(ctx, "web", metav1.DeleteOptions{}))
		pods(t, ns, 0)
	})
	t.Run("replication controller", func(t *testing.T) {
		ns, tpl := in(t), template("x", "")
		must(l.c.CoreV1().ReplicationControllers(ns).Create(ctx, &corev1.ReplicationController{ObjectMeta: metav1.ObjectMeta{Name: "x"},
			Spec: corev1.ReplicationControllerSpec{Replicas: &one, Selector: sel.MatchLabels, Template: &tpl}}, o))
		pods(t, ns, 1)
	})
	t.Run("daemon set", func(t *testing.T) {
		ns := in(t)
		must(l.c.AppsV1().DaemonSets(ns).Create(ctx, &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Name: "x"}, Spec: appsv1.DaemonSetSpec{Selector: sel, Template: template("x", "")}}, o))
		pods(t, ns, 3)
	})
	t.Run("stateful set", func(t *testing.T) {
		ns, two := in(t), int32(2)
		must(l.c.AppsV1().StatefulSets(ns).Create(ctx, &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: "x"},
			Spec: appsv1.StatefulSetSpec{Replicas: &two, ServiceName: "x", Selector: sel, Template: template("x", "")}}, o))
		pods(t, ns, 2)
	})
	t.Run("job that is cleaned up", func(t *testing.T) {
		ns, now := in(t), int32(0)
		j, err := l.c.BatchV1().Jobs(ns).Create(ctx, &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: "x"},
			Spec: batchv1.JobSpec{TTLSecondsAfterFinished: &now, Template: template("done", corev1.RestartPolicyNever)}}, o)
		must(j, err)
		until(t, "job gone", func(ctx context.Context) (bool, error) {
			_, err := l.c.BatchV1().Jobs(ns).Get(ctx, "x", metav1.GetOptions{})
			return apierrors.IsNotFound(err), err
		})
	})
	t.Run("endpoints", func(t *testing.T) {
		ns := in(t)
		must(l.c.AppsV1().Deployments(ns).Create(ctx, web(2), o))
		must(l.c.CoreV1().Services(ns).Create(ctx, &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "web"},
			Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "web"}, Ports: []corev1.ServicePort{{Port: 80}}}}, o))
		until(t, "slices", func(ctx context.Context) (bool, error) {
			l, err := l.c.DiscoveryV1().EndpointSlices(ns).List(ctx, metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=web"})
			return err == nil && len(l.Items) == 1 && len(l.Items[0].Endpoints) == 2, err
		})
		until(t, "endpoints", func(ctx context.Context) (bool, error) {
			e, err := l.c.CoreV1().Endpoints(ns).Get(ctx, "web", metav1.GetOptions{})
			return err == nil && len(e.Subsets) == 1 && len(e.Subsets[0].Addresses) == 2, err
		})
	})
	t.Run("mirrored endpoints", func(t *testing.T) {
		ns := in(t)
		must(l.c.CoreV1().Services(ns).Create(ctx, &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "ext"}, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}}}, o))
		must(l.c.CoreV1().Endpoints(ns).Create(ctx, &corev1.Endpoints{ObjectMeta: metav1.ObjectMeta{Name: "ext"},
			Subsets: []corev1.EndpointSubset{{Addresses: []corev1.EndpointAddress{{IP: "1.2.3.4"}}, Ports: []corev1.EndpointPort{{Port: 80}}}}}, o))
		until(t, "slice", func(ctx context.Context) (bool, error) {
			l, err := l.c.DiscoveryV1().EndpointSlices(ns).List(ctx, metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=ext"})
			return err == nil && len(l.Items) == 1, err
		})
	})
	t.Run("disruption budget and eviction", func(t *testing.T) {
		ns, all := in(t), intstr.FromInt32(2)
		must(l.c.AppsV1().Deployments(ns).Create(ctx, web(2), o))
		must(l.c.PolicyV1().PodDisruptionBudgets(ns).Create(ctx, &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Name: "x"},
			Spec: policyv1.PodDisruptionBudgetSpec{MinAvailable: &all, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}}}, o))
		until(t, "budget", func(ctx context.Context) (bool, error) {
			b, err := l.c.PolicyV1().PodDisruptionBudgets(ns).Get(ctx, "x", metav1.GetOptions{})
			return err == nil && b.Status.CurrentHealthy == 2, err
		})
		list, err := l.c.CoreV1().Pods(ns).List(ctx, metav1.ListOptions{})
		must(list, err)
		err = l.c.PolicyV1().Evictions(ns).Evict(ctx, &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: list.Items[0].Name, Namespace: ns}})
		if !apierrors.IsTooManyRequests(err) {
			t.Error(err)
		}
	})
	t.Run("quota", func(t *testing.T) {
		ns := in(t)
		must(l.c.CoreV1().ResourceQuotas(ns).Create(ctx, &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: "x"},
			Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("1")}}}, o))
		until(t, "quota counts", func(ctx context.Context) (bool, error) {
			q, err := l.c.CoreV1().ResourceQuotas(ns).Get(ctx, "x", metav1.GetOptions{})
			return err == nil && len(q.Status.Used) == 1, err
		})
		must(l.c.AppsV1().Deployments(ns).Create(ctx, web(2), o))
		pods(t, ns, 1)
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "more"}, Spec: template("x", "").Spec}
		if _, err := l.c.CoreV1().Pods(ns).Create(ctx, p, o); !apierrors.IsForbidden(err) {
			t.Error(err)
		}
	})
	t.Run("resource claim of a template", func(t *testing.T) {
		ns, tpl := in(t), "gpu"
		must(l.c.ResourceV1().ResourceClaimTemplates(ns).Create(ctx, &resourcev1.ResourceClaimTemplate{ObjectMeta: metav1.ObjectMeta{Name: tpl}, Spec: resourcev1.ResourceClaimTemplateSpec{
			Spec: resourcev1.ResourceClaimSpec{Devices: resourcev1.DeviceClaim{Requests: []resourcev1.DeviceRequest{{Name: "one", Exactly: &resourcev1.ExactDeviceRequest{DeviceClassName: "gpu.example.com"}}}}}}}, o))
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "x"}, Spec: template("x", "").Spec}
		p.Spec.ResourceClaims = []corev1.PodResourceClaim{{Name: "it", ResourceClaimTemplateName: &tpl}}
		must(l.c.CoreV1().Pods(ns).Create(ctx, p, o))
		until(t, "the pod's own claim", func(ctx context.Context) (bool, error) {
			p, err := l.c.CoreV1().Pods(ns).Get(ctx, "x", metav1.GetOptions{})
			if err != nil || len(p.Status.ResourceClaimStatuses) != 1 || p.Status.ResourceClaimStatuses[0].ResourceClaimName == nil {
				return false, err
			}
			_, err = l.c.ResourceV1().ResourceClaims(ns).Get(ctx, *p.Status.ResourceClaimStatuses[0].ResourceClaimName, metav1.GetOptions{})
			return err == nil, err
		})
		must(nil, l.c.CoreV1().Pods(ns).Delete(ctx, "x", *metav1.NewDeleteOptions(0)))
		until(t, "no claim without it", func(ctx context.Context) (bool, error) {
			l, err := l.c.ResourceV1().ResourceClaims(ns).List(ctx, metav1.ListOptions{})
			return err == nil && len(l.Items) == 0, err
		})
	})
	t.Run("autoscaler says what it lacks", func(t *testing.T) {
		ns := in(t)
		must(l.c.AppsV1().Deployments(ns).Create(ctx, web(1), o))
		must(l.c.AutoscalingV2().HorizontalPodAutoscalers(ns).Create(ctx, &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Name: "x"},
			Spec: autoscalingv2.HorizontalPodAutoscalerSpec{MaxReplicas: 2, ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"}}}, o))
		until(t, "condition", func(ctx context.Context) (bool, error) {
			h, err := l.c.AutoscalingV2().HorizontalPodAutoscalers(ns).Get(ctx, "x", metav1.GetOptions{})
			return err == nil && len(h.Status.Conditions) > 1, err
		})
	})
	t.Run("volume claim", func(t *testing.T) {
		ns, class, size := in(t), "", corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}
		mode := []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
		must(l.c.CoreV1().PersistentVolumes().Create(ctx, &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "v"}, Spec: corev1.PersistentVolumeSpec{
			Capacity: size, AccessModes: mode, PersistentVolumeSource: corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/x"}}}}, o))
		must(l.c.CoreV1().PersistentVolumeClaims(ns).Create(ctx, &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: "c"}, Spec: corev1.PersistentVolumeClaimSpec{
			StorageClassName: &class, AccessModes: mode, Resources: corev1.VolumeResourceRequirements{Requests: size}}}, o))
		until(t, "bound", func(ctx context.Context) (bool, error) {
			c, err := l.c.CoreV1().PersistentVolumeClaims(ns).Get(ctx, "c", metav1.GetOptions{})
			return err == nil && c.Status.Phase == corev1.ClaimBound, err
		})
	})
	t.Run("volume that grows", func(t *testing.T) {
		ns, class, size := in(t), "grows", corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}
		mode, yes := []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, true
		must(l.c.StorageV1().StorageClasses().Create(ctx, &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: class}, Provisioner: "kubernetes.io/no-provisioner", AllowVolumeExpansion: &yes}, o))
		must(l.c.CoreV1().PersistentVolumes().Create(ctx, &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "g"}, Spec: corev1.PersistentVolumeSpec{
			Capacity: size, AccessModes: mode, StorageClassName: class, PersistentVolumeSource: corev1.PersistentVolumeSource{Local: &corev1.LocalVolumeSource{Path: "/x"}},
			NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
				MatchExpressions: []corev1.NodeSelectorRequirement{{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpExists}}}}}}}}, o))
		claims := l.c.CoreV1().PersistentVolumeClaims(ns)
		must(claims.Create(ctx, &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: "c"}, Spec: corev1.PersistentVolumeClaimSpec{
			StorageClassName: &class, AccessModes: mode, Resources: corev1.VolumeResourceRequirements{Requests: size}}}, o))
		until(t, "bound", func(ctx context.Context) (bool, error) {
			c, err := claims.Get(ctx, "c", metav1.GetOptions{})
			return err == nil && c.Status.Phase == corev1.ClaimBound, err
		})
		must(claims.Patch(ctx, "c", types.MergePatchType, []byte(`{"spec":{"resources":{"requests":{"storage":"2Gi"}}}}`), metav1.PatchOptions{}))
		until(t, "the volume's new size, and a wait for the kubelet", func(ctx context.Context) (bool, error) {
			v, err := l.c.CoreV1().PersistentVolumes().Get(ctx, "g", metav1.GetOptions{})
			if err != nil || v.Spec.Capacity.Storage().String() != "2Gi" {
				return false, err
			}
			c, err := claims.Get(ctx, "c", metav1.GetOptions{})
			return err == nil && slices.ContainsFunc(c.Status.Conditions, func(c corev1.PersistentVolumeClaimCondition) bool {
				return c.Type == corev1.PersistentVolumeClaimFileSystemResizePending
			}), err
		})
	})
	t.Run("token secret", func(t *testing.T) {
		ns := in(t)
		must(l.c.CoreV1().Secrets(ns).Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "x", Annotations: map[string]string{corev1.ServiceAccountNameKey: "default"}},
			Type: corev1.SecretTypeServiceAccountToken}, o))
		until(t, "token", func(ctx context.Context) (bool, error) {
			s, err := l.c.CoreV1().Secrets(ns).Get(ctx, "x", metav1.GetOptions{})
			return err == nil && len(s.Data["token"]) > 0, err
		})
	})
	t.Run("namespace", func(t *testing.T) {
		ns := in(t)
		must(l.c.AppsV1().Deployments(ns).Create(ctx, web(1), o))
		must(nil, l.c.CoreV1().Namespaces().Delete(ctx, ns, metav1.DeleteOptions{}))
		until(t, "namespace gone", func(ctx context.Context) (bool, error) {
			_, err := l.c.CoreV1().Namespaces().Get(ctx, ns, metav1.GetOptions{})
			return apierrors.IsNotFound(err), err
		})
	})
	t.Log(l.Running())
	cancel()
	<-done
	l.close()
	deadline := time.Now().Add(20 * time.Second)
	for runtime.NumGoroutine() > before {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before\n%s", runtime.NumGoroutine(), before, more(was, stacks()))
		}
		time.Sleep(time.Millisecond)
	}
}

// TestFirstQuota makes what a session's first quota counts in the same breath.
func TestFirstQuota(t *testing.T) {
	s := server(t)
	for i := range 5 {
		l := open(t, s, fmt.Sprint("s", i))
		if _, err := l.c.CoreV1().ResourceQuotas("default").Create(t.Context(), &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: "x"},
			Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("1")}}}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		for n, allowed := range []bool{true, false, false} {
			p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("p", n)}, Spec: template("x", "").Spec}
			_, err := l.c.CoreV1().Pods("default").Create(t.Context(), p, metav1.CreateOptions{})
			if allowed && err != nil || !allowed && (!apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "exceeded quota: x, requested: pods=1, used: pods=1, limited: pods=1")) {
				t.Errorf("session %d, pod %d: %v", i, n, err)
			}
		}
		l.close()
	}
}

// TestSettingsAreSeen makes what admission looks up, and in the same breath what needs it.
func TestSettingsAreSeen(t *testing.T) {
	l := open(t, server(t), "a")
	defer l.close()
	ctx, o := t.Context(), metav1.CreateOptions{}
	for i := range 100 {
		name := fmt.Sprint("x", i)
		if _, err := l.c.SchedulingV1().PriorityClasses().Create(ctx, &schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: name}, Value: int32(i)}, o); err != nil {
			t.Fatal(err)
		}
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: template("x", "").Spec}
		p.Spec.PriorityClassName, p.Spec.NodeName = name, "elsewhere"
		if p, err := l.c.CoreV1().Pods("default").Create(ctx, p, o); err != nil || *p.Spec.Priority != int32(i) {
			t.Fatal(p.Spec.Priority, err)
		}
		if err := l.c.SchedulingV1().PriorityClasses().Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		p.Name += "-late"
		if _, err := l.c.CoreV1().Pods("default").Create(ctx, p, o); !apierrors.IsForbidden(err) {
			t.Fatalf("of a priority class that was deleted: %v", err)
		}
	}
}

// steady returns the number of goroutines once it has not changed for a while.
func steady() int {
	n := runtime.NumGoroutine()
	for same := 0; same < 30; time.Sleep(10 * time.Millisecond) {
		if now := runtime.NumGoroutine(); now != n {
			n, same = now, 0
		} else {
			same++
		}
	}
	return n
}

// stacks counts goroutines by where they were started.
func stacks() map[string]int {
	buf := make([]byte, 4<<20)
	out := map[string]int{}
	for _, g := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		_, by, _ := strings.Cut(g, "created by ")
		by, _, _ = strings.Cut(by, " in goroutine")
		if by == g {
			by = ""
		}
		_, top, _ := strings.Cut(g, "\n")
		top, _, _ = strings.Cut(strings.SplitN(top, "\n", 2)[0], "(")
		out[by+" <- "+top]++
	}
	return out
}

func more(was, is map[string]int) (out string) {
	for k, n := range is {
		if n > was[k] {
			out += fmt.Sprintln(n-was[k], k)
		}
	}
	return out
}
