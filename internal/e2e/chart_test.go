package e2e

import "path/filepath"

// small is for nodes that have little room.
const small = " --set resources.requests.cpu=100m,resources.requests.memory=64Mi,resources.limits.memory=256Mi"

// chart is how Podhop is installed in a cluster.
var chart = filepath.Join(root, "server", "chart", "podhop")

// A session is a cluster, and so the chart is tried in one: all but running the server, whose
// image is in no catalogue.
var chartCommands = []step{
	{line: "helm lint --strict $CHART", says: "1 chart(s) linted, 0 chart(s) failed"},
	{line: "helm template podhop $CHART --set replicas=3", exit: 1, says: "more than one replica needs config.store"},
	{line: "helm template podhop $CHART --set replicas=3,config.store=etcds://etcd", exit: 1, says: "more than one replica needs config.peers"},
	{line: "helm template podhop $CHART --set replicas=0", exit: 1, says: "replicas\nminimum"},
	{line: "helm template podhop $CHART --set service.type=None", exit: 1, says: "service/type"},
	{line: "helm template podhop $CHART --set serviceMonitor.enabled=true,config.base-path=/lab", says: "kind: ServiceMonitor\npath: /lab/metrics\nbase-path: /lab"},
	{line: "helm install demo $CHART" + small, says: "STATUS: deployed\nkubectl -n chart port-forward service/demo-podhop 8080:80"},
	{line: "kubectl wait --for=jsonpath='{.status.phase}'=Bound pvc/data-demo-podhop-0 --timeout=90s", says: "condition met"},
	{line: "kubectl wait --for=condition=PodScheduled pod/demo-podhop-0 --timeout=90s", says: "pod/demo-podhop-0 condition met"},
	{line: "kubectl get statefulset,service,configmap,serviceaccount -l app.kubernetes.io/instance=demo -o name",
		says: "statefulset.apps/demo-podhop\nservice/demo-podhop-hosts\nconfigmap/demo-podhop\nserviceaccount/demo-podhop"},
	{line: "helm upgrade demo $CHART" + small + " --set replicas=2,config.store=etcd://etcd:2379,config.peers=10.244.0.0/16,ingress.enabled=true,ingress.host=lab.example.org,ingress.tlsSecret=lab",
		says: "REVISION: 2\nhttps://lab.example.org/"},
	{line: "kubectl wait --for=condition=PodScheduled pod/demo-podhop-1 --timeout=90s", says: "pod/demo-podhop-1 condition met"},
	{line: "kubectl get ingress,pdb -o name", says: "ingress.networking.k8s.io/demo-podhop\npoddisruptionbudget.policy/demo-podhop"},
	{line: "helm uninstall demo", says: `release "demo" uninstalled`},
	{line: "kubectl get statefulset,service,configmap,ingress,pdb -l app.kubernetes.io/instance=demo", says: "No resources found in chart namespace."},
}
