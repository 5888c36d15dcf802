package container

import (
	"encoding/json"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/podhop/podhop/engine/container/image"
)

var update = flag.Bool("update", false, "write the golden files anew")

var nginxImage = image.Image{Config: v1.Config{Entrypoint: []string{"/docker-entrypoint.sh"}, Cmd: []string{"nginx", "-g", "daemon off;"},
	Env: []string{"PATH=/usr/bin", "A=image"}, WorkingDir: "/srv"}}

func TestBundle(t *testing.T) {
	uid := int64(101)
	p := plan{rootfs: "/run/podhop/s/1/fs/c/a/rootfs", userNS: "/proc/1/fd/7", netNS: "/proc/1/fd/8", ipcNS: "/proc/1/fd/9", utsNS: "/proc/1/fd/10", openFiles: 65536, terminals: 32,
		accounts: accounts{users: []account{{"nginx", 101, 101, "/nonexistent"}}, groups: []groupLine{{"web", 500, []string{"nginx"}}}},
		mounts: []Mount{{Source: "/s/sub", Destination: "/data/sub"}, {Source: "/s/data", Destination: "/data/", Readonly: true},
			{Source: "/s/shm", Destination: "/dev/shm"}},
		spec: Spec{Image: nginxImage, Env: []string{"A=pod", "B=c"}, Hostname: "web-0", User: User{UID: &uid, Groups: []int64{2000}},
			Capabilities: Capabilities{Drop: []string{"ALL"}, Add: []string{"NET_BIND_SERVICE"}}, Resources: Resources{OOMScoreAdj: 1000},
			Sysctls: map[string]string{"net.ipv4.ip_unprivileged_port_start": "0"}}}
	s, err := p.oci()
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/bundle.json"
	if *update {
		os.MkdirAll("testdata", 0o755)
		os.WriteFile(golden, append(got, '\n'), 0o644)
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if string(got)+"\n" != string(want) {
		t.Errorf("differs from %s (-update writes it anew):\n%s", golden, got)
	}
}

func TestCommand(t *testing.T) {
	// The table of the Kubernetes documentation, "Define a command and arguments".
	for _, tt := range []struct {
		command, args []string
		want          string
	}{
		{nil, nil, "/docker-entrypoint.sh nginx -g daemon off;"},
		{[]string{"/ep-2"}, nil, "/ep-2"},
		{nil, []string{"foo", "bar"}, "/docker-entrypoint.sh foo bar"},
		{[]string{"/ep-2"}, []string{"foo", "bar"}, "/ep-2 foo bar"},
	} {
		s, err := plan{spec: Spec{Image: nginxImage, Command: tt.command, Args: tt.args}}.oci()
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(s.Process.Args, " "); got != tt.want {
			t.Errorf("%q %q: %s, want %s", tt.command, tt.args, got, tt.want)
		}
	}
	for want, spec := range map[string]Spec{
		"no command specified":                                      {},
		`working directory "a" is not absolute`:                     {Command: []string{"a"}, Cwd: "a"},
		`unknown capability "CAP_NOPE"`:                             {Command: []string{"a"}, Capabilities: Capabilities{Add: []string{"nope"}}},
		"unable to find user x: no matching entries in passwd file": {Command: []string{"a"}, User: User{Name: "x"}},
	} {
		if _, err := (plan{spec: spec}).oci(); err == nil || err.Error() != want {
			t.Errorf("%+v: %v, want %s", spec, err, want)
		}
	}
}

func TestCapabilities(t *testing.T) {
	all := len(allCapabilities)
	for _, tt := range []struct {
		add, drop []string
		want      int
		has       string
	}{
		{nil, nil, 14, "CAP_NET_RAW"},
		{[]string{"net_admin"}, nil, 15, "CAP_NET_ADMIN"},
		{[]string{"CAP_SYS_TIME"}, []string{"ALL"}, 1, "CAP_SYS_TIME"},
		{[]string{"ALL"}, []string{"NET_RAW"}, all - 1, "CAP_SYS_ADMIN"},
		{nil, []string{"all"}, 0, ""},
	} {
		got, err := Capabilities{Add: tt.add, Drop: tt.drop}.list()
		if err != nil || len(got) != tt.want || tt.has != "" && !slices.Contains(got, tt.has) {
			t.Errorf("add %q, drop %q: %q, %v", tt.add, tt.drop, got, err)
		}
	}
}

func TestAccounts(t *testing.T) {
	a := accounts{
		users:  parsePasswd(strings.NewReader("root:x:0:0:root:/root:/bin/sh\nbroken\nnginx:x:101:102::/var/nginx:/bin/false\nbad:x:y:z:::\n")),
		groups: parseGroup(strings.NewReader("root:x:0:\nweb:x:500:other,nginx\nbroken:x\n")),
	}
	id := func(n int64) *int64 { return &n }
	for _, tt := range []struct {
		want   User
		image  string
		result specs.User
		home   string
		err    string
	}{
		{User{}, "", specs.User{AdditionalGids: []uint32{0}}, "/root", ""},
		{User{}, "nginx", specs.User{UID: 101, GID: 102, AdditionalGids: []uint32{102, 500}}, "/var/nginx", ""},
		{User{}, "101", specs.User{UID: 101, GID: 102, AdditionalGids: []uint32{102, 500}}, "/var/nginx", ""},
		{User{}, "nginx:web", specs.User{UID: 101, GID: 500, AdditionalGids: []uint32{500}}, "/var/nginx", ""},
		{User{}, "65532:7", specs.User{UID: 65532, GID: 7, AdditionalGids: []uint32{7}}, "/", ""},
		{User{UID: id(0)}, "nginx", specs.User{AdditionalGids: []uint32{0}}, "/root", ""},
		{User{Name: "nginx", GID: id(9), Groups: []int64{8}}, "", specs.User{UID: 101, GID: 9, AdditionalGids: []uint32{9, 500, 8}}, "/var/nginx", ""},
		{User{Name: "nginx", Groups: []int64{8}, StrictGroups: true}, "", specs.User{UID: 101, GID: 102, AdditionalGids: []uint32{102, 8}}, "/var/nginx", ""},
		{User{}, "nobody", specs.User{}, "", "unable to find user nobody: no matching entries in passwd file"},
		{User{}, "nginx:nogroup", specs.User{}, "", "unable to find group nogroup: no matching entries in group file"},
	} {
		got, home, err := a.resolve(tt.want, tt.image)
		if tt.err != "" {
			if err == nil || err.Error() != tt.err {
				t.Errorf("%+v of %q: %v, want %s", tt.want, tt.image, err, tt.err)
			}
			continue
		}
		if err != nil || got.UID != tt.result.UID || got.GID != tt.result.GID || !slices.Equal(got.AdditionalGids, tt.result.AdditionalGids) || home != tt.home {
			t.Errorf("%+v of %q: %+v %s %v, want %+v %s", tt.want, tt.image, got, home, err, tt.result, tt.home)
		}
	}
}

func TestLimits(t *testing.T) {
	r := Resources{CPUShares: 512, CPUQuota: 50_000, Memory: 64 << 20, Pids: 100}
	lifted := Resources{CPUQuota: -1, CPUPeriod: 50_000, Memory: -1}
	files := Resources{Unified: map[string]string{"memory.oom.group": "1", "memory.high": "max", "../x": "1", "cgroup.procs": "1"}}
	for _, tt := range []struct {
		name string
		r    Resources
		v2   bool
		want string
	}{
		{"all", r, false, "pids.max=100 memory.limit_in_bytes=67108864 memory.memsw.limit_in_bytes=67108864 cpu.shares=512 cpu.cfs_period_us=100000 cpu.cfs_quota_us=50000"},
		{"all", r, true, "pids.max=100 memory.max=67108864 memory.swap.max=0 cpu.weight=20 cpu.max=50000 100000"},
		{"none", Resources{}, false, ""},
		{"none", Resources{}, true, ""},
		{"lifted", lifted, false, "memory.limit_in_bytes=-1 memory.memsw.limit_in_bytes=-1 cpu.cfs_quota_us=-1"},
		{"lifted", lifted, true, "memory.max=max cpu.max=max 50000"},
		{"version 2's own", files, false, ""},
		{"version 2's own", files, true, "memory.high=max memory.oom.group=1"},
	} {
		var got []string
		for _, w := range limits(tt.r, tt.v2) {
			got = append(got, w.file+"="+w.value)
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s, v2 %v:\n got %s\nwant %s", tt.name, tt.v2, strings.Join(got, " "), tt.want)
		}
	}
}

func TestSeccompProfile(t *testing.T) {
	allowed := func(p *specs.LinuxSeccomp, name string) bool {
		return slices.ContainsFunc(p.Syscalls, func(s specs.LinuxSyscall) bool { return s.Action == specs.ActAllow && slices.Contains(s.Names, name) })
	}
	for _, capabilities := range [][]string{defaultCapabilities, allCapabilities} {
		p, err := seccompProfile(capabilities, false, false)
		if err != nil {
			t.Fatal(err)
		}
		if p.DefaultAction != specs.ActErrno || len(p.Architectures) != 1 {
			t.Errorf("default %s, architectures %v", p.DefaultAction, p.Architectures)
		}
		for _, name := range denied {
			if allowed(p, name) {
				t.Errorf("%s is allowed", name)
			}
		}
		for _, name := range []string{"read", "execve", "socket", "setuid", "chown"} {
			if !allowed(p, name) {
				t.Errorf("%s is not allowed", name)
			}
		}
		var domains []uint64
		for _, s := range p.Syscalls {
			if slices.Equal(s.Names, []string{"socket"}) {
				domains = append(domains, s.Args[0].Value)
			}
		}
		if !slices.Equal(domains, socketDomains) {
			t.Errorf("socket domains %v", domains)
		}
	}
	p, err := seccompProfile(defaultCapabilities, true, false)
	if err != nil {
		t.Fatal(err)
	}
	last := p.Syscalls[len(p.Syscalls)-1]
	if allowed(p, "setuid") || !slices.Contains(last.Names, "setuid") || last.Action != specs.ActErrno || *last.ErrnoRet != 0 {
		t.Errorf("with a single id: %+v", last)
	}
}

func TestLogLines(t *testing.T) {
	long := strings.Repeat("x", maxLine+5)
	for _, tt := range []struct {
		chunks []string
		want   string
	}{
		{[]string{"a\nb\n"}, "F a\nF b\n"},
		{[]string{"a", "b\n", "\n"}, "F ab\nF \n"},
		{[]string{"end"}, "P end\n"},
		{[]string{long + "\n"}, "P " + long[:maxLine] + "\nF xxxxx\n"},
		{[]string{long[:100], long[100:], "\n"}, "P " + long[:maxLine] + "\nF xxxxx\n"},
		{[]string{long[:maxLine] + "\n"}, "F " + long[:maxLine] + "\n"},
	} {
		log, err := openLog(t.TempDir()+"/log", nil)
		if err != nil {
			t.Fatal(err)
		}
		l := lines{log: log, stream: "stdout"}
		for _, c := range tt.chunks {
			l.add([]byte(c))
		}
		l.end()
		log.close()
		text, _ := os.ReadFile(log.path)
		var got strings.Builder
		for _, line := range strings.SplitAfter(string(text), "\n") {
			if _, rest, ok := strings.Cut(line, " stdout "); ok {
				got.WriteString(rest)
			}
		}
		if got.String() != tt.want {
			t.Errorf("%.40q: got %.80q (%d bytes), want %.80q (%d)", tt.chunks, got.String(), got.Len(), tt.want, len(tt.want))
		}
	}
}

func TestRuncsWords(t *testing.T) {
	for msg, want := range map[string]string{
		"executable file `foo` not found in $PATH: No such file or directory": `exec: "foo": executable file not found in $PATH`,
		"executable file `/foo` not found: No such file or directory":         `exec: "/foo": stat /foo: no such file or directory`,
		"open executable: Permission denied":                                  `exec: "prog": permission denied`,
		"something else":                                                      "something else",
	} {
		if got := inRuncsWords(msg, "prog"); got != want {
			t.Errorf("%s: %s, want %s", msg, got, want)
		}
	}
}
