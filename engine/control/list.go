package control

import (
	"context"
	"slices"
	"time"
	_ "time/tzdata" // CronJobs' time zones, wherever the server runs; the API checks them too

	"github.com/podhop/podhop/engine/api/informer"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/util/flowcontrol"
	csitrans "k8s.io/csi-translation-lib"
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
	"k8s.io/kubernetes/pkg/controller/resourceclaim"
	"k8s.io/kubernetes/pkg/controller/serviceaccount"
	"k8s.io/kubernetes/pkg/controller/servicecidrs"
	"k8s.io/kubernetes/pkg/controller/statefulset"
	"k8s.io/kubernetes/pkg/controller/tainteviction"
	"k8s.io/kubernetes/pkg/controller/ttl"
	"k8s.io/kubernetes/pkg/controller/ttlafterfinished"
	"k8s.io/kubernetes/pkg/controller/volume/ephemeral"
	"k8s.io/kubernetes/pkg/controller/volume/expand"
	"k8s.io/kubernetes/pkg/controller/volume/persistentvolume"
	"k8s.io/kubernetes/pkg/controller/volume/pvcprotection"
	"k8s.io/kubernetes/pkg/controller/volume/pvprotection"
	"k8s.io/kubernetes/pkg/volume/csimigration"
)

func kinds(names ...string) (out []schema.GroupResource) {
	for _, n := range names {
		out = append(out, schema.ParseGroupResource(n))
	}
	return out
}

// list is kube-controller-manager's and kube-scheduler's work, with one worker
// each where they have more: a session is small, and a goroutine is not free.
// The settings are upstream's defaults (cmd/kube-controller-manager/app) where
// nothing else is said.
func (s *Controllers) list() []controller {
	list := slices.Concat(s.workloads(), s.cluster(), s.volumes(), s.certificates())
	for _, c := range s.config.Also {
		list = append(list, controller{c.Name, c.On, nil, c.Make})
	}
	return list
}

type run = func(context.Context)

// workloads own pods.
func (s *Controllers) workloads() []controller {
	c := s.client
	return []controller{
		{"deployment", kinds("deployments.apps"), nil, func(ctx context.Context, f *informer.Factory) (run, error) {
			d, err := deployment.NewDeploymentController(ctx, f.Apps().V1().Deployments(), f.Apps().V1().ReplicaSets(), f.Core().V1().Pods(), c)
			return func(ctx context.Context) { d.Run(ctx, 1) }, err
		}},
		{"replicaset", kinds("replicasets.apps", "deployments.apps"), nil, func(ctx context.Context, f *informer.Factory) (run, error) {
			r := replicaset.NewReplicaSetController(ctx, f.Apps().V1().ReplicaSets(), f.Core().V1().Pods(), c, replicaset.BurstReplicas)
			return func(ctx context.Context) { r.Run(ctx, 1) }, nil
		}},
		{"replicationcontroller", kinds("replicationcontrollers"), nil, func(ctx context.Context, f *informer.Factory) (run, error) {
			r := replication.NewReplicationManager(ctx, f.Core().V1().Pods(), f.Core().V1().ReplicationControllers(), c, replication.BurstReplicas)
			return func(ctx context.Context) { r.Run(ctx, 1) }, nil
		}},
		{"daemonset", kinds("daemonsets.apps"), nil, func(ctx context.Context, f *informer.Factory) (run, error) {
			d, err := daemon.NewDaemonSetsController(ctx, f.Apps().V1().DaemonSets(), f.Apps().V1().ControllerRevisions(), f.Core().V1().Pods(), f.Core().V1().Nodes(), c,
				flowcontrol.NewBackOff(time.Second, 15*time.Minute))
			return func(ctx context.Context) { d.Run(ctx, 1) }, err
		}},
		{"statefulset", kinds("statefulsets.apps"), nil, func(ctx context.Context, f *informer.Factory) (run, error) {
			r := statefulset.NewStatefulSetController(ctx, f.Core().V1().Pods(), f.Apps().V1().StatefulSets(), f.Core().V1().PersistentVolumeClaims(), f.Apps().V1().ControllerRevisions(), c)
			return func(ctx context.Context) { r.Run(ctx, 1) }, nil
		}},
		{"job", kinds("jobs.batch", "cronjobs.batch"), nil, func(ctx context.Context, f *informer.Factory) (run, error) {
			j, err := job.NewController(ctx, c, f.Core().V1().Pods(), f.Batch().V1().Jobs(), nil, nil)
			return func(ctx context.Context) { j.Run(ctx, 1) }, err
		}},
		{"cronjob", kinds("cronjobs.batch"), nil, func(ctx context.Context, f *informer.Factory) (run, error) {
			j, err := cronjob.NewControllerV2(ctx, f.Batch().V1().Jobs(), f.Batch().V1().CronJobs(), c)
			return func(ctx context.Context) { j.Run(ctx, 1) }, err
		}},
		{"ttl-after-finished", kinds("jobs.batch"), nil, func(ctx context.Context, f *informer.Factory) (run, error) {
			t := ttlafterfinished.New(ctx, f.Batch().V1().Jobs(), c)
			return func(ctx context.Context) { t.Run(ctx, 1) }, nil
		}},
		{"disruption", kinds("poddisruptionbudgets.policy"), nil, s.disruption},
		{"horizontal-pod-autoscaling", kinds("horizontalpodautoscalers.autoscaling"), nil, s.autoscaling},
		{"pod-garbage-collector", kinds("pods"), nil, func(ctx context.Context, f *informer.Factory) (run, error) {
			p := podgc.NewPodGC(ctx, c, f.Core().V1().Pods(), f.Core().V1().Nodes(), 12500)
			return p.Run, nil
		}},
		{"resourceclaim", kinds("resourceclaims.resource.k8s.io", "resourceclaimtemplates.resource.k8s.io"), nil, func(ctx context.Context, f *informer.Factory) (run, error) {
			r, err := resourceclaim.NewController(klog.FromContext(ctx), c, f.Core().V1().Pods(), f.Scheduling().V1beta1().PodGroups(),
				f.Resource().V1().ResourceClaims(), f.Resource().V1().ResourceClaimTemplates())
			return func(ctx context.Context) { r.Run(ctx, 1) }, err
		}},
		{"scheduler", nil, nil, s.scheduler},
	}
}

// cluster are the controllers of services, nodes, namespaces and accounts.
func (s *Controllers) cluster() []controller {
	c := s.client
	list := []controller{
		// A Service that a session begins with gets its slices when there are pods.
		{"endpointslice", kinds("pods"), kinds("services"), func(ctx context.Context, f *informer.Factory) (run, error) {
			e := endpointslice.NewController(ctx, f.Core().V1().Pods(), f.Core().V1().Services(), f.Core().V1().Nodes(), f.Discovery().V1().EndpointSlices(), 100, c, 0)
			return func(ctx context.Context) { e.Run(ctx, 1) }, nil
		}},
		{"endpoints", nil, kinds("services"), func(ctx context.Context, f *informer.Factory) (run, error) {
			e := endpoint.NewEndpointController(ctx, f.Core().V1().Pods(), f.Core().V1().Services(), f.Core().V1().Endpoints(), c, 0)
			return func(ctx context.Context) { e.Run(ctx, 1) }, nil
		}},
		{"endpointslice-mirroring", nil, kinds("endpoints"), func(ctx context.Context, f *informer.Factory) (run, error) {
			m := endpointslicemirroring.NewController(ctx, f.Core().V1().Endpoints(), f.Discovery().V1().EndpointSlices(), f.Core().V1().Services(), 1000, c, 0)
			return func(ctx context.Context) { m.Run(ctx, 1) }, nil
		}},
		{"service-cidr", nil, kinds("servicecidrs.networking.k8s.io"), func(ctx context.Context, f *informer.Factory) (run, error) {
			r := servicecidrs.NewController(ctx, f.Networking().V1().ServiceCIDRs(), f.Networking().V1().IPAddresses(), c)
			return func(ctx context.Context) { r.Run(ctx, 1) }, nil
		}},
		{"namespace", nil, kinds("namespaces"), s.namespaces},
		{"serviceaccount", nil, kinds("namespaces", "serviceaccounts"), func(ctx context.Context, f *informer.Factory) (run, error) {
			a, err := serviceaccount.NewServiceAccountsController(klog.FromContext(ctx), f.Core().V1().ServiceAccounts(), f.Core().V1().Namespaces(), c,
				serviceaccount.DefaultServiceAccountsControllerOptions())
			return func(ctx context.Context) { a.Run(ctx, 1) }, err
		}},
		{"root-ca-certificate-publisher", nil, kinds("namespaces", "configmaps"), func(ctx context.Context, f *informer.Factory) (run, error) {
			p, err := rootcacertpublisher.NewPublisher(f.Core().V1().ConfigMaps(), f.Core().V1().Namespaces(), c, s.config.RootCA)
			return func(ctx context.Context) { p.Run(ctx, 1) }, err
		}},
		{"clusterrole-aggregation", nil, kinds("clusterroles.rbac.authorization.k8s.io"), func(_ context.Context, f *informer.Factory) (run, error) {
			a := clusterroleaggregation.NewClusterRoleAggregation(f.Rbac().V1().ClusterRoles(), c.RbacV1())
			return func(ctx context.Context) { a.Run(ctx, 1) }, nil
		}},
		{"garbage-collector", nil, nil, s.garbageCollector},
		{"resourcequota", kinds("resourcequotas"), nil, s.resourceQuota},
		// 50 s of silence make a node NotReady upstream, unless --node-monitor-grace-period
		// says otherwise. Here a learner waits for it; kubelets are heard every 10 s.
		{"node-lifecycle", kinds("nodes"), nil, func(ctx context.Context, f *informer.Factory) (run, error) {
			n, err := nodelifecycle.NewNodeLifecycleController(ctx, f.Coordination().V1().Leases(), f.Core().V1().Pods(), f.Core().V1().Nodes(), f.Apps().V1().DaemonSets(), c,
				5*time.Second, time.Minute, 20*time.Second, 0.1, 0.01, 50, 0.55)
			if err != nil {
				return nil, err
			}
			return n.Run, nil
		}},
		{"taint-eviction", kinds("pods"), nil, func(ctx context.Context, f *informer.Factory) (run, error) {
			t, err := tainteviction.New(ctx, c, f.Core().V1().Pods(), f.Core().V1().Nodes(), "taint-eviction-controller")
			if err != nil {
				return nil, err
			}
			return t.Run, nil
		}},
		{"ttl", kinds("nodes"), nil, func(ctx context.Context, f *informer.Factory) (run, error) {
			t := ttl.NewTTLController(ctx, f.Core().V1().Nodes(), c)
			return func(ctx context.Context) { t.Run(ctx, 1) }, nil
		}},
	}
	if s.config.Tokens != nil {
		list = append(list, controller{"serviceaccount-token", kinds("secrets"), nil, func(ctx context.Context, f *informer.Factory) (run, error) {
			t, err := serviceaccount.NewTokensController(klog.FromContext(ctx), f.Core().V1().ServiceAccounts(), f.Core().V1().Secrets(), c,
				serviceaccount.TokensControllerOptions{TokenGenerator: s.config.Tokens, RootCA: s.config.RootCA})
			return func(ctx context.Context) { t.Run(ctx, 1) }, err
		}})
	}
	return list
}

// volumes bind claims and keep volumes in use from being deleted.
func (s *Controllers) volumes() []controller {
	c := s.client
	used := kinds("persistentvolumes", "persistentvolumeclaims")
	return []controller{
		{"persistentvolume-binder", used, nil, func(ctx context.Context, f *informer.Factory) (run, error) {
			p, err := persistentvolume.NewController(ctx, persistentvolume.ControllerParameters{
				// 15 s upstream, which is how long a claim waits that was applied
				// together with its volume and met a conflict.
				KubeClient: c, SyncPeriod: time.Second, VolumePlugins: volumePlugins(),
				VolumeInformer: f.Core().V1().PersistentVolumes(), ClaimInformer: f.Core().V1().PersistentVolumeClaims(), ClassInformer: f.Storage().V1().StorageClasses(),
				PodInformer: f.Core().V1().Pods(), NodeInformer: f.Core().V1().Nodes(), EnableDynamicProvisioning: true,
			})
			if err != nil {
				return nil, err
			}
			return p.Run, nil
		}},
		{"persistentvolume-expander", kinds("persistentvolumeclaims"), nil, func(ctx context.Context, f *informer.Factory) (run, error) {
			csi := csitrans.New()
			e, err := expand.NewExpandController(ctx, c, f.Core().V1().PersistentVolumeClaims(), expandablePlugins(), csi,
				csimigration.NewPluginManager(csi))
			if err != nil {
				return nil, err
			}
			return e.Run, nil
		}},
		{"persistentvolumeclaim-protection", used, nil, func(ctx context.Context, f *informer.Factory) (run, error) {
			p, err := pvcprotection.NewPVCProtectionController(klog.FromContext(ctx), f.Core().V1().PersistentVolumeClaims(), f.Core().V1().Pods(), c)
			return func(ctx context.Context) { p.Run(ctx, 1) }, err
		}},
		{"persistentvolume-protection", used, nil, func(ctx context.Context, f *informer.Factory) (run, error) {
			p, err := pvprotection.NewPVProtectionController(klog.FromContext(ctx), f.Core().V1().PersistentVolumes(), c)
			return func(ctx context.Context) { p.Run(ctx, 1) }, err
		}},
		{"ephemeral-volume", kinds("pods"), nil, func(ctx context.Context, f *informer.Factory) (run, error) {
			e, err := ephemeral.NewController(ctx, c, f.Core().V1().Pods(), f.Core().V1().PersistentVolumeClaims())
			return func(ctx context.Context) { e.Run(ctx, 1) }, err
		}},
	}
}
