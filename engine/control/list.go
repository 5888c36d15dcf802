package control

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/util/flowcontrol"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/controller/certificates/rootcacertpublisher"
	"k8s.io/kubernetes/pkg/controller/clusterroleaggregation"
	"k8s.io/kubernetes/pkg/controller/cronjob"
	"k8s.io/kubernetes/pkg/controller/daemon"
	"k8s.io/kubernetes/pkg/controller/deployment"
	"k8s.io/kubernetes/pkg/controller/endpoint"
	"k8s.io/kubernetes/pkg/controller/endpointslice"
	"k8s.io/kubernetes/pkg/controller/endpointslicemirroring"
	"k8s.io/kubernetes/pkg/controller/job"
	"k8s.io/kubernetes/pkg/controller/nodelifecycle"
	"k8s.io/kubernetes/pkg/controller/podgc"
	"k8s.io/kubernetes/pkg/controller/replicaset"
	"k8s.io/kubernetes/pkg/controller/replication"
	"k8s.io/kubernetes/pkg/controller/serviceaccount"
	"k8s.io/kubernetes/pkg/controller/statefulset"
	"k8s.io/kubernetes/pkg/controller/tainteviction"
	"k8s.io/kubernetes/pkg/controller/ttl"
	"k8s.io/kubernetes/pkg/controller/ttlafterfinished"
	"k8s.io/kubernetes/pkg/controller/volume/ephemeral"
	"k8s.io/kubernetes/pkg/controller/volume/persistentvolume"
	"k8s.io/kubernetes/pkg/controller/volume/pvcprotection"
	"k8s.io/kubernetes/pkg/controller/volume/pvprotection"
)

func kinds(names ...string) (out []schema.GroupResource) {
	for _, n := range names {
		out = append(out, schema.ParseGroupResource(n))
	}
	return out
}

// list is kube-controller-manager's and kube-scheduler's work, with one worker
// each where they have more: a session is small, and a goroutine is not free.
// The settings are upstream's defaults (cmd/kube-controller-manager/app) but
// for the batch periods of endpoints, which are zero there too.
func (s *Controllers) list() []controller {
	return append(append(s.workloads(), s.cluster()...), s.volumes()...)
}

type run = func(context.Context)

// workloads own pods.
func (s *Controllers) workloads() []controller {
	f, c := s.config.Informers, s.client
	core, apps, batch := f.Core().V1(), f.Apps().V1(), f.Batch().V1()
	return []controller{
		{"deployment", kinds("deployments.apps"), func(ctx context.Context) (run, error) {
			d, err := deployment.NewDeploymentController(ctx, apps.Deployments(), apps.ReplicaSets(), core.Pods(), c)
			return func(ctx context.Context) { d.Run(ctx, 1) }, err
		}},
		{"replicaset", kinds("replicasets.apps", "deployments.apps"), func(ctx context.Context) (run, error) {
			r := replicaset.NewReplicaSetController(ctx, apps.ReplicaSets(), core.Pods(), c, replicaset.BurstReplicas)
			return func(ctx context.Context) { r.Run(ctx, 1) }, nil
		}},
		{"replicationcontroller", kinds("replicationcontrollers"), func(ctx context.Context) (run, error) {
			r := replication.NewReplicationManager(ctx, core.Pods(), core.ReplicationControllers(), c, replication.BurstReplicas)
			return func(ctx context.Context) { r.Run(ctx, 1) }, nil
		}},
		{"daemonset", kinds("daemonsets.apps"), func(ctx context.Context) (run, error) {
			d, err := daemon.NewDaemonSetsController(ctx, apps.DaemonSets(), apps.ControllerRevisions(), core.Pods(), core.Nodes(), c,
				flowcontrol.NewBackOff(time.Second, 15*time.Minute))
			return func(ctx context.Context) { d.Run(ctx, 1) }, err
		}},
		{"statefulset", kinds("statefulsets.apps"), func(ctx context.Context) (run, error) {
			r := statefulset.NewStatefulSetController(ctx, core.Pods(), apps.StatefulSets(), core.PersistentVolumeClaims(), apps.ControllerRevisions(), c)
			return func(ctx context.Context) { r.Run(ctx, 1) }, nil
		}},
		{"job", kinds("jobs.batch", "cronjobs.batch"), func(ctx context.Context) (run, error) {
			j, err := job.NewController(ctx, c, core.Pods(), batch.Jobs(), nil, nil)
			return func(ctx context.Context) { j.Run(ctx, 1) }, err
		}},
		{"cronjob", kinds("cronjobs.batch"), func(ctx context.Context) (run, error) {
			j, err := cronjob.NewControllerV2(ctx, batch.Jobs(), batch.CronJobs(), c)
			return func(ctx context.Context) { j.Run(ctx, 1) }, err
		}},
		{"ttl-after-finished", kinds("jobs.batch"), func(ctx context.Context) (run, error) {
			t := ttlafterfinished.New(ctx, batch.Jobs(), c)
			return func(ctx context.Context) { t.Run(ctx, 1) }, nil
		}},
		{"disruption", kinds("poddisruptionbudgets.policy"), s.disruption},
		{"horizontal-pod-autoscaling", kinds("horizontalpodautoscalers.autoscaling"), s.autoscaling},
		{"pod-garbage-collector", kinds("pods"), func(ctx context.Context) (run, error) {
			p := podgc.NewPodGC(ctx, c, core.Pods(), core.Nodes(), 12500)
			return p.Run, nil
		}},
		{"scheduler", nil, s.scheduler},
	}
}

// cluster are the controllers of services, nodes, namespaces and accounts.
func (s *Controllers) cluster() []controller {
	f, c := s.config.Informers, s.client
	core, slices := f.Core().V1(), f.Discovery().V1().EndpointSlices()
	list := []controller{
		{"endpointslice", nil, func(ctx context.Context) (run, error) {
			e := endpointslice.NewController(ctx, core.Pods(), core.Services(), core.Nodes(), slices, 100, c, 0)
			return func(ctx context.Context) { e.Run(ctx, 1) }, nil
		}},
		{"endpoints", nil, func(ctx context.Context) (run, error) {
			e := endpoint.NewEndpointController(ctx, core.Pods(), core.Services(), core.Endpoints(), c, 0)
			return func(ctx context.Context) { e.Run(ctx, 1) }, nil
		}},
		{"endpointslice-mirroring", kinds("endpoints"), func(ctx context.Context) (run, error) {
			m := endpointslicemirroring.NewController(ctx, core.Endpoints(), slices, core.Services(), 1000, c, 0)
			return func(ctx context.Context) { m.Run(ctx, 1) }, nil
		}},
		{"namespace", nil, s.namespaces},
		{"serviceaccount", nil, func(ctx context.Context) (run, error) {
			a, err := serviceaccount.NewServiceAccountsController(klog.FromContext(ctx), core.ServiceAccounts(), core.Namespaces(), c,
				serviceaccount.DefaultServiceAccountsControllerOptions())
			return func(ctx context.Context) { a.Run(ctx, 1) }, err
		}},
		{"root-ca-certificate-publisher", nil, func(ctx context.Context) (run, error) {
			p, err := rootcacertpublisher.NewPublisher(core.ConfigMaps(), core.Namespaces(), c, s.config.RootCA)
			return func(ctx context.Context) { p.Run(ctx, 1) }, err
		}},
		{"clusterrole-aggregation", nil, func(context.Context) (run, error) {
			a := clusterroleaggregation.NewClusterRoleAggregation(f.Rbac().V1().ClusterRoles(), c.RbacV1())
			return func(ctx context.Context) { a.Run(ctx, 1) }, nil
		}},
		{"garbage-collector", nil, s.garbageCollector},
		{"resourcequota", kinds("resourcequotas"), s.resourceQuota},
		{"node-lifecycle", kinds("nodes"), func(ctx context.Context) (run, error) {
			n, err := nodelifecycle.NewNodeLifecycleController(ctx, f.Coordination().V1().Leases(), core.Pods(), core.Nodes(), f.Apps().V1().DaemonSets(), c,
				5*time.Second, time.Minute, 50*time.Second, 0.1, 0.01, 50, 0.55)
			if err != nil {
				return nil, err
			}
			return n.Run, nil
		}},
		{"taint-eviction", kinds("pods"), func(ctx context.Context) (run, error) {
			t, err := tainteviction.New(ctx, c, core.Pods(), core.Nodes(), "taint-eviction-controller")
			if err != nil {
				return nil, err
			}
			return t.Run, nil
		}},
		{"ttl", kinds("nodes"), func(ctx context.Context) (run, error) {
			t := ttl.NewTTLController(ctx, core.Nodes(), c)
			return func(ctx context.Context) { t.Run(ctx, 1) }, nil
		}},
	}
	if s.config.Tokens != nil {
		list = append(list, controller{"serviceaccount-token", kinds("secrets"), func(ctx context.Context) (run, error) {
			t, err := serviceaccount.NewTokensController(klog.FromContext(ctx), core.ServiceAccounts(), core.Secrets(), c,
				serviceaccount.TokensControllerOptions{TokenGenerator: s.config.Tokens, RootCA: s.config.RootCA})
			return func(ctx context.Context) { t.Run(ctx, 1) }, err
		}})
	}
	return list
}

// volumes bind claims and keep volumes in use from being deleted.
func (s *Controllers) volumes() []controller {
	f, c := s.config.Informers, s.client
	core := f.Core().V1()
	used := kinds("persistentvolumes", "persistentvolumeclaims")
	return []controller{
		{"persistentvolume-binder", used, func(ctx context.Context) (run, error) {
			p, err := persistentvolume.NewController(ctx, persistentvolume.ControllerParameters{
				KubeClient: c, SyncPeriod: 15 * time.Second, VolumePlugins: volumePlugins(),
				VolumeInformer: core.PersistentVolumes(), ClaimInformer: core.PersistentVolumeClaims(), ClassInformer: f.Storage().V1().StorageClasses(),
				PodInformer: core.Pods(), NodeInformer: core.Nodes(), EnableDynamicProvisioning: true,
			})
			if err != nil {
				return nil, err
			}
			return p.Run, nil
		}},
		{"persistentvolumeclaim-protection", used, func(ctx context.Context) (run, error) {
			p, err := pvcprotection.NewPVCProtectionController(klog.FromContext(ctx), core.PersistentVolumeClaims(), core.Pods(), c)
			return func(ctx context.Context) { p.Run(ctx, 1) }, err
		}},
		{"persistentvolume-protection", used, func(ctx context.Context) (run, error) {
			p, err := pvprotection.NewPVProtectionController(klog.FromContext(ctx), core.PersistentVolumes(), c)
			return func(ctx context.Context) { p.Run(ctx, 1) }, err
		}},
		{"ephemeral-volume", kinds("pods"), func(ctx context.Context) (run, error) {
			e, err := ephemeral.NewController(ctx, c, core.Pods(), core.PersistentVolumeClaims())
			return func(ctx context.Context) { e.Run(ctx, 1) }, err
		}},
	}
}
