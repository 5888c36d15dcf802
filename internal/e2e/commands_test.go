package e2e

import "testing"

// web is what most commands are tried on.
const web = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: nginx, image: nginx, ports: [{containerPort: 80, name: http}]}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 8080, targetPort: http, name: web}]}
`

// commands are tried side by side, each list in a namespace of its own.
var commands = map[string][]step{
	"chart": chartCommands,
	"get": {
		{line: "kubectl apply -f web.yaml", says: "deployment.apps/web created\nservice/web created"},
		{line: "kubectl rollout status deploy/web", says: `deployment "web" successfully rolled out`},
		{line: "kubectl get pods -o custom-columns=NAME:.metadata.name,IP:.status.podIP --no-headers", says: "web-\n10.244."},
		{line: "kubectl get pods -o go-template='{{range .items}}{{.status.phase}} {{end}}'", says: "Running Running"},
		{line: "kubectl get deploy -o jsonpath='{.items[0].status.readyReplicas}'", says: "2"},
		{line: "kubectl get deploy web -o json", says: `"kind": "Deployment",`},
		{line: "kubectl get deploy,svc -o wide", says: "deployment.apps/web   2/2     2            2\nservice/web"},
		{line: "kubectl get deploy.v1.apps/web -o name", says: "deployment.apps/web"},
		{line: "kubectl get pods --chunk-size=1 -L app --show-labels", says: "app=web,pod-template-hash="},
		{line: "kubectl get pods -l 'app in (web),!nothing' --field-selector status.phase=Running,spec.nodeName!=nowhere -o name", says: "pod/web-"},
		{line: "kubectl get pods --field-selector nothing=1", exit: 1, says: "field label not supported: nothing"},
		{line: "kubectl get pods -A --sort-by='{.metadata.name}'", says: "kube-system"},
		{line: "kubectl get pods nothing", exit: 1, says: `Error from server (NotFound): pods "nothing" not found`},
		{line: "kubectl get nothing", exit: 1, says: `error: the server doesn't have a resource type "nothing"`},
		{line: "kubectl get --raw /readyz", says: "ok"},
		{line: "kubectl get --raw /nothing", exit: 1, says: "Error from server (NotFound): the server could not find the requested resource"},
		{line: "kubectl describe deploy web", says: "2 desired | 2 updated | 2 total | 2 available | 0 unavailable\nScalingReplicaSet"},
		{line: "kubectl describe svc web", says: "TargetPort:               http/TCP"},
		{line: "kubectl describe ns get", says: "Status:       Active"},
		{line: "kubectl events --for deployment/web --types=Normal", says: "Scaled up replica set web-"},
		{line: "kubectl get events --field-selector reason=Scheduled --sort-by=.lastTimestamp", says: "Successfully assigned get/web-"},
		{line: "kubectl api-resources --namespaced=false -o name", says: "nodes\ncustomresourcedefinitions.apiextensions.k8s.io"},
		{line: "kubectl api-resources --api-group=apps --sort-by=kind -o wide", says: "statefulsets          sts          apps/v1      true         StatefulSet"},
		{line: "kubectl api-versions", says: "apps/v1\nv1"},
		{line: "kubectl cluster-info", says: "Kubernetes control plane\nCoreDNS"},
		{line: "kubectl cluster-info dump --namespaces get --output-directory dump; ls dump/get", says: "Cluster info dumped to dump\ndeployments.json\nweb-"},
		{line: "kubectl version -o yaml", says: "serverVersion:\nminor: \"37\""},
		{line: "kubectl explain pod.spec.containers.livenessProbe.httpGet", says: "FIELD: httpGet <HTTPGetAction>\npath	<string>"},
		{line: "kubectl explain deployment --output=plaintext-openapiv2", says: "spec	<Object> -required-"},
		{line: "kubectl explain pod.nothing", exit: 1, says: `error: field "nothing" does not exist`},
		{line: "kubectl completion bash", says: "__start_kubectl"},
		{line: "kubectl __complete get pods ''", says: "web-\n:4"},
		{line: "kubectl __complete -n ge", says: "get"},
		{line: "kubectl __complete rollout status deploy/", says: "deploy/web"},
	},
	"change": {
		{line: "kubectl create deployment web --image=nginx --replicas=2 --port=80", says: "deployment.apps/web created"},
		{line: "kubectl expose deploy/web --target-port=80 --port=8080 --name=front", says: "service/front exposed"},
		{line: "kubectl expose deploy/web --port=80 --type=NodePort --name=node", says: "service/node exposed"},
		{line: "kubectl get svc front node -o jsonpath='{.items[*].spec.ports[0].targetPort} {.items[*].spec.type}'", says: "80 80 ClusterIP NodePort"},
		{line: "kubectl autoscale deploy/web --min=1 --max=3 --cpu=80%", says: "horizontalpodautoscaler.autoscaling/web autoscaled"},
		{line: "kubectl get hpa web -o jsonpath='{.spec.maxReplicas} {.spec.metrics[0].resource.target.averageUtilization}'", says: "3 80"},
		{line: "kubectl delete hpa web", says: `horizontalpodautoscaler.autoscaling "web" deleted`},
		{line: "kubectl scale deploy/web --replicas=1 --current-replicas=9", exit: 1, says: "error: Expected replicas to be 9, was 2"},
		{line: "kubectl scale deploy/web --replicas=1 --current-replicas=2", says: "deployment.apps/web scaled"},
		{line: "kubectl set image deploy/web nginx=nginx:1.25", says: "deployment.apps/web image updated"},
		{line: "kubectl set image deploy/web nothing=nginx", exit: 1, says: `error: unable to find container named "nothing"`},
		{line: "kubectl set env deploy/web A=b", says: "deployment.apps/web env updated"},
		{line: "kubectl set env deploy/web --list", says: "# Deployment web, container nginx\nA=b"},
		{line: "kubectl set resources deploy/web --requests=cpu=10m,memory=16Mi --limits=memory=64Mi", says: "deployment.apps/web resource requirements updated"},
		{line: "kubectl set selector svc/front app=other", says: "service/front selector updated"},
		{line: "kubectl create serviceaccount builder && kubectl set serviceaccount deploy/web builder", says: "serviceaccount/builder created\ndeployment.apps/web serviceaccount updated"},
		{line: "kubectl get deploy web -o jsonpath='{.spec.template.spec}'", says: `"image":"nginx:1.25"` + "\n" + `"env":[{"name":"A","value":"b"}]` + "\n" + `"serviceAccountName":"builder"` + "\n" + `"requests":{"cpu":"10m","memory":"16Mi"}`},
		{line: `kubectl patch deploy web -p '{"spec":{"template":{"spec":{"containers":[{"name":"side","image":"busybox","command":["sleep","9999"]}]}}}}'`, says: "deployment.apps/web patched"},
		{line: "kubectl get deploy web -o jsonpath='{..containers[*].name}'", says: "side nginx"},
		{line: `kubectl patch deploy web --type=merge -p '{"spec":{"template":{"spec":{"containers":[{"name":"nginx","image":"nginx"}]}}}}'`, says: "deployment.apps/web patched"},
		{line: "kubectl get deploy web -o jsonpath='{..containers[*].name}.'", says: "nginx."},
		{line: `kubectl patch deploy web --type=json -p '[{"op":"replace","path":"/spec/replicas","value":2}]'`, says: "deployment.apps/web patched"},
		{line: `kubectl patch deploy web --type=json -p '[{"op":"test","path":"/spec/replicas","value":7}]'`, exit: 1, says: "The request is invalid"},
		{line: `kubectl patch deploy web --subresource=scale --type=merge -p '{"spec":{"replicas":1}}'`, says: "scale.autoscaling/web patched"},
		{line: "kubectl get deploy web --subresource=scale -o yaml", says: "kind: Scale\nreplicas: 1"},
		{line: "kubectl label svc front tier=one", says: "service/front labeled"},
		{line: "kubectl label svc front tier=two", exit: 1, says: "error: 'tier' already has a value (one), and --overwrite is false"},
		{line: "kubectl label svc front tier=two --overwrite && kubectl label svc front tier-", says: "service/front unlabeled"},
		{line: "kubectl label svc front 'bad key=x'", exit: 1, says: `metadata.labels: Invalid value: "bad key"`},
		{line: "kubectl annotate svc front note=one && kubectl annotate svc front --list", says: "note=one"},
		{line: "EDITOR=\"sed -i 's/replicas: .*/replicas: 3/'\" kubectl edit deploy web", says: "deployment.apps/web edited"},
		{line: "EDITOR=true kubectl edit deploy web", says: "Edit cancelled, no changes made."},
		// A Service, because controllers write a Deployment's status in between.
		{line: "kubectl get svc front -o yaml > live.yaml && sed -i 's/port: 8080/port: 8081/' live.yaml && kubectl replace -f live.yaml", says: "service/front replaced"},
		{line: "kubectl replace -f live.yaml", exit: 1, says: "Error from server (Conflict)"},
		{line: "kubectl get deploy web -o yaml > deploy.yaml && kubectl replace --force -f deploy.yaml", says: `deployment.apps "web" deleted` + "\ndeployment.apps/web replaced"},
		{line: "kubectl rollout status deploy/web", says: "successfully rolled out"},
		{line: "kubectl delete deploy web --cascade=orphan && kubectl get rs -l app=web -o name", says: "replicaset.apps/web-"},
		{line: "kubectl delete rs -l app=web --cascade=foreground && kubectl get rs -l app=web", says: "No resources found in change namespace."},
		{line: "kubectl run stubborn --image=busybox -- sh -c 'trap : TERM; while :; do sleep 1; done' && kubectl wait --for=condition=Ready pod/stubborn", says: "pod/stubborn condition met"},
		{line: "kubectl delete pod stubborn --grace-period=0 --force && kubectl get pod stubborn", exit: 1, says: "Warning: Immediate deletion does not wait\n" + `pods "stubborn" not found`},
		{line: "kubectl delete svc --all --dry-run=server", says: `service "front" deleted from change namespace (server dry run)`},
		{line: "kubectl delete svc front nothing", exit: 1, says: `service "front" deleted` + "\n" + `services "nothing" not found`},
		{line: "kubectl delete svc nothing --ignore-not-found"},
	},
	"apply": {
		{line: "kubectl apply -f one.yaml -f two.yaml --prune -l part=of --prune-allowlist=core/v1/ConfigMap", says: "configmap/one created\nconfigmap/two created"},
		{line: "kubectl apply -f one.yaml --prune -l part=of --prune-allowlist=core/v1/ConfigMap", says: "configmap/one unchanged\nconfigmap/two pruned"},
		{line: "KUBECTL_APPLYSET=true kubectl apply -n apply -f one.yaml -f two.yaml --prune --applyset=set", says: "configmap/two created"},
		{line: "KUBECTL_APPLYSET=true kubectl apply -n apply -f two.yaml --prune --applyset=set", says: "configmap/one pruned"},
		{line: "kubectl get secret set -o yaml", says: "applyset.kubernetes.io/contains-group-kinds: ConfigMap"},
		{line: "kubectl apply --server-side -f web.yaml", says: "deployment.apps/web serverside-applied"},
		{line: "sed 's/replicas: 2/replicas: 3/' web.yaml | kubectl apply --server-side --field-manager=other -f -", exit: 1, says: `Apply failed with 1 conflict: conflict with "kubectl": .spec.replicas`},
		{line: "sed 's/replicas: 2/replicas: 3/' web.yaml | kubectl apply --server-side --field-manager=other --force-conflicts -f -", says: "deployment.apps/web serverside-applied"},
		{line: "kubectl get deploy web --show-managed-fields -o jsonpath='{.metadata.managedFields[*].manager} {.metadata.managedFields[*].operation} {.spec.replicas}'", says: "kubectl other\nApply Apply\n3"},
		{line: "kubectl apply -f web.yaml", says: "is missing the kubectl.kubernetes.io/last-applied-configuration annotation\ndeployment.apps/web configured"},
		{line: "kubectl apply view-last-applied deploy/web", says: "replicas: 2"},
		{line: "sed 's/replicas: 2/replicas: 5/' web.yaml | kubectl apply set-last-applied -f - && kubectl apply view-last-applied deploy/web", says: "replicas: 5"},
		{line: "sed 's/image: nginx/image: httpd/' web.yaml | kubectl diff -f -", exit: 1, says: "-      - image: nginx\n+      - image: httpd"},
		{line: "sed 's/image: nginx/image: httpd/' web.yaml | KUBECTL_EXTERNAL_DIFF='diff -N -u --label live --label merged' kubectl diff --server-side --force-conflicts -f -", exit: 1, says: "--- live\n+++ merged\n+      - image: httpd"},
		{line: "kubectl apply -f one.yaml && kubectl diff -f one.yaml"},
		{line: "kubectl create -f one.yaml", exit: 1, says: `configmaps "one" already exists`},
		{line: "kubectl apply -f web.yaml --dry-run=client -o name", says: "deployment.apps/web"},
		{line: "kubectl apply -f unknown.yaml", exit: 1, says: `strict decoding error: unknown field "dat"`},
		{line: "kubectl apply --validate=warn -f unknown.yaml", says: `Warning: unknown field "dat"` + "\nconfigmap/unknown created"},
		{line: "sed 's/v1/none.example.com\\/v1/' unknown.yaml | kubectl apply -f -", exit: 1, says: `no matches for kind "ConfigMap" in version "none.example.com/v1"`},
		{line: "kubectl kustomize kustom", says: "name: k-settings-\nimage: nginx:1.25\nname: k-web\nname: k-settings-"},
		{line: "kubectl apply -k kustom", says: "configmap/k-settings-\nsecret/k-keys-\ndeployment.apps/k-web created"},
		{line: "kubectl rollout status deploy/k-web", says: "successfully rolled out"},
		{line: "kubectl exec deploy/k-web -- sh -c 'echo colour=$colour'", says: "colour=blue"},
		{line: "kubectl diff -k kustom"},
		{line: "kubectl delete -k kustom", says: `deployment.apps "k-web" deleted`},
	},
	"roll": {
		{line: "kubectl apply -f web.yaml && kubectl rollout status deploy/web", says: "successfully rolled out"},
		{line: "kubectl set image deploy/web nginx=nginx:1.25 && kubectl annotate deploy/web kubernetes.io/change-cause='to 1.25' && kubectl rollout status deploy/web", says: "successfully rolled out"},
		{line: "kubectl rollout restart deploy/web", says: "deployment.apps/web restarted"},
		{line: "kubectl rollout status deploy/web", says: "successfully rolled out"},
		{line: "kubectl rollout history deploy/web", says: "1         <none>\n2         to 1.25\n3         to 1.25"},
		{line: "kubectl rollout history deploy/web --revision=2", says: "deployment.apps/web with revision #2\nImage:	nginx:1.25"},
		{line: "kubectl rollout pause deploy/web", says: "deployment.apps/web paused"},
		{line: "kubectl rollout pause deploy/web", exit: 1, says: `error: deployments.apps "web" is already paused`},
		{line: "kubectl rollout restart deploy/web", exit: 1, says: "can't restart paused deployment (run rollout resume first)"},
		{line: "kubectl rollout undo deploy/web", exit: 1, says: "error: you cannot rollback a paused deployment"},
		{line: "kubectl rollout resume deploy/web", says: "deployment.apps/web resumed"},
		{line: "kubectl rollout undo deploy/web --to-revision=1", says: "deployment.apps/web rolled back"},
		{line: "kubectl rollout undo deploy/web --to-revision=99", exit: 1, says: "error: unable to find specified revision 99 in history"},
		{line: "kubectl rollout status deploy/web && kubectl get deploy web -o jsonpath='{..image}'", says: "nginx"},
	},
	"access": {
		{line: "kubectl auth can-i create pods", says: "yes"},
		{line: "kubectl auth can-i create pods --as bob", exit: 1, says: "no"},
		{line: "kubectl auth can-i get pods --subresource=log", says: "yes"},
		{line: "kubectl auth can-i --list --as bob", says: "selfsubjectaccessreviews.authorization.k8s.io"},
		{line: "kubectl auth whoami --as bob --as-group dev --as-uid 12", says: "Username    bob\nUID         12\nGroups      [dev system:authenticated]"},
		{line: "kubectl create role reader --verb=get,list --resource=pods && kubectl create rolebinding readers --role=reader --user=bob", says: "role.rbac.authorization.k8s.io/reader created\nrolebinding.rbac.authorization.k8s.io/readers created"},
		{line: "kubectl get pods --as bob", says: "No resources found in access namespace."},
		{line: "kubectl get services --as bob", exit: 1, says: `services is forbidden: User "bob" cannot list resource "services" in API group "" in the namespace "access"`},
		{line: "kubectl set subject rolebinding readers --serviceaccount=access:default --group=dev && kubectl get rolebinding readers -o wide", says: "Role/reader\ndev      access/default"},
		{line: "kubectl auth reconcile -f roles.yaml", says: "role.rbac.authorization.k8s.io/reader reconciled\nreconciliation required update\n{Verbs:[get] APIGroups:[] Resources:[services] ResourceNames:[] NonResourceURLs:[]}"},
		{line: "kubectl auth reconcile -f roles.yaml --remove-extra-permissions", says: "extra rules removed:"},
		{line: "kubectl get pods --token=invalid", exit: 1, says: "error: You must be logged in to the server (Unauthorized)"},
		{line: `kubectl --token="$(kubectl create token default --duration=10m)" auth whoami`, says: "system:serviceaccount:access:default"},
		{line: "kubectl create token nothing", exit: 1, says: `error: failed to create token: serviceaccounts "nothing" not found`},
		{line: "kubectl create quota few --hard=configmaps=1 && kubectl create configmap more", exit: 1, says: `configmaps "more" is forbidden: exceeded quota: few, requested: configmaps=1, used: configmaps=1, limited: configmaps=1`},
		{line: "kubectl create secret generic keys --from-literal=a=b --dry-run=client -o yaml | kubectl apply -f -", says: "secret/keys created"},
		{line: "kubectl create secret tls nothing --cert=nothing --key=nothing", exit: 1, says: "error: Cannot read file nothing"},
		{line: "kubectl create ingress web --rule='a.example/*=web:80' --class=none && kubectl create poddisruptionbudget web --selector=app=web --min-available=1", says: "ingress.networking.k8s.io/web created\npoddisruptionbudget.policy/web created"},
		{line: "kubectl create cronjob tick --image=busybox --schedule='0 0 1 1 *' -- echo tick && kubectl create job now --from=cronjob/tick && kubectl wait --for=condition=Complete job/now --timeout=90s && kubectl logs job/now", says: "job.batch/now created\njob.batch/now condition met\ntick"},
		{line: "kubectl apply -f request.yaml && kubectl certificate approve access-jane && kubectl wait --for=condition=Approved csr/access-jane && kubectl delete csr access-jane", says: "certificatesigningrequest.certificates.k8s.io/access-jane approved"},
	},
	"wait": {
		{line: "kubectl wait --for=delete pod/nothing"},
		{line: "kubectl wait --for=condition=Ready pod/nothing", exit: 1, says: `pods "nothing" not found`},
		{line: "kubectl wait --for=create configmap/never --timeout=3s", exit: 1, says: "error: timed out waiting for the condition"},
		{line: "kubectl wait --for=create configmap/later --timeout=90s & kubectl create configmap later && wait", says: "configmap/later condition met"},
		{line: "kubectl run once --image=busybox --restart=Never -- echo done && kubectl wait --for=jsonpath='{.status.phase}'=Succeeded pod/once --timeout=90s", says: "pod/once condition met"},
		{line: "kubectl wait --for=condition=Ready pod/once --timeout=3s", exit: 1, says: "error: timed out waiting for the condition on pods/once"},
		{line: "kubectl wait --for=delete pod/once --timeout=90s & kubectl delete pod once --wait=false && wait", says: `pod "once" deleted`},
	},
	"custom": {
		{line: "kubectl apply -f crd.yaml && kubectl wait --for=create crd/steps.test.example && kubectl wait --for=jsonpath='{.status.conditions[?(@.type==\"Established\")].status}'=True crd/steps.test.example --timeout=60s", says: "condition met"},
		{line: "kubectl apply -f step.yaml && kubectl get st", says: "step.test.example/one created\nNAME   COUNT\none    3"},
		{line: "kubectl explain step.spec", says: "GROUP:      test.example\nwhat to do\ncount	<integer>"},
		{line: "kubectl scale step/one --replicas=5 && kubectl get step one -o jsonpath='{.spec.count}'", says: "step.test.example/one scaled\n5"},
		{line: "kubectl patch step one -p '{}'", exit: 1, says: "application/strategic-merge-patch+json is not supported by test.example/v1, Kind=Step"},
		{line: "kubectl get all", says: "step.test.example/one"},
		{line: "kubectl delete crd steps.test.example", says: `customresourcedefinition.apiextensions.k8s.io "steps.test.example" deleted`},
	},
}

var commandFiles = map[string]string{
	"web.yaml":     web,
	"one.yaml":     "{apiVersion: v1, kind: ConfigMap, metadata: {name: one, labels: {part: of}}}",
	"two.yaml":     "{apiVersion: v1, kind: ConfigMap, metadata: {name: two, labels: {part: of}}}",
	"unknown.yaml": "{apiVersion: v1, kind: ConfigMap, metadata: {name: unknown}, dat: {a: b}}",
	"roles.yaml": `{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: reader, namespace: access}, rules: [{apiGroups: [""], resources: [pods, services], verbs: [get]}]}
`,
	// Of jane, of the group dev; made by openssl req -new -newkey ec.
	"request.yaml": "{apiVersion: certificates.k8s.io/v1, kind: CertificateSigningRequest, metadata: {name: access-jane}, spec: {signerName: kubernetes.io/kube-apiserver-client, usages: [client auth], request: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlIV01IOENBUUF3SFRFTU1Bb0dBMVVFQ2d3RFpHVjJNUTB3Q3dZRFZRUUREQVJxWVc1bE1Ga3dFd1lIS29aSQp6ajBDQVFZSUtvWkl6ajBEQVFjRFFnQUVoYm50bjZPcnFqa0xXdEJkekZ2VmJDeEhEKzMySndRaEJ5cGpUMDVVCkNaU0lqOFRFU1BaaVcrOFdzMERjVDNaNFU4K3BobENKSlNYc1dBd3dKeStLRmFBQU1Bb0dDQ3FHU000OUJBTUMKQTBjQU1FUUNJRVZ5a2Q5RTBHaDBkZ2xUZFBFNWlCRXFyUFhjeTk1d1VPbUlITW5tQ0hCOEFpQTZya3JscncxSgowanhHajZ2bURvQ2JsL2RHeEliNkFScUhhRjJ6cGVOeGtBPT0KLS0tLS1FTkQgQ0VSVElGSUNBVEUgUkVRVUVTVC0tLS0tCg==}}",
	"crd.yaml": `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: steps.test.example}
spec:
  group: test.example
  scope: Namespaced
  names: {plural: steps, singular: step, kind: Step, shortNames: [st], categories: [all]}
  versions:
  - name: v1
    served: true
    storage: true
    additionalPrinterColumns: [{name: Count, type: integer, jsonPath: .spec.count}]
    subresources: {scale: {specReplicasPath: .spec.count, statusReplicasPath: .status.count}}
    schema:
      openAPIV3Schema:
        type: object
        properties: {spec: {type: object, description: what to do, properties: {count: {type: integer}}}, status: {type: object, properties: {count: {type: integer}}}}
`,
	"step.yaml":                      "{apiVersion: test.example/v1, kind: Step, metadata: {name: one}, spec: {count: 3}}",
	"kustom/base/kustomization.yaml": "resources: [web.yaml]",
	"kustom/base/web.yaml":           web,
	"kustom/kustomization.yaml": `resources: [base]
namePrefix: k-
labels: [{pairs: {team: one}, includeSelectors: true}]
configMapGenerator: [{name: settings, literals: [colour=blue], files: [file.txt]}]
secretGenerator: [{name: keys, literals: [a=b]}]
images: [{name: nginx, newTag: "1.25"}]
replicas: [{name: web, count: 1}]
patches:
- target: {kind: Deployment}
  patch: '[{"op": "add", "path": "/spec/template/spec/containers/0/env", "value": [{"name": "colour", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "colour"}}}]}]'
`,
	"kustom/file.txt": "of a file\n",
}

// testCommands tries what needs no stream.
func testCommands(t *testing.T, x *session) {
	for name, steps := range commands {
		x.parallel(t, name, func(t *testing.T, x *session) {
			x.fresh(name).shell(commandFiles, "CHART="+chart).steps(steps)
		})
	}
}

// testNodeCommands tries those that change nodes, in a session of two.
func testNodeCommands(t *testing.T, x *session) {
	x.fresh("nodes").shell(commandFiles).steps([]step{
		{line: "kubectl apply -f web.yaml && kubectl rollout status deploy/web", says: "successfully rolled out"},
		{line: "kubectl cordon node-1", says: "node/node-1 cordoned"},
		{line: "kubectl get node node-1", says: "Ready,SchedulingDisabled"},
		{line: "kubectl run bare --image=nginx --overrides='{\"spec\":{\"nodeName\":\"node-1\"}}' && kubectl wait --for=condition=Ready pod/bare --timeout=90s", says: "pod/bare condition met"},
		{line: "kubectl drain node-1 --ignore-daemonsets", exit: 1, says: "cannot delete Pods that declare no controller (use --force to override): nodes/bare"},
		{line: "kubectl drain node-1 --ignore-daemonsets --force --delete-emptydir-data --timeout=90s", says: "evicting pod nodes/bare\npod/bare evicted\nnode/node-1 drained"},
		{line: "kubectl get pods -A --field-selector spec.nodeName=node-1", says: "No resources found"},
		{line: "kubectl uncordon node-1", says: "node/node-1 uncordoned"},
		{line: "kubectl taint node node-1 only=some:NoSchedule", says: "node/node-1 tainted"},
		{line: "kubectl taint node node-1 only=some:NoSchedule", exit: 1, says: "error: node node-1 already has only taint(s) with same effect(s) and --overwrite is false"},
		{line: "kubectl taint node node-1 only=others:NoSchedule --overwrite && kubectl get node node-1 -o jsonpath='{.spec.taints}'", says: `"value":"others"`},
		{line: "kubectl taint node node-1 only-", says: "node/node-1 untainted"},
		{line: "kubectl taint node node-1 only:Nothing", exit: 1, says: "error: invalid taint effect: Nothing, unsupported taint effect"},
	})
}
