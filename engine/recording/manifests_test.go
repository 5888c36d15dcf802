package recording

import (
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

func theirs(manager, operation string) bool {
	return strings.HasPrefix(manager, "kubectl") || operation == "Apply"
}

func objects(t *testing.T, stream string) (all []Object) {
	t.Helper()
	for text := range strings.SplitSeq(stream, "---\n") {
		var o Object
		if err := yaml.Unmarshal([]byte(text), &o); err != nil {
			t.Fatal(err)
		}
		all = append(all, o)
	}
	return all
}

// As an API server tells them: of kubectl create and scale, of a paste, and of controllers.
const live = `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: default
  uid: 870477a9-7f6c-4e20-8500-acb650e7d909
  resourceVersion: "367"
  generation: 2
  creationTimestamp: "2026-11-27T07:05:14Z"
  annotations: {deployment.kubernetes.io/revision: "1"}
  labels: {app: web}
  managedFields:
  - {manager: kubectl, operation: Update, subresource: scale, fieldsV1: {"f:spec": {"f:replicas": {}}}}
  - manager: kube-controller-manager
    operation: Update
    subresource: status
    fieldsV1: {"f:metadata": {"f:annotations": {".": {}, "f:deployment.kubernetes.io/revision": {}}}, "f:status": {"f:replicas": {}}}
  - manager: kubectl-create
    operation: Update
    fieldsV1:
      f:metadata: {"f:labels": {".": {}, "f:app": {}}}
      f:spec:
        f:selector: {}
        f:template:
          f:metadata: {"f:labels": {".": {}, "f:app": {}}}
          f:spec: {"f:containers": {'k:{"name":"nginx"}': {".": {}, "f:image": {}, "f:name": {}, "f:ports": {".": {}, 'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, "f:containerPort": {}}}}}}
spec:
  replicas: 3
  progressDeadlineSeconds: 600
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      restartPolicy: Always
      containers:
      - {name: nginx, image: "nginx:1.27", imagePullPolicy: IfNotPresent, ports: [{containerPort: 80, protocol: TCP}]}
      - {name: injected, image: other}
status: {replicas: 3}
---
apiVersion: v1
kind: Service
metadata:
  name: web
  namespace: default
  finalizers: [example.org/mine, theirs/of-a-controller]
  managedFields: [{manager: podhop, operation: Apply, fieldsV1: {"f:metadata": {"f:finalizers": {'v:"example.org/mine"': {}}}, "f:spec": {"f:ports": {'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:port": {}}}, "f:selector": {}}}}]
spec: {clusterIP: 10.96.1.2, selector: {app: web}, ports: [{port: 80, targetPort: 80, protocol: TCP, nodePort: 30000}]}
---
apiVersion: v1
kind: Secret
metadata:
  name: mine
  namespace: default
  annotations: {kubectl.kubernetes.io/last-applied-configuration: '{"data":{"password":"aHVudGVyMg=="}}'}
  managedFields: [{manager: kubectl-client-side-apply, operation: Update, fieldsV1: {"f:data": {".": {}, "f:password": {}}, "f:metadata": {"f:annotations": {".": {}, "f:kubectl.kubernetes.io/last-applied-configuration": {}}}, "f:type": {}}}]
type: Opaque
data: {password: aHVudGVyMg==}
---
apiVersion: v1
kind: Secret
metadata:
  name: pull
  namespace: default
  managedFields: [{manager: podhop, operation: Apply, fieldsV1: {"f:stringData": {"f:.dockerconfigjson": {}}, "f:type": {}}}]
type: kubernetes.io/dockerconfigjson
data: {.dockerconfigjson: e30=}
---
apiVersion: v1
kind: Namespace
metadata: {name: team, labels: {kubernetes.io/metadata.name: team}, managedFields: [{manager: kubectl-create, operation: Update, fieldsV1: {"f:metadata": {"f:labels": {".": {}, "f:kubernetes.io/metadata.name": {}}}}}]}
spec: {finalizers: [kubernetes]}
---
apiVersion: v1
kind: Pod
metadata:
  name: web-1
  namespace: default
  ownerReferences: [{kind: ReplicaSet, name: web, controller: true}]
  managedFields: [{manager: kubectl-label, operation: Update, fieldsV1: {"f:metadata": {"f:labels": {"f:x": {}}}}}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: kube-root-ca.crt, namespace: default, managedFields: [{manager: podhop, operation: Update, fieldsV1: {"f:data": {}}}]}
data: {a: b}
`

const want = `apiVersion: v1
kind: Namespace
metadata:
  labels:
    kubernetes.io/metadata.name: team
  name: team
---
# The values of this Secret were left out of the recording.
apiVersion: v1
kind: Secret
metadata:
  name: mine
  namespace: default
stringData:
  password: left out
type: Opaque
---
# The values of this Secret were left out of the recording.
apiVersion: v1
kind: Secret
metadata:
  name: pull
  namespace: default
stringData:
  .dockerconfigjson: '{}'
type: kubernetes.io/dockerconfigjson
---
apiVersion: v1
kind: Service
metadata:
  finalizers:
  - example.org/mine
  name: web
  namespace: default
spec:
  ports:
  - port: 80
    protocol: TCP
  selector:
    app: web
---
apiVersion: apps/v1
kind: Deployment
metadata:
  labels:
    app: web
  name: web
  namespace: default
spec:
  replicas: 3
  selector:
    matchLabels:
      app: web
  template:
    metadata:
      labels:
        app: web
    spec:
      containers:
      - image: nginx:1.27
        name: nginx
        ports:
        - containerPort: 80
          protocol: TCP
`

func TestManifests(t *testing.T) {
	w := Manifests(objects(t, live), theirs)
	if w.YAML != want || w.Secrets != 2 || w.Left != 0 {
		t.Errorf("got %d values, %d objects left out, and\n%s", w.Secrets, w.Left, w.YAML)
	}
}

func TestManifestsAreBounded(t *testing.T) {
	one := objects(t, live)[1]
	many := make([]Object, maxDocuments+5)
	for i := range many {
		many[i] = one
	}
	if w := Manifests(many, theirs); w.Left != 5 || strings.Count(w.YAML, "kind: Service") != maxDocuments {
		t.Errorf("%d are left out", w.Left)
	}
	large := objects(t, live)[1]
	large["spec"] = map[string]any{"selector": strings.Repeat("x", maxManifests)}
	if w := Manifests([]Object{large, one}, theirs); w.Left != 1 || len(w.YAML) > maxManifests || !strings.Contains(w.YAML, "port: 80") {
		t.Errorf("%d are left out, of %d bytes", w.Left, len(w.YAML))
	}
}
