package node_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"
	"sigs.k8s.io/yaml"
)

// TestPods runs many pods at once on one node, each of which shows one thing that a
// pod may ask for.
func TestPods(t *testing.T) {
	w := newWorld(t)
	nodeFile(t, w, "var/lib/kubelet/seccomp/no-mkdir.json", `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO"}]}`)
	tests := []struct {
		name string
		spec string // of the pod
		// log are parts of what it says, or, with an event, of that; with a status, of
		// "phase reason: message; container reason code message".
		log, event, status []string
		mapped             bool // it shows ids, of which there is but one where the server has no others
	}{
		{name: "names", log: []string{"h1.sub.default.svc.cluster.local\n", "h1.sub.default.svc.cluster.local\th1\n", "1.2.3.4\tfoo\tbar\n"}, spec: `
hostname: h1
subdomain: sub
setHostnameAsFQDN: true
hostAliases: [{ip: 1.2.3.4, hostnames: [foo, bar]}]
containers: [{command: [sh, -c, "hostname; cat /etc/hosts"]}]`},
		{name: "hostname-override", log: []string{"over.example\n", "\tover.example\n"}, spec: `
hostnameOverride: over.example
containers: [{command: [sh, -c, "hostname; cat /etc/hosts"]}]`},
		{name: "dns-none", log: []string{"search a.b\nnameserver 1.1.1.1\noptions ", " ndots:2", " edns0"}, spec: `
dnsPolicy: None
dnsConfig: {nameservers: [1.1.1.1], searches: [a.b], options: [{name: ndots, value: "2"}, {name: edns0}]}
containers: [{command: [cat, /etc/resolv.conf]}]`},
		{name: "dns-more", log: []string{"search default.svc.cluster.local svc.cluster.local cluster.local a.b\nnameserver 10.96.0.10\noptions ndots:2\n"}, spec: `
dnsConfig: {searches: [a.b], options: [{name: ndots, value: "2"}]}
containers: [{command: [cat, /etc/resolv.conf]}]`},
		{name: "dns-default", log: []string{"-\n-\n"}, spec: `
dnsPolicy: Default
containers: [{command: [sh, -c, "echo -; cat /etc/resolv.conf; echo -"]}]`},
		{name: "dns-host", log: []string{"nameserver 10.96.0.10\n", "# Kubernetes-managed hosts file (host network).\n127.0.0.1\tlocalhost\n", "172.18.0.11\tnode-1\n"}, spec: `
dnsPolicy: ClusterFirstWithHostNet
hostNetwork: true
containers: [{command: [cat, /etc/resolv.conf, /etc/hosts]}]`},
		{name: "environment", log: []string{"host 172.18.0.11 172.18.0.11\n", "node node-1 environment\n", "cpu 200 67108864\n", "file bar\n"}, spec: `
volumes: [{name: e, emptyDir: {}}]
initContainers:
- {name: i, image: busybox, command: [sh, -c, "echo \"FOO='bar'\" >/e/env"], volumeMounts: [{name: e, mountPath: /e}]}
containers:
- command: [sh, -c, "echo host $A $B; echo node $C $D; echo cpu $E $F; echo file $G"]
  resources: {limits: {cpu: 200m, memory: 64Mi}}
  env:
  - {name: A, valueFrom: {fieldRef: {fieldPath: status.hostIP}}}
  - {name: B, valueFrom: {fieldRef: {fieldPath: status.hostIPs}}}
  - {name: C, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
  - {name: D, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
  - {name: E, valueFrom: {resourceFieldRef: {resource: limits.cpu, divisor: 1m}}}
  - {name: F, valueFrom: {resourceFieldRef: {resource: limits.memory}}}
  - {name: G, valueFrom: {fileKeyRef: {volumeName: e, path: env, key: FOO}}}`},
		{name: "environment-pipe", event: []string{"Failed: Error: couldn't parse env file"}, spec: `
volumes: [{name: e, emptyDir: {}}]
initContainers:
- {name: i, image: busybox, command: [mkfifo, /e/env], volumeMounts: [{name: e, mountPath: /e}]}
containers: [{command: ["true"], env: [{name: G, valueFrom: {fileKeyRef: {volumeName: e, path: env, key: FOO}}}]}]`},
		{name: "ids", mapped: true, log: []string{"uid=1000 gid=3000 groups=2000,3000,4000\n", "1000 2000\n", "CapEff:\t0000000000000000\n", "NoNewPrivs:\t0\n", "Seccomp:\t2\n"}, spec: `
securityContext: {runAsUser: 1000, runAsGroup: 3000, fsGroup: 2000, supplementalGroups: [4000]}
volumes: [{name: e, emptyDir: {}}]
containers:
- command: [sh, -c, "id; touch /e/f; stat -c '%u %g' /e/f; cat /proc/self/status"]
  volumeMounts: [{name: e, mountPath: /e}]`},
		{name: "restricted", log: []string{"CapBnd:\t0000000000000400\n", "NoNewPrivs:\t1\n", "read-only\n"}, spec: `
containers:
- command: [sh, -c, "cat /proc/self/status; touch /x || echo read-only"]
  securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL], add: [NET_BIND_SERVICE]}}`},
		{name: "seccomp-own", log: []string{"no mkdir\nno mount\n"}, spec: `
containers:
- command: [sh, -c, "(mkdir /x || echo no mkdir; mount -t tmpfs x /mnt || echo no mount) 2>/dev/null"]
  securityContext: {seccompProfile: {type: Localhost, localhostProfile: no-mkdir.json}}`},
		{name: "seccomp-missing", event: []string{`cannot load seccomp profile "/var/lib/kubelet/seccomp/nope.json": open /var/lib/kubelet/seccomp/nope.json: no such file or directory`}, spec: `
containers: [{command: ["true"], securityContext: {seccompProfile: {type: Localhost, localhostProfile: nope.json}}}]`},
		{name: "user-namespace", log: []string{"ran\n"}, spec: `
hostUsers: false
containers: [{command: [echo, ran]}]`},
		{name: "unmasked", event: []string{"procMount Unmasked is not allowed in this playground"}, spec: `
hostUsers: false
containers: [{command: ["true"], securityContext: {procMount: Unmasked}}]`},
		{name: "non-root", event: []string{"Failed: Error: container has runAsNonRoot and image will run as root"}, spec: `
securityContext: {runAsNonRoot: true}
containers: [{command: ["true"]}]`},
		{name: "host-pid", event: []string{"FailedCreatePodSandBox: Failed to create pod sandbox: hostPID is not allowed"}, spec: `
hostPID: true
containers: [{command: ["true"]}]`},
		{name: "sysctls", log: []string{"1\n20\n"}, spec: `
securityContext: {sysctls: [{name: kernel.shm_rmid_forced, value: "1"}, {name: net.ipv4.ip_unprivileged_port_start, value: "20"}]}
containers: [{command: [cat, /proc/sys/kernel/shm_rmid_forced, /proc/sys/net/ipv4/ip_unprivileged_port_start]}]`},
		{name: "sysctl-unsafe", status: []string{"Failed SysctlForbidden: Pod was rejected: forbidden sysctl: \"kernel.msgmax\" not allowlisted"}, spec: `
securityContext: {sysctls: [{name: kernel.msgmax, value: "10000"}]}
containers: [{command: ["true"]}]`},
		{name: "message", status: []string{"Completed 0 said by itself\n"}, spec: `
containers: [{command: [sh, -c, "echo said by itself >/dev/termination-log"]}]`},
		{name: "message-of-log", status: []string{"Error 3 said in the log\n"}, spec: `
containers: [{command: [sh, -c, "echo said in the log; exit 3"], terminationMessagePolicy: FallbackToLogsOnError}]`},
		{name: "deadline", status: []string{"Failed DeadlineExceeded: Pod was active on the node longer than the specified deadline"}, spec: `
activeDeadlineSeconds: 1
containers: [{command: [sleep, "1000"]}]`},
		{name: "rules", status: []string{"restarted; Completed 0"}, spec: `
volumes: [{name: e, emptyDir: {}}]
containers:
- command: [sh, -c, "test -e /e/f && exit 0; touch /e/f; exit 42"]
  volumeMounts: [{name: e, mountPath: /e}]
  restartPolicy: Never
  restartPolicyRules: [{action: Restart, exitCodes: {operator: In, values: [42]}}]`},
		{name: "hook-fails", event: []string{"FailedPostStartHook: ", "Killing: "}, spec: `
terminationGracePeriodSeconds: 1
containers: [{command: [sleep, "1000"], lifecycle: {postStart: {exec: {command: ["false"]}}}}]`},
	}
	for _, test := range tests {
		var spec corev1.PodSpec
		w.must(yaml.UnmarshalStrict([]byte(test.spec), &spec))
		p := pod(test.name, spec.Containers...)
		spec.Containers, spec.NodeName, spec.RestartPolicy = p.Spec.Containers, p.Spec.NodeName, corev1.RestartPolicyNever
		p.Spec = spec
		w.create(p)
	}
	for _, test := range tests {
		if test.mapped && w.host.SingleID() {
			continue
		}
		w.eventually(test.name, func() error {
			got, err := w.client.CoreV1().Pods("default").Get(t.Context(), test.name, metav1.GetOptions{})
			if err != nil {
				return err
			}
			var said string
			want := slices.Concat(test.log, test.event, test.status)
			switch {
			case test.event != nil:
				said = strings.Join(w.events(test.name), "\n")
			case test.status != nil:
				said = summary(got)
			case got.Status.Phase != corev1.PodSucceeded && got.Status.Phase != corev1.PodFailed:
				return fmt.Errorf("%s\n%s", summary(got), strings.Join(w.events(test.name), "\n"))
			default:
				said = w.log(test.name, "c0")
			}
			for _, part := range want {
				if !strings.Contains(said, part) {
					return fmt.Errorf("%q is missing in %q", part, said)
				}
			}
			return nil
		})
	}
}

// summary is what TestPods compares of a status.
func summary(p *corev1.Pod) string {
	s := fmt.Sprintf("%s %s: %s; ", p.Status.Phase, p.Status.Reason, p.Status.Message)
	for _, c := range p.Status.ContainerStatuses {
		if c.RestartCount > 0 {
			s += "restarted; "
		}
		if t := c.State.Terminated; t != nil {
			s += fmt.Sprintf("%s %d %s", t.Reason, t.ExitCode, t.Message)
		}
	}
	return s
}

// nodeFile writes a file of the node's disk.
func nodeFile(t *testing.T, w *world, name, text string) {
	t.Helper()
	file := filepath.Join(w.root, "hostfs", name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

// TestStaticPods: a manifest on the node's disk is a pod that the API shows, changes
// with it, and goes with it. What is no manifest, or leads elsewhere, does no harm.
func TestStaticPods(t *testing.T) {
	w := newWorld(t)
	w.nodeReady()
	manifest := func(command string) string {
		return "apiVersion: v1\nkind: Pod\nmetadata: {name: static}\nspec: {terminationGracePeriodSeconds: 1, containers: [{name: a, image: busybox, command: [sh, -c, " + command + "]}]}\n"
	}
	dir := filepath.Join(w.root, "hostfs/etc/kubernetes/manifests")
	w.must(errors.Join(os.Symlink("/etc/passwd", filepath.Join(dir, "link")), os.Mkdir(filepath.Join(dir, "folder"), 0o755)))
	nodeFile(t, w, "etc/kubernetes/manifests/wrong.yaml", "kind: Nothing\n")
	nodeFile(t, w, "etc/kubernetes/manifests/static.yaml", manifest("'exec sleep 1000'"))
	first := w.until("static-node-1", "Ready", ready)
	if first.Annotations[corev1.MirrorPodAnnotationKey] == "" || first.OwnerReferences[0].Kind != "Node" {
		t.Errorf("not a mirror: %v, %v", first.Annotations, first.OwnerReferences)
	}
	nodeFile(t, w, "etc/kubernetes/manifests/static.yaml", manifest("'echo changed; exec sleep 1001'"))
	w.until(first.Name, "changed", func(p *corev1.Pod) bool {
		return ready(p) && strings.Contains(p.Spec.Containers[0].Command[2], "changed")
	})
	w.must(os.Remove(filepath.Join(dir, "static.yaml")))
	w.until(first.Name, "gone", gone)
}

// exec is what a program says that runs in a container.
func (w *world) exec(pod, container string, command ...string) string {
	w.Helper()
	client, err := kubernetes.NewForConfig(w.remote)
	w.must(err)
	u := client.CoreV1().RESTClient().Post().Resource("pods").Namespace("default").Name(pod).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{Container: container, Command: command, Stdout: true, Stderr: true}, scheme.ParameterCodec).URL()
	x, err := remotecommand.NewWebSocketExecutor(w.remote, "GET", u.String())
	w.must(err)
	var out, errs bytes.Buffer
	if err := x.StreamWithContext(w.Context(), remotecommand.StreamOptions{Stdout: &out, Stderr: &errs}); err != nil {
		w.Fatalf("%v in %s/%s: %v %s", command, pod, container, err, &errs)
	}
	return out.String()
}

// TestPause: process 1 of a shared process namespace is nobody's, and outlives each
// container of the pod; what a container leaves behind goes with it.
func TestPause(t *testing.T) {
	w := newWorld(t)
	yes := true
	p := pod("share", shell("sleep 1234 & until test -e /e/go; do sleep 0.05; done"), shell("exec sleep 100000"))
	p.Spec.ShareProcessNamespace = &yes
	p.Spec.Volumes = []corev1.Volume{{Name: "e", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
	for i := range p.Spec.Containers {
		p.Spec.Containers[i].VolumeMounts = []corev1.VolumeMount{{Name: "e", MountPath: "/e"}}
	}
	w.create(p)
	before := w.until("share", "Ready", ready)
	if ps := w.exec("share", "c1", "ps", "-o", "pid,args"); !strings.Contains(ps, "1 /pause\n") || !strings.Contains(ps, "sleep 1234") {
		t.Errorf("processes:\n%s", ps)
	}
	w.exec("share", "c1", "touch", "/e/go")
	after := w.until("share", "restarted", func(p *corev1.Pod) bool { return p != nil && p.Status.ContainerStatuses[0].RestartCount > 0 })
	if a, b := before.Status.ContainerStatuses[1], after.Status.ContainerStatuses[1]; b.ContainerID != a.ContainerID || b.RestartCount != 0 {
		t.Errorf("the other container was %+v and is %+v", a, b)
	}
	if w.host.Cgroups() { // else nobody knows whose a process is
		w.eventually("what it left behind is gone", func() error {
			if ps := w.exec("share", "c1", "ps", "-o", "pid,args"); strings.Count(ps, "sleep 1234") > 1 {
				return errors.New(ps)
			}
			return nil
		})
	}
	w.must(w.client.CoreV1().Pods("default").Delete(t.Context(), "share", metav1.DeleteOptions{}))
	w.until("share", "gone", gone)
}
