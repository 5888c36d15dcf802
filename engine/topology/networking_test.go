package topology

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

func TestIngresses(t *testing.T) {
	o := Objects{
		Services: []*corev1.Service{
			parse[corev1.Service](t, "metadata: {name: app1, namespace: default}\nspec: {type: ExternalName, externalName: x}"),
		},
		Ingresses: []*networkingv1.Ingress{
			parse[networkingv1.Ingress](t, `
metadata: {name: my-ingress, namespace: default}
spec:
  ingressClassName: podhop
  tls: [{hosts: [example.com], secretName: cert}]
  defaultBackend: {service: {name: app1, port: {number: 81}}}
  rules:
  - host: example.com
    http: {paths: [
      {path: /app1, pathType: Prefix, backend: {service: {name: app1, port: {name: http}}}},
      {path: /app2, pathType: Exact, backend: {service: {name: app2, port: {name: http}}}},
      {path: /app3, pathType: Exact, backend: {service: {name: app2, port: {name: http}}}}]}
  - host: "*.example.com"
status: {loadBalancer: {ingress: [{ip: 203.0.113.1}]}}`),
			parse[networkingv1.Ingress](t, `
metadata: {name: other, namespace: other, annotations: {kubernetes.io/ingress.class: old}}
spec: {defaultBackend: {resource: {kind: Bucket, name: b}}}`),
		},
	}
	const want = `ingress/default/my-ingress {external:[203.0.113.1],status:served,ready:true,message:there is no Service app2,rules:[{host:example.com,path:/app1,text:Prefix,to:service/default/app1,port:http},{host:example.com,path:/app2,text:Exact,to:service/default/app2,port:http},{host:example.com,path:/app3,text:Exact,to:service/default/app2,port:http},{host:*.example.com,text:to the default backend},{text:everything else,to:service/default/app1,port:81}],facts:[{name:Class,value:podhop},{name:TLS,value:example.com, Secret cert}]}
ingress/other/other {status:no address,ready:false,rules:[{text:everything else to Bucket b}],facts:[{name:Class,value:old}]}
service/default/app1 {status:ExternalName,ready:true,message:an alias of x,facts:[{name:External name,value:x}]}
ingress/default/my-ingress->service/default/app1
`
	if got := text(t, Build(&o, &Network{})); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestPolicies(t *testing.T) {
	o := Objects{
		Pods: []*corev1.Pod{
			parse[corev1.Pod](t, "metadata: {name: a, namespace: default, labels: {app: web}}"),
			parse[corev1.Pod](t, "metadata: {name: a, namespace: other, labels: {app: web}}"),
			parse[corev1.Pod](t, "metadata: {name: b, namespace: default}"),
			parse[corev1.Pod](t, "metadata: {name: c, namespace: default, labels: {app: web}}\nspec: {hostNetwork: true}"),
		},
		NetworkPolicies: []*networkingv1.NetworkPolicy{
			parse[networkingv1.NetworkPolicy](t, `
metadata: {name: web, namespace: default}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Ingress, Egress]
  ingress:
  - from: [{podSelector: {matchLabels: {app: allowed}}}, {namespaceSelector: {}}, {podSelector: {}, namespaceSelector: {matchLabels: {a: b}}}]
    ports: [{protocol: TCP, port: 80}, {protocol: UDP, port: 53, endPort: 54}]
  - {}
  egress:
  - to: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}, {podSelector: {}}]
    ports: [{port: http}, {}]`),
			parse[networkingv1.NetworkPolicy](t, "metadata: {name: deny, namespace: default}\nspec: {podSelector: {}, policyTypes: [Ingress, Egress]}"),
			parse[networkingv1.NetworkPolicy](t, "metadata: {name: nobody, namespace: third}\nspec: {podSelector: {}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {matchLabels: {a: b}}}]}]}"),
		},
	}
	const want = `networkpolicy/default/deny {status:Ingress, Egress,ready:true,want:2,have:2,rules:[{text:ingress: from nobody},{text:egress: to nobody}],facts:[{name:Selects,value:all pods of the namespace}]}
networkpolicy/default/web {status:Ingress, Egress,ready:true,want:1,have:1,rules:[{text:ingress 1: from pods app=allowed or any pod of any namespace or any pod of namespaces a=b, port TCP 80 or UDP 53-54},{text:ingress 2: from anywhere, any port},{text:egress 1: to 10.0.0.0/8 except 10.1.0.0/16 or any pod of the namespace, port TCP http or TCP}],facts:[{name:Selects,value:pods app=web}]}
networkpolicy/third/nobody {status:Egress,ready:true,message:it selects no pod,rules:[{text:egress 1: to any pod of namespaces a=b, any port}],facts:[{name:Selects,value:all pods of the namespace}]}
pod/default/a {labels:{app:web},ready:false}
pod/default/b {ready:false}
pod/default/c {labels:{app:web},ready:false,facts:[{name:Network,value:its node's own}]}
pod/other/a {labels:{app:web},ready:false}
networkpolicy/default/deny->pod/default/a
networkpolicy/default/deny->pod/default/b
networkpolicy/default/web->pod/default/a
`
	if got := text(t, Build(&o, &Network{})); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestServiceFacts(t *testing.T) {
	got := serviceFacts(parse[corev1.Service](t, `
spec:
  type: LoadBalancer
  ipFamilies: [IPv6, IPv4]
  sessionAffinity: ClientIP
  sessionAffinityConfig: {clientIP: {timeoutSeconds: 90}}
  externalTrafficPolicy: Local
  internalTrafficPolicy: Local
  trafficDistribution: PreferClose
  loadBalancerClass: x/y
  loadBalancerSourceRanges: [172.18.0.0/24, 10.0.0.0/8]
  healthCheckNodePort: 30000
  publishNotReadyAddresses: true`))
	want := []string{"IP families: IPv6, IPv4", "Session affinity: ClientIP for 1m30s", "External traffic: Local", "Internal traffic: Local",
		"Traffic distribution: PreferClose", "Class: x/y", "Source ranges: 172.18.0.0/24, 10.0.0.0/8", "Health check port: 30000", "Not ready endpoints: published"}
	if len(got) != len(want) {
		t.Fatalf("got %v", got)
	}
	for i := range want {
		if line := got[i].Name + ": " + got[i].Value; line != want[i] {
			t.Errorf("got %q, want %q", line, want[i])
		}
	}
}
