package topology

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
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

func TestGateways(t *testing.T) {
	o := Objects{
		Services: []*corev1.Service{
			parse[corev1.Service](t, "metadata: {name: app1, namespace: default}\nspec: {type: ExternalName, externalName: x}"),
		},
		Gateways: []*gatewayv1.Gateway{
			parse[gatewayv1.Gateway](t, `
metadata: {name: web, namespace: default}
spec:
  gatewayClassName: podhop
  listeners:
  - {name: http, port: 80, protocol: HTTP}
  - {name: api, port: 80, protocol: HTTP, hostname: api.example.com}
  - {name: https, port: 443, protocol: HTTPS, hostname: "*.example.com", tls: {certificateRefs: [{name: cert}]}}
status:
  addresses: [{type: IPAddress, value: 203.0.113.2}]
  conditions: [{type: Accepted, status: "True", reason: Accepted}, {type: Programmed, status: "True", reason: Programmed}]
  listeners: [{name: http, attachedRoutes: 1}, {name: api, attachedRoutes: 2}]`),
			parse[gatewayv1.Gateway](t, `
metadata: {name: waits, namespace: other}
spec: {gatewayClassName: podhop, listeners: [{name: u, port: 53, protocol: UDP}]}
status: {conditions: [{type: Programmed, status: "False", reason: Invalid, message: no listener can be served}]}`),
			parse[gatewayv1.Gateway](t, "metadata: {name: foreign, namespace: other}\nspec: {gatewayClassName: else}"),
		},
		HTTPRoutes: []*gatewayv1.HTTPRoute{
			parse[gatewayv1.HTTPRoute](t, `
metadata: {name: shop, namespace: default}
spec:
  parentRefs: [{name: web, sectionName: http}, {name: web, port: 443}]
  hostnames: [shop.example.com, "*.shop.example.com"]
  rules:
  - matches: [{path: {type: PathPrefix, value: /old}, method: GET, headers: [{name: a, value: b}], queryParams: [{name: c, value: d}]}]
    filters: [{type: URLRewrite}]
    backendRefs: [{name: app1, port: 8080, weight: 3}, {name: nobody, namespace: other, port: 80, weight: 1}]
  - filters: [{type: RequestRedirect}]
status:
  parents:
  - parentRef: {name: web, sectionName: http}
    conditions: [{type: Accepted, status: "True", reason: Accepted}, {type: ResolvedRefs, status: "False", reason: BackendNotFound, message: Service other/nobody is not there}]
  - parentRef: {name: web, port: 443}
    conditions: [{type: Accepted, status: "True", reason: Accepted}]`),
			parse[gatewayv1.HTTPRoute](t, `
metadata: {name: lost, namespace: default}
spec: {parentRefs: [{name: gone, namespace: other}, {name: app1, kind: Service, group: ""}], rules: [{backendRefs: [{name: b, kind: Bucket}]}]}`),
			parse[gatewayv1.HTTPRoute](t, `
metadata: {name: refused, namespace: other}
spec: {parentRefs: [{name: web, namespace: default}]}
status: {parents: [{parentRef: {name: web, namespace: default}, conditions: [{type: Accepted, status: "False", reason: NotAllowedByListeners, message: no listener takes it}]}]}`),
		},
		GRPCRoutes: []*gatewayv1.GRPCRoute{
			parse[gatewayv1.GRPCRoute](t, `
metadata: {name: echo, namespace: default}
spec:
  parentRefs: [{name: web}]
  rules: [{matches: [{method: {type: Exact, service: pkg.Echo, method: Say}}, {method: {service: pkg.Echo}, headers: [{name: a, value: b}]}], backendRefs: [{name: app1, port: 90}]}]
status: {parents: [{parentRef: {name: web}, conditions: [{type: Accepted, status: "True", reason: Accepted}, {type: ResolvedRefs, status: "True", reason: ResolvedRefs}]}]}`),
		},
	}
	const want = `gateway/default/web {external:[203.0.113.2],ports:[{protocol:TCP,port:80},{protocol:TCP,port:443}],status:Programmed,ready:true,conditions:[{type:Accepted,status:True,reason:Accepted},{type:Programmed,status:True,reason:Programmed}],facts:[{name:Class,value:podhop},{name:Listener,value:http, HTTP on port 80, 1 route},{name:Listener,value:api, HTTP on port 80, api.example.com, 2 routes},{name:Listener,value:https, HTTPS on port 443, *.example.com, Secret cert}]}
gateway/other/foreign {status:no controller,ready:false,facts:[{name:Class,value:else}]}
gateway/other/waits {ports:[{protocol:UDP,port:53}],status:Invalid,ready:false,message:no listener can be served,conditions:[{type:Programmed,status:False,reason:Invalid,message:no listener can be served}],facts:[{name:Class,value:podhop},{name:Listener,value:u, UDP on port 53}]}
grpcroute/default/echo {status:Accepted,ready:true,conditions:[{type:Accepted,status:True,reason:Accepted},{type:ResolvedRefs,status:True,reason:ResolvedRefs}],rules:[{path:/pkg.Echo/Say,text:rule 1, Exact,to:service/default/app1,port:90},{path:/pkg.Echo/*,text:rule 1, header a=b,to:service/default/app1,port:90}],facts:[{name:Parent,value:web}]}
httproute/default/lost {status:not attached,ready:false,message:there is no Gateway gone,rules:[{text:rule 1, to Bucket b}],facts:[{name:Parent,value:other/gone},{name:Parent,value:app1}]}
httproute/default/shop {status:BackendNotFound,ready:false,message:Service other/nobody is not there,conditions:[{type:Accepted,status:True,reason:Accepted},{type:ResolvedRefs,status:False,reason:BackendNotFound,message:Service other/nobody is not there},{type:Accepted,status:True,reason:Accepted}],rules:[{host:shop.example.com,path:/old,text:rule 1, PathPrefix, GET, header a=b, query c=d, URLRewrite, weight 3,to:service/default/app1,port:8080},{host:shop.example.com,path:/old,text:rule 1, PathPrefix, GET, header a=b, query c=d, URLRewrite, weight 1,to:service/other/nobody,port:80},{host:shop.example.com,text:rule 2, RequestRedirect, no backend},{host:*.shop.example.com,path:/old,text:rule 1, PathPrefix, GET, header a=b, query c=d, URLRewrite, weight 3,to:service/default/app1,port:8080},{host:*.shop.example.com,path:/old,text:rule 1, PathPrefix, GET, header a=b, query c=d, URLRewrite, weight 1,to:service/other/nobody,port:80},{host:*.shop.example.com,text:rule 2, RequestRedirect, no backend}],facts:[{name:Parent,value:web, listener http},{name:Parent,value:web, port 443}]}
httproute/other/refused {status:NotAllowedByListeners,ready:false,message:no listener takes it,conditions:[{type:Accepted,status:False,reason:NotAllowedByListeners,message:no listener takes it}],facts:[{name:Parent,value:default/web}]}
service/default/app1 {status:ExternalName,ready:true,message:an alias of x,facts:[{name:External name,value:x}]}
gateway/default/web->grpcroute/default/echo
gateway/default/web->httproute/default/shop
grpcroute/default/echo->service/default/app1
httproute/default/shop->service/default/app1
`
	if got := text(t, Build(&o, &Network{})); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
