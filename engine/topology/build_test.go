package topology

import (
	"encoding/json"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/podhop/podhop/engine/model"
)

// text writes a graph a line a vertex and edge, as its JSON without the ID's parts.
func text(t *testing.T, g model.Graph) string {
	t.Helper()
	var b strings.Builder
	for _, v := range g.Vertices {
		id := v.ID
		v.ID, v.Kind, v.Name, v.Namespace = "", "", "", ""
		line, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString(id + " " + strings.NewReplacer(`"id":"","kind":"","name":"",`, "", `"`, "").Replace(string(line)) + "\n")
	}
	for _, e := range g.Edges {
		b.WriteString(e.ID)
		if !e.Ready {
			b.WriteString(" not ready")
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestBuild(t *testing.T) {
	o := Objects{
		Namespaces: []*corev1.Namespace{parse[corev1.Namespace](t, "metadata: {name: default}\nstatus: {phase: Active}")},
		Nodes: []*corev1.Node{parse[corev1.Node](t, `
metadata: {name: node-1, creationTimestamp: "2026-01-01T00:00:00Z"}
spec: {podCIDRs: [10.244.1.0/24], taints: [{key: a, value: b, effect: NoSchedule}]}
status: {nodeInfo: {kubeletVersion: v1}, addresses: [{type: InternalIP, address: 172.18.0.11}, {type: Hostname, address: node-1}], conditions: [{type: Ready, status: "True"}]}`)},
		Deployments: []*appsv1.Deployment{parse[appsv1.Deployment](t, `
metadata: {name: web, namespace: default}
spec: {replicas: 3}
status: {readyReplicas: 1, conditions: [{type: Progressing, status: "False", message: "it has timed out progressing"}, {type: Available, status: "False", message: x}]}`)},
		ReplicaSets: []*appsv1.ReplicaSet{parse[appsv1.ReplicaSet](t, `
metadata: {name: web-1, namespace: default, ownerReferences: [{kind: Deployment, name: web, controller: true}]}
spec: {replicas: 1}
status: {readyReplicas: 1}`)},
		StatefulSets:           []*appsv1.StatefulSet{parse[appsv1.StatefulSet](t, "metadata: {name: db, namespace: default}")},
		DaemonSets:             []*appsv1.DaemonSet{parse[appsv1.DaemonSet](t, "metadata: {name: d, namespace: default}\nstatus: {desiredNumberScheduled: 3, numberReady: 3}")},
		ReplicationControllers: []*corev1.ReplicationController{parse[corev1.ReplicationController](t, "metadata: {name: rc, namespace: default}\nspec: {replicas: 1}\nstatus: {conditions: [{type: ReplicaFailure, status: 'True', message: 'exceeded quota'}]}")},
		Jobs:                   []*batchv1.Job{parse[batchv1.Job](t, "metadata: {name: j, namespace: default, ownerReferences: [{kind: CronJob, name: c, controller: true}]}\nspec: {completions: 5}\nstatus: {succeeded: 2}")},
		CronJobs:               []*batchv1.CronJob{parse[batchv1.CronJob](t, "metadata: {name: c, namespace: default}\nspec: {schedule: '* * * * *', suspend: true}")},
		Pods: []*corev1.Pod{
			parse[corev1.Pod](t, `
metadata: {name: web-1-a, namespace: default, labels: {app: web}, ownerReferences: [{kind: Other, name: x}, {kind: ReplicaSet, name: web-1, controller: true}]}
spec: {nodeName: node-1, containers: [{name: nginx, image: nginx, ports: [{containerPort: 80, protocol: TCP, name: http}]}]}
status: {phase: Running, podIPs: [{ip: 10.244.1.2}, {ip: "fd00:10:244:1::2"}], conditions: [{type: Ready, status: "True"}], containerStatuses: [{name: nginx, ready: true, restartCount: 1, state: {running: {}}}]}`),
			parse[corev1.Pod](t, `
metadata: {name: web-1-b, namespace: default}
spec: {initContainers: [{name: i, image: x}], containers: [{name: nginx, image: nope}, {name: new, image: z}]}
status: {phase: Pending, initContainerStatuses: [{name: i, state: {terminated: {exitCode: 0}}}], containerStatuses: [{name: nginx, state: {waiting: {reason: ErrImagePull, message: no such image}}}]}`),
		},
		Services: []*corev1.Service{
			parse[corev1.Service](t, `
metadata: {name: web, namespace: default}
spec: {type: NodePort, clusterIP: 10.96.1.1, clusterIPs: [10.96.1.1, "fd00:10:96::1"], selector: {app: web}, externalIPs: [172.18.0.50], ports: [{name: http, protocol: TCP, port: 80, targetPort: http, nodePort: 30080}, {protocol: UDP, port: 53}]}`),
			parse[corev1.Service](t, "metadata: {name: kubernetes, namespace: default}\nspec: {type: ClusterIP, clusterIPs: [10.96.0.1], ports: [{port: 443, protocol: TCP, targetPort: 6443}]}"),
			parse[corev1.Service](t, "metadata: {name: headless, namespace: default}\nspec: {type: ClusterIP, clusterIPs: [None], selector: {a: b}}"),
			parse[corev1.Service](t, "metadata: {name: lb, namespace: default}\nspec: {type: LoadBalancer, clusterIPs: [10.96.1.2]}"),
			parse[corev1.Service](t, "metadata: {name: lb2, namespace: default}\nspec: {type: LoadBalancer, clusterIPs: [10.96.1.3]}\nstatus: {loadBalancer: {ingress: [{ip: 172.18.0.200}]}}"),
			parse[corev1.Service](t, "metadata: {name: out, namespace: default}\nspec: {type: ExternalName, externalName: example.com}"),
			parse[corev1.Service](t, "metadata: {name: unready, namespace: default}\nspec: {type: ClusterIP, clusterIPs: [10.96.1.4]}"),
		},
		EndpointSlices: []*discoveryv1.EndpointSlice{
			parse[discoveryv1.EndpointSlice](t, `
metadata: {name: web-1, namespace: default, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
endpoints:
- {addresses: [10.244.1.2], conditions: {ready: true}, targetRef: {kind: Pod, name: web-1-a}}
- {addresses: [10.244.1.3], conditions: {ready: false}, targetRef: {kind: Pod, name: web-1-b}}`),
			parse[discoveryv1.EndpointSlice](t, `
metadata: {name: web-2, namespace: default, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
endpoints: [{addresses: [10.244.1.2], conditions: {ready: false}, targetRef: {kind: Pod, name: web-1-a}}]`),
			parse[discoveryv1.EndpointSlice](t, `
metadata: {name: web-6, namespace: default, labels: {kubernetes.io/service-name: web}}
addressType: IPv6
endpoints:
- {addresses: ["fd00:10:244:1::2"], conditions: {ready: true}, targetRef: {kind: Pod, name: web-1-a}}
- {addresses: ["fd00:10:244:1::3"], conditions: {ready: false}, targetRef: {kind: Pod, name: web-1-b}}`),
			parse[discoveryv1.EndpointSlice](t, `
metadata: {name: kubernetes, namespace: default, labels: {kubernetes.io/service-name: kubernetes}}
addressType: IPv4
endpoints: [{addresses: [172.18.0.1]}, {addresses: [192.0.2.1]}]`),
			parse[discoveryv1.EndpointSlice](t, `
metadata: {name: unready, namespace: default, labels: {kubernetes.io/service-name: unready}}
addressType: IPv4
endpoints: [{addresses: [172.18.0.11], conditions: {ready: false}, targetRef: {kind: Node, name: node-1}}]`),
			parse[discoveryv1.EndpointSlice](t, "metadata: {name: nobody's, namespace: default}\naddressType: IPv4\nendpoints: [{addresses: [10.0.0.1]}]"),
		},
	}
	n := Network{
		Places: []model.Vertex{
			{ID: "client", Kind: "Client", Name: "client", IPs: []string{"172.18.0.100"}, Ready: true},
			{ID: "underlay", Kind: "Underlay", Name: "underlay", IPs: []string{"172.18.0.1"}, Ready: true},
		},
		Wiring: map[string][]string{"pod/default/web-1-a": {"ip link add"}},
		CNI:    map[string]*model.CNI{"pod/default/web-1-a": {Plugin: "ptp", Config: "{}", Args: []string{"CNI_COMMAND=ADD"}, Result: "{}"}},
	}
	const want = `client {ips:[172.18.0.100],ready:true}
cronjob/default/c {status:* * * * *,ready:false,message:suspended}
daemonset/default/d {status:3/3,ready:true,want:3,have:3}
deployment/default/web {status:1/3,ready:false,message:it has timed out progressing,want:3,have:1}
job/default/j {owner:cronjob/default/c,status:Running,ready:false,want:5,have:2}
namespace/default {status:Active,ready:true}
node/node-1 {ips:[172.18.0.11],status:Ready,ready:true,created:1767225600000,conditions:[{type:Ready,status:True}],facts:[{name:Pod CIDR,value:10.244.1.0/24},{name:Taint,value:a=b:NoSchedule},{name:Kubelet,value:v1}]}
pod/default/web-1-a {parent:node/node-1,owner:replicaset/default/web-1,ips:[10.244.1.2,fd00:10:244:1::2],ports:[{name:http,protocol:TCP,port:80}],labels:{app:web},status:Running,ready:true,want:1,have:1,restarts:1,containers:[{name:nginx,image:nginx,state:running,ready:true,restarts:1}],wiring:[ip link add],cni:{plugin:ptp,config:{},args:[CNI_COMMAND=ADD],result:{}}}
pod/default/web-1-b {status:ErrImagePull,ready:false,message:nginx: no such image,want:2,containers:[{name:i,image:x,state:terminated,reason:ExitCode:0,ready:false},{name:nginx,image:nope,state:waiting,reason:ErrImagePull,message:no such image,ready:false},{name:new,image:z,state:waiting,ready:false}]}
replicaset/default/web-1 {owner:deployment/default/web,status:1/1,ready:true,want:1,have:1}
replicationcontroller/default/rc {status:0/1,ready:false,message:exceeded quota,want:1}
service/default/headless {status:ClusterIP,ready:false,message:no pod matches its selector,facts:[{name:Selector,value:a=b}]}
service/default/kubernetes {ips:[10.96.0.1],ports:[{protocol:TCP,port:443,target:6443}],status:ClusterIP,ready:true,want:2,have:2}
service/default/lb {ips:[10.96.1.2],status:LoadBalancer,ready:false,message:EXTERNAL-IP \u003cpending\u003e}
service/default/lb2 {ips:[10.96.1.3],external:[172.18.0.200],status:LoadBalancer,ready:false}
service/default/out {status:ExternalName,ready:true,message:an alias of example.com,facts:[{name:External name,value:example.com}]}
service/default/unready {ips:[10.96.1.4],status:ClusterIP,ready:false,message:none of its 1 endpoints is ready,want:1}
service/default/web {ips:[10.96.1.1,fd00:10:96::1],external:[172.18.0.50],ports:[{name:http,protocol:TCP,port:80,target:http,nodePort:30080},{protocol:UDP,port:53,target:53}],status:NodePort,ready:true,want:2,have:1,facts:[{name:Selector,value:app=web}]}
statefulset/default/db {status:0/1,ready:false,want:1}
underlay {ips:[172.18.0.1],ready:true}
service/default/kubernetes->underlay
service/default/unready->node/node-1 not ready
service/default/web->pod/default/web-1-a
service/default/web->pod/default/web-1-b not ready
`
	for range 10 { // maps are walked on the way: the order must not depend on it
		if got := text(t, Build(&o, &n)); got != want {
			t.Fatalf("got\n%s\nwant\n%s", got, want)
		}
	}
}

func TestBuildNothing(t *testing.T) {
	g := Build(&Objects{}, &Network{})
	if b, _ := json.Marshal(g); string(b) != `{"vertices":[],"edges":[]}` {
		t.Errorf("got %s", b)
	}
}
