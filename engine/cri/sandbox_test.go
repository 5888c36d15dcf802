package cri_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/podhop/podhop/engine/cri"
)

func TestSandbox(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	id := f.create(t, "web")
	st, err := f.PodSandboxStatus(ctx, id, false)
	if err != nil {
		t.Fatal(err)
	}
	if st.Status.State != runtimeapi.PodSandboxState_SANDBOX_READY || st.Status.Network.Ip != "10.244.1.2" || st.Status.Metadata.Name != "web" {
		t.Errorf("got %v", st.Status)
	}
	if got := len(f.network.Attached()); got != 1 {
		t.Errorf("%d pods attached", got)
	}
	for range 2 { // stopping and removing are idempotent
		if err := f.StopPodSandbox(ctx, id); err != nil {
			t.Fatal(err)
		}
	}
	if got := f.network.Attached(); len(got) != 0 {
		t.Errorf("still attached: %v", got)
	}
	ready := &runtimeapi.PodSandboxFilter{State: &runtimeapi.PodSandboxStateValue{State: runtimeapi.PodSandboxState_SANDBOX_READY}}
	if list, _ := f.ListPodSandbox(ctx, ready); len(list) != 0 {
		t.Errorf("stopped sandbox is listed as ready: %v", list)
	}
	if list, _ := f.ListPodSandbox(ctx, &runtimeapi.PodSandboxFilter{LabelSelector: map[string]string{"pod": "web"}}); len(list) != 1 {
		t.Errorf("got %v", list)
	}
	for range 2 {
		if err := f.RemovePodSandbox(ctx, id); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.PodSandboxStatus(ctx, id, false); status.Code(err) != codes.NotFound {
		t.Errorf("got %v, want NotFound", err)
	}
}

func TestSandboxOfTwoFamilies(t *testing.T) {
	f := newFixture(t)
	f.network.DualStack = true
	st, err := f.PodSandboxStatus(t.Context(), f.create(t, "web"), false)
	if err != nil {
		t.Fatal(err)
	}
	if n := st.Status.Network; n.Ip != "10.244.1.2" || len(n.AdditionalIps) != 1 || n.AdditionalIps[0].Ip != "fd00:10:244:1::2" {
		t.Errorf("got %v", n)
	}
}

func TestSandboxRefusals(t *testing.T) {
	options := func(o *runtimeapi.NamespaceOption) func(*runtimeapi.PodSandboxConfig) {
		return func(c *runtimeapi.PodSandboxConfig) {
			c.Linux.SecurityContext = &runtimeapi.LinuxSandboxSecurityContext{NamespaceOptions: o}
		}
	}
	tests := []struct {
		name    string
		change  func(*runtimeapi.PodSandboxConfig)
		handler string
		network error
		want    string
	}{
		{"hostPID", options(&runtimeapi.NamespaceOption{Pid: runtimeapi.NamespaceMode_NODE}), "", nil, "hostPID is not allowed"},
		{"hostIPC", options(&runtimeapi.NamespaceOption{Ipc: runtimeapi.NamespaceMode_NODE}), "", nil, "hostIPC is not allowed"},
		{"runtime class", func(*runtimeapi.PodSandboxConfig) {}, "kata", nil, `no runtime for "kata" is configured`},
		{"network", func(*runtimeapi.PodSandboxConfig) {}, "", errors.New("no address left"), "failed to setup network for sandbox"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := newFixture(t)
			f.network.Err = test.network
			c := podConfig("web")
			test.change(c)
			_, err := f.RunPodSandbox(t.Context(), c, test.handler)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if left, _ := os.ReadDir(filepath.Join(f.files, "runtime", "sandboxes")); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestHostNetwork(t *testing.T) {
	f := newFixture(t)
	c := podConfig("web")
	c.Hostname = "" // as the kubelet has it
	c.Linux.SecurityContext = &runtimeapi.LinuxSandboxSecurityContext{NamespaceOptions: &runtimeapi.NamespaceOption{Network: runtimeapi.NamespaceMode_NODE}}
	id, err := f.RunPodSandbox(t.Context(), c, "")
	if err != nil {
		t.Fatal(err)
	}
	if st, _ := f.PodSandboxStatus(t.Context(), id, false); st.Status.Network.Ip != "" {
		t.Errorf("a pod in the node's network has the IP %s of its own", st.Status.Network.Ip)
	}
	if got := f.network.Attached()[0]; !got.HostNetwork || got.Hostname != "node-1" {
		t.Errorf("got %+v", got)
	}
}

// A share that has nothing left keeps what is to be started waiting, and nobody who gives up.
type empty struct{ asked chan time.Duration }

func (e empty) Work(ctx context.Context, cost time.Duration) error {
	e.asked <- cost
	<-ctx.Done()
	return ctx.Err()
}

func (empty) Pay(time.Duration) {}

func TestShare(t *testing.T) {
	share := empty{make(chan time.Duration, 2)}
	f := newFixture(t, func(c *cri.Config) { c.Share, c.WaitReport = share, time.Millisecond })
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := f.RunPodSandbox(ctx, podConfig("web"), "")
		ended <- err
	}()
	if cost := <-share.asked; cost <= 0 {
		t.Errorf("a sandbox costs %s", cost)
	}
	const told = "default/web Normal Waiting Other sessions need the server, too: this session's pods start and end one after the other"
	for deadline := time.Now().Add(time.Minute); !f.told(told); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no event tells: %q", f.events)
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("who gives up: %v", err)
	}
	go func() {
		_, err := f.RunPodSandbox(t.Context(), podConfig("web"), "")
		ended <- err
	}()
	<-share.asked
	if err := f.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-ended; err == nil {
		t.Error("a node that is shut down ran a sandbox")
	}
	if got := f.network.Attached(); len(got) != 0 {
		t.Errorf("attached: %v", got)
	}
}
