package node_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func TestPodLives(t *testing.T) {
	w := newWorld(t)
	w.create(pod("web", shell("echo hello; echo oops >&2; hostname; cat /etc/resolv.conf; trap 'echo bye; exit' TERM; while :; do sleep 1 & wait $!; done")))
	p := w.until("web", "Ready", ready)
	if p.Status.Phase != corev1.PodRunning || p.Status.HostIP != "172.18.0.11" || p.Status.PodIP != "10.244.1.2" {
		t.Errorf("phase %s, host %s, pod %s", p.Status.Phase, p.Status.HostIP, p.Status.PodIP)
	}
	if s := p.Status.ContainerStatuses[0]; s.Image != "docker.io/library/busybox:latest" || !strings.HasPrefix(s.ContainerID, "crun://") || !strings.Contains(s.ImageID, "@sha256:") {
		t.Errorf("container %s of image %s, %s", s.ContainerID, s.Image, s.ImageID)
	}
	want := "hello\noops\nweb\nsearch default.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n"
	w.eventually("log", func() error {
		got := strings.Split(w.log("web", ""), "\n")
		wanted := strings.Split(want, "\n")
		slices.Sort(got) // two streams have no common order
		slices.Sort(wanted)
		if !slices.Equal(got, wanted) {
			return fmt.Errorf("%q", got)
		}
		return nil
	})
	w.eventually("events", func() error {
		events := strings.Join(w.events("web"), "\n")
		for _, want := range []string{"Pulling: Pulling image \"busybox\"", "ImageServed: Image \"busybox:latest\" was served by the built-in catalogue", "Pulled: Successfully pulled image", "Created: ", "Started: "} {
			if !strings.Contains(events, want) {
				return fmt.Errorf("%q is missing in %s", want, events)
			}
		}
		return nil
	})
	w.must(w.client.CoreV1().Pods("default").Delete(t.Context(), "web", metav1.DeleteOptions{}))
	w.until("web", "gone", gone)
	w.eventually("no folders", func() error {
		left, err := os.ReadDir(filepath.Join(w.root, "kubelet", "pods"))
		if err == nil && len(left) > 0 {
			err = fmt.Errorf("left: %v", left)
		}
		return err
	})
}

func (w *world) eventually(what string, f func() error) {
	w.Helper()
	deadline, err := time.Now().Add(time.Minute), error(nil)
	for time.Now().Before(deadline) {
		if err = f(); err == nil {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	w.Fatalf("%s: %v", what, err)
}

func TestSharedProcessNamespace(t *testing.T) {
	w := newWorld(t)
	yes := true
	p := pod("share", shell("trap exit TERM; echo up; while :; do sleep 1 & wait $!; done"), shell("while ! ps | grep -q 'echo u[p]'; do sleep 0.01; done; echo seen"))
	p.Spec.ShareProcessNamespace = &yes
	w.create(p)
	w.eventually("the other's processes", func() error {
		p, err := w.client.CoreV1().Pods("default").Get(t.Context(), "share", metav1.GetOptions{})
		if err != nil || len(p.Status.ContainerStatuses) < 2 || p.Status.ContainerStatuses[1].ContainerID == "" {
			return fmt.Errorf("%v %v", p.Status.ContainerStatuses, err)
		}
		if got := w.log("share", "c1"); !strings.HasPrefix(got, "seen\n") {
			return errors.New(got)
		}
		return nil
	})
}

func TestCrash(t *testing.T) {
	w := newWorld(t)
	w.create(pod("crash", shell("echo once more; exit 3")))
	p := w.until("crash", "in CrashLoopBackOff", waiting("CrashLoopBackOff"))
	s := p.Status.ContainerStatuses[0]
	if s.RestartCount < 1 || s.LastTerminationState.Terminated == nil || s.LastTerminationState.Terminated.ExitCode != 3 || s.LastTerminationState.Terminated.Reason != "Error" {
		t.Errorf("got %+v", s)
	}
	w.must(w.client.CoreV1().Pods("default").Delete(t.Context(), "crash", metav1.DeleteOptions{}))
	w.until("crash", "gone", gone)
}

func TestWaitingReasons(t *testing.T) {
	w := newWorld(t)
	yes := true
	missing, privileged, noCommand, noConfig := forever(), forever(), corev1.Container{Command: []string{"nope"}}, forever()
	missing.Image = "nope:1"
	privileged.SecurityContext = &corev1.SecurityContext{Privileged: &yes}
	noConfig.EnvFrom = []corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "nope"}}}}
	tests := []struct {
		name      string
		container corev1.Container
		reasons   []string // any of them
		message   string
	}{
		{"image", missing, []string{"ErrImagePull", "ImagePullBackOff"}, "nope:1"},
		{"privileged", privileged, []string{"CreateContainerError"}, "privileged containers are not allowed"},
		{"command", noCommand, []string{"RunContainerError", "CrashLoopBackOff"}, ""},
		{"config", noConfig, []string{"CreateContainerConfigError"}, `configmap "nope" not found`},
	}
	for _, test := range tests {
		w.create(pod(test.name, test.container))
	}
	for _, test := range tests {
		p := w.until(test.name, fmt.Sprint(test.reasons), func(p *corev1.Pod) bool {
			return slices.ContainsFunc(test.reasons, func(r string) bool { return waiting(r)(p) })
		})
		if m := p.Status.ContainerStatuses[0].State.Waiting.Message; !strings.Contains(m, test.message) {
			t.Errorf("%s: %q", test.name, m)
		}
	}
	w.until("image", "in ImagePullBackOff", waiting("ImagePullBackOff"))
	w.eventually("event", func() error {
		if e := strings.Join(w.events("command"), "\n"); !strings.Contains(e, "nope") {
			return fmt.Errorf("%s", e)
		}
		return nil
	})
}

// TestProbes: they come from the node's network namespace, and at once.
func TestProbes(t *testing.T) {
	w := newWorld(t)
	c := shell("exec httpd -f -p 8080 -h /etc")
	c.ReadinessProbe = &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/hostname", Port: intstr.FromInt32(8080)}}}
	c.LivenessProbe = &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(8080)}}}
	c.StartupProbe = &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"true"}}}}
	w.create(pod("good", c))
	bad := forever()
	bad.ReadinessProbe = &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(1)}}}
	w.create(pod("bad", bad))
	w.until("good", "Ready", ready)
	w.eventually("event", func() error {
		if e := strings.Join(w.events("bad"), "\n"); !strings.Contains(e, "Unhealthy: Readiness probe failed: ") || !strings.Contains(e, "connection refused") {
			return errors.New(e)
		}
		return nil
	})
	if p, err := w.client.CoreV1().Pods("default").Get(t.Context(), "bad", metav1.GetOptions{}); err != nil || ready(p) {
		t.Errorf("a pod whose probe fails is ready (%v)", err)
	}
}

func TestInitContainersAndSidecars(t *testing.T) {
	w := newWorld(t)
	p := pod("init", shell("cat /w/*; sleep 0.1"))
	mount := []corev1.VolumeMount{{Name: "w", MountPath: "/w"}}
	always := corev1.ContainerRestartPolicyAlways
	first, side := shell("echo first > /w/1"), shell("echo side > /w/2; trap exit TERM; while :; do sleep 1 & wait $!; done")
	first.Name, side.Name, first.Image, side.Image = "first", "side", "busybox", "busybox"
	side.RestartPolicy = &always
	second := shell("while ! test -e /w/2; do sleep 0.01; done")
	second.Name, second.Image = "second", "busybox"
	p.Spec.InitContainers = []corev1.Container{first, side, second}
	for i := range p.Spec.InitContainers {
		p.Spec.InitContainers[i].VolumeMounts = mount
	}
	p.Spec.Containers[0].VolumeMounts = mount
	p.Spec.Volumes = []corev1.Volume{{Name: "w", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
	p.Spec.RestartPolicy = corev1.RestartPolicyNever
	w.create(p)
	w.until("init", "Succeeded", succeeded)
	if got := w.log("init", "c0"); got != "first\nside\n" {
		t.Errorf("got %q", got)
	}
}
