package container

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func TestOwnProfile(t *testing.T) {
	lets := func(p *specs.LinuxSeccomp, name string) bool { // without a condition
		return slices.ContainsFunc(p.Syscalls, func(s specs.LinuxSyscall) bool {
			return s.Action == specs.ActAllow && len(s.Args) == 0 && slices.Contains(s.Names, name)
		})
	}
	refuses := func(p *specs.LinuxSeccomp, name string) bool {
		return slices.ContainsFunc(p.Syscalls, func(s specs.LinuxSyscall) bool {
			return s.Action == specs.ActErrno && slices.Contains(s.Names, name)
		})
	}
	greedy := &specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Syscalls: []specs.LinuxSyscall{
		{Names: []string{"read", "mount", "bpf", "socket", "clone", "clone3"}, Action: specs.ActAllow},
	}}
	p, err := ownProfile(greedy, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"mount", "bpf", "socket", "clone", "clone3"} {
		if lets(p, name) {
			t.Errorf("%s is allowed", name)
		}
	}
	if !lets(p, "read") || lets(p, "write") || greedy.Syscalls[0].Names[1] != "mount" {
		t.Errorf("got %+v of %+v", p.Syscalls, greedy.Syscalls)
	}
	p, err = ownProfile(&specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{{Names: []string{"mkdir"}, Action: specs.ActErrno}}}, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Concat(denied, []string{"mkdir", "socket", "clone", "clone3", "setuid"}) {
		if !refuses(p, name) {
			t.Errorf("%s is not refused", name)
		}
	}
	if _, err := ownProfile(&specs.LinuxSeccomp{Syscalls: []specs.LinuxSyscall{{Names: []string{"read"}, Action: specs.ActNotify}}}, false); !errors.Is(err, ErrSeccomp) {
		t.Errorf("got %v", err)
	}
}

func TestOwnProfileHolds(t *testing.T) {
	s := testSession(t, testHost(t), 1, nil)
	for name, tt := range map[string]struct{ action, others specs.LinuxSeccompAction }{
		"allows":  {specs.ActErrno, specs.ActAllow},
		"forbids": {specs.ActErrno, specs.ActErrno},
	} {
		t.Run(name, func(t *testing.T) {
			own := &specs.LinuxSeccomp{DefaultAction: tt.others, Syscalls: []specs.LinuxSyscall{{Names: []string{"mkdir", "mkdirat"}, Action: tt.action}}}
			if tt.others == specs.ActErrno { // all that Docker's allows, and all that may not be
				usual, err := seccompProfile(defaultCapabilities, false, false)
				if err != nil {
					t.Fatal(err)
				}
				own.Syscalls = nil
				for _, s := range usual.Syscalls {
					if s.Action != specs.ActAllow {
						continue
					}
					s.Names = slices.DeleteFunc(slices.Clone(s.Names), func(name string) bool { return name == "mkdir" || name == "mkdirat" })
					own.Syscalls = append(own.Syscalls, s)
				}
				own.Syscalls = append(own.Syscalls, specs.LinuxSyscall{Names: denied, Action: specs.ActAllow})
			}
			c := run(t, s, func(s *Spec) { s.Seccomp = own }, "sleep", "1000")
			for _, forbidden := range []string{"mkdir /x", "mount -t tmpfs x /mnt", "unshare -n true", "unshare -U true"} {
				if out, errs, code, err := c.ExecSync(t.Context(), []string{"sh", "-c", forbidden}, 20*time.Second); err != nil || code == 0 {
					t.Errorf("%s: code %d, %v, %s%s", forbidden, code, err, out, errs)
				}
			}
			if got := execOutput(t, c, "sh", "-c", "echo x | cat; nc -h 2>&1 | head -1; wget -O- http://127.0.0.1:1 2>&1 | tail -1"); !strings.Contains(got, "refused") {
				t.Errorf("programs start, and sockets open: %q", got)
			}
		})
	}
}

func TestPrivilegeEscalation(t *testing.T) {
	s := testSession(t, testHost(t), 1, nil)
	for _, may := range []bool{true, false} {
		c := run(t, s, func(s *Spec) { s.ID, s.AllowPrivilegeEscalation = fmt.Sprint("may-", may), may }, "sleep", "1000")
		want := "NoNewPrivs:\t1\nSeccomp:\t2\n"
		if may {
			want = "NoNewPrivs:\t0\nSeccomp:\t2\n"
		}
		for _, of := range []string{"1", "self"} {
			if got := execOutput(t, c, "grep", "-E", "^(NoNewPrivs|Seccomp):", "/proc/"+of+"/status"); got != want {
				t.Errorf("allowed %v: process %s: %q", may, of, got)
			}
		}
		mounts := execOutput(t, c, "grep", " / / ", "/proc/self/mountinfo")
		if strings.Contains(mounts, "nosuid") == may {
			t.Errorf("allowed %v: %s", may, mounts)
		}
	}
}

// A program that runs as its owner does so where it may.
func TestSetUserID(t *testing.T) {
	h := testHost(t)
	if h.SingleID() {
		t.Skip("only one id is mapped")
	}
	s := testSession(t, h, 1, nil)
	for may, want := range map[bool]string{true: "Effective uid: 0", false: "Effective uid: 1000"} {
		uid := int64(1000)
		c := run(t, s, func(s *Spec) {
			s.ID, s.AllowPrivilegeEscalation, s.User.UID, s.Image = fmt.Sprint("may-", may), may, &uid, testImage(t, "registry.k8s.io/e2e-test-images/nonewprivs:1.4")
		}, "nnp")
		wait(t, c)
		if got := logged(t, c); !strings.Contains(got, want) {
			t.Errorf("allowed %v: %s", may, got)
		}
	}
}

// What a container starts ends with it, in a process namespace of many as well.
func TestSharedProcessesEnd(t *testing.T) {
	h := testHost(t)
	if !h.Cgroups() {
		t.Skip("without cgroups nobody knows whose a process is")
	}
	s := testSession(t, h, 1, nil)
	box := testSandbox(t, s)
	first := run(t, s, func(s *Spec) { s.ID, s.Sandbox = "first", box }, "sleep", "100000")
	second := run(t, s, func(s *Spec) { s.ID, s.Sandbox, s.SharePID = "second", box, first }, "sh", "-c", "sleep 5678 & exit 0")
	if st := wait(t, second); st.ExitCode != 0 {
		t.Errorf("status %+v", st)
	}
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		got := execOutput(t, first, "ps", "-o", "stat,args")
		if !strings.Contains(got, "sleep 5678") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("it runs on:\n%s", got)
		}
	}
	if err := second.Remove(); err != nil {
		t.Error(err)
	}
}
