package cri_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

func TestPause(t *testing.T) {
	shared := podConfig("web")
	shared.Linux.SecurityContext = &runtimeapi.LinuxSandboxSecurityContext{NamespaceOptions: &runtimeapi.NamespaceOption{Pid: runtimeapi.NamespaceMode_POD}}
	f, ctx := newFixture(t), t.Context()
	f.create(t, "other")
	if n := len(f.containers.All()); n != 0 {
		t.Errorf("a pod that shares no processes has %d", n)
	}
	id, err := f.RunPodSandbox(ctx, shared, "")
	if err != nil {
		t.Fatal(err)
	}
	all := f.containers.All()
	if len(all) != 1 || all[0].Spec.ID != id || all[0].Spec.Image.RepoTags[0] != "registry.k8s.io/pause:3.10" || all[0].Spec.Hostname != "web" {
		t.Fatalf("got %+v", all)
	}
	if list, err := f.ListContainers(ctx, nil); err != nil || len(list) != 0 {
		t.Errorf("listed: %v, %v", list, err)
	}
	f.mu.Lock()
	f.changes = nil
	f.mu.Unlock()
	all[0].End(137, false)
	st, err := f.PodSandboxStatus(ctx, id, false)
	if err != nil || st.Status.State != runtimeapi.PodSandboxState_SANDBOX_NOTREADY {
		t.Errorf("without its first process: %v, %v", st, err)
	}
	f.mu.Lock()
	if len(f.changes) == 0 {
		t.Error("the kubelet is not told")
	}
	f.mu.Unlock()
	if err := f.StopPodSandbox(ctx, id); err != nil {
		t.Fatal(err)
	}
	if n := len(f.containers.All()); n != 0 {
		t.Errorf("%d left behind", n)
	}

	f.containers.StartErr = errors.New("no")
	if _, err := f.RunPodSandbox(ctx, shared, ""); err == nil || !strings.Contains(err.Error(), "failed to start sandbox container") {
		t.Errorf("got %v", err)
	}
	if n, at := len(f.containers.All()), f.network.Attached(); n != 0 || len(at) != 1 {
		t.Errorf("left behind: %d, %v", n, at)
	}
}

func TestHostPorts(t *testing.T) {
	f, c := newFixture(t), podConfig("web")
	c.PortMappings = []*runtimeapi.PortMapping{
		{ContainerPort: 80}, {ContainerPort: 80, HostPort: 8080}, {ContainerPort: 53, HostPort: 53, Protocol: runtimeapi.Protocol_UDP, HostIp: "127.0.0.1"},
	}
	if _, err := f.RunPodSandbox(t.Context(), c, ""); err != nil {
		t.Fatal(err)
	}
	got := f.network.Attached()[0].Ports
	if len(got) != 2 || got[0].HostPort != 8080 || got[0].Port != 80 || got[0].Protocol != "tcp" || got[0].HostIP.IsValid() ||
		got[1].HostPort != 53 || got[1].Protocol != "udp" || got[1].HostIP.String() != "127.0.0.1" {
		t.Errorf("got %+v", got)
	}
	c.PortMappings[0] = &runtimeapi.PortMapping{ContainerPort: 80, HostPort: 80, HostIp: "nobody"}
	if _, err := f.RunPodSandbox(t.Context(), c, ""); err == nil || !strings.Contains(err.Error(), "host port 80") {
		t.Errorf("got %v", err)
	}
}

// Profiles are read from the node's disk, and from nowhere else.
func TestOwnSeccomp(t *testing.T) {
	f := newFixture(t)
	dir := filepath.Join(f.files, "hostfs/var/lib/kubelet/seccomp")
	if err := errors.Join(os.MkdirAll(filepath.Join(dir, "more"), 0o755),
		os.WriteFile(filepath.Join(dir, "more/own.json"), []byte(`{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW"}]}`), 0o644),
		os.WriteFile(filepath.Join(dir, "wrong.json"), []byte(`{`), 0o644),
		os.WriteFile(filepath.Join(dir, "long.json"), make([]byte, 1<<20), 0o644),
		os.WriteFile(filepath.Join(f.files, "secret"), []byte(`{}`), 0o644),
		os.Symlink("../../../../../secret", filepath.Join(dir, "link.json")),
		unix.Mkfifo(filepath.Join(dir, "pipe.json"), 0o644)); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		"more/own.json": "",
		"none.json":     `failed to generate container "c" spec: failed to generate seccomp spec opts: cannot load seccomp profile "/var/lib/kubelet/seccomp/none.json": open /var/lib/kubelet/seccomp/none.json: no such file or directory`,
		"wrong.json":    "unexpected end of JSON input",
		"long.json":     "more than 65536 bytes",
		"link.json":     "path escapes",
		"pipe.json":     "not a regular file",
	} {
		c := containerConfig()
		c.Linux = &runtimeapi.LinuxContainerConfig{SecurityContext: &runtimeapi.LinuxContainerSecurityContext{Seccomp: &runtimeapi.SecurityProfile{
			ProfileType: runtimeapi.SecurityProfile_Localhost, LocalhostRef: filepath.Join(f.files, "kubelet/seccomp", file),
		}}}
		_, err := f.CreateContainer(t.Context(), f.create(t, "web"), c, podConfig("web"))
		if want == "" {
			if all := f.containers.All(); err != nil || all[len(all)-1].Spec.Seccomp.Syscalls[0].Names[0] != "read" {
				t.Errorf("%s: %v, %+v", file, err, all)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", file, err, want)
		}
	}
}
