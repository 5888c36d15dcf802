package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/model"
)

const keeper = `apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {colour: blue}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: keeper}
spec:
  serviceName: keeper
  replicas: 1
  persistentVolumeClaimRetentionPolicy: {whenDeleted: Delete}
  selector: {matchLabels: {app: keeper}}
  template:
    metadata: {labels: {app: keeper}}
    spec:
      terminationGracePeriodSeconds: 1
      securityContext: {runAsUser: 1000, fsGroup: 2000}
      containers:
      - name: main
        image: busybox
        command: [sh, -c, 'test -e /data/born || date +%s.%N >/data/born; echo once more >>/data/starts; exec sleep 100000']
        volumeMounts:
        - {name: data, mountPath: /data}
        - {name: settings, mountPath: /settings}
        - {name: memory, mountPath: /memory}
        - {name: image, mountPath: /image}
        - {name: scratch, mountPath: /scratch, subPathExpr: $(POD)}
        env: [{name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]
      volumes:
      - {name: settings, configMap: {name: settings}}
      - {name: memory, emptyDir: {medium: Memory, sizeLimit: 1Mi}}
      - {name: image, image: {reference: nginx}}
      - name: scratch
        ephemeral: {volumeClaimTemplate: {spec: {accessModes: [ReadWriteOncePod], resources: {requests: {storage: 1Mi}}}}}
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: v1
kind: Pod
metadata: {name: disk}
spec:
  containers: [{name: main, image: busybox, command: [sleep, "100000"], volumeMounts: [{name: disk, mountPath: /disk}]}]
  volumes: [{name: disk, hostPath: {path: /var/local-path-provisioner, type: DirectoryOrCreate}}]
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: shared}
spec: {accessModes: [ReadWriteMany], resources: {requests: {storage: 1Mi}}}
---
apiVersion: v1
kind: Pod
metadata: {name: sharing}
spec:
  containers: [{name: main, image: busybox, volumeMounts: [{name: shared, mountPath: /shared}]}]
  volumes: [{name: shared, persistentVolumeClaim: {claimName: shared}}]
`

// TestVolumes has claims served by the default StorageClass, from the paste to the
// folder on the node and back.
func TestVolumes(t *testing.T) {
	t.Parallel() // it waits more than it works
	s := start(t, t.TempDir())
	x := s.openWith(model.SessionOptions{Nodes: 1})
	for _, r := range x.apply(keeper) {
		if r.Action != "created" {
			t.Fatalf("%+v", r)
		}
	}
	until(t, 3*time.Minute, "the pods run", func() string {
		if out, err := x.tryKubectl("", "wait", "--for=condition=Ready", "pod/keeper-0", "pod/disk", "--timeout=5s"); err != nil {
			return out + x.kubectl("get", "events")
		}
		return ""
	})
	exec := func(x *session, script string) string {
		x.t.Helper()
		return x.kubectl("exec", "keeper-0", "--", "sh", "-c", script)
	}
	says := func(x *session, what, want string, args ...string) {
		x.t.Helper()
		until(x.t, 3*time.Minute, what, func() string {
			out, err := x.tryKubectl("", args...)
			if err == nil && strings.Contains(out, want) {
				return ""
			}
			return out
		})
	}

	x.run(t, "claims", func(t *testing.T, x *session) {
		if out := x.kubectl("get", "storageclass"); !strings.Contains(out, "standard (default)") || !strings.Contains(out, "WaitForFirstConsumer") {
			t.Error(out)
		}
		for _, claim := range []string{"data-keeper-0", "keeper-0-scratch"} {
			if out := x.kubectl("get", "pvc", claim); !strings.Contains(out, "Bound") || !strings.Contains(out, "standard") {
				t.Error(out)
			}
			says(x, "the claim's events", "ProvisioningSucceeded", "events", "--for", "pvc/"+claim)
		}
		says(x, "what is refused", "only the access modes ReadWriteOnce and ReadWriteOncePod are supported", "events", "--for", "pvc/shared")
	})
	x.run(t, "what is in the pod", func(t *testing.T, x *session) {
		if out := exec(x, "test -s /image/etc/nginx/nginx.conf && touch /data/x /scratch/x && echo well; dd if=/dev/zero of=/memory/x bs=1M count=2 2>&1 | grep -o 'No space left'"); out != "well\nNo space left\n" {
			t.Error(out)
		}
		if out := x.kubectl("exec", "disk", "--", "ls", "/disk"); !strings.Contains(out, "_default_data-keeper-0") || !strings.Contains(out, "_default_keeper-0-scratch") {
			t.Error(out)
		}
	})
	x.run(t, "what changes", func(t *testing.T, x *session) {
		x.kubectl("patch", "configmap", "settings", "--type=merge", "-p", `{"data":{"colour":"green"}}`)
		x.kubectl("patch", "pvc", "data-keeper-0", "-p", `{"spec":{"resources":{"requests":{"storage":"2Gi"}}}}`)
		until(t, 3*time.Minute, "the pod sees the config map as it is now", func() string {
			if out := exec(x, "cat /settings/colour"); out != "green" {
				return out
			}
			return ""
		})
		says(x, "the claim has grown", "2Gi", "get", "pvc", "data-keeper-0", "-o", "jsonpath={.status.capacity.storage}")
		says(x, "the kubelet tells of it", "FileSystemResizeSuccessful", "events", "--for", "pvc/data-keeper-0")
	})
	x.run(t, "what stays", func(t *testing.T, x *session) {
		born := exec(x, "cat /data/born")
		x.kubectl("delete", "pod", "keeper-0", "--wait=false")
		until(t, 3*time.Minute, "the next pod has the volume", func() string {
			out, err := x.tryKubectl("", "exec", "keeper-0", "--", "cat", "/data/born", "/data/starts")
			if err == nil && out == born+"once more\nonce more\n" {
				return ""
			}
			return out
		})
	})
	x.run(t, "what goes", func(t *testing.T, x *session) {
		x.kubectl("delete", "statefulset", "keeper", "--wait=false")
		until(t, 3*time.Minute, "claims, volumes and folders go", func() string {
			out := x.kubectl("get", "pv") + x.kubectl("get", "pvc", "-o", "name") + x.kubectl("exec", "disk", "--", "ls", "/disk")
			if strings.Contains(out, "keeper-0") {
				return out
			}
			return ""
		})
	})
}
