package catalog

import (
	_ "embed"
	"io/fs"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

const (
	dir    = fs.ModeDir | 0o755
	script = fs.FileMode(0o755)
	path0  = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
)

// wget stands before busybox's. That of the package busybox-static would not be
// held up by it: its shell, xargs and timeout prefer applets to what PATH has.
//
//go:embed wget.sh
var wget string

// printenv is what Debian's busybox leaves out and tutorials call.
//
//go:embed printenv.sh
var printenv string

// library names an official image, at its registry and the usual mirrors of it.
func library(name, oldest, newest string, words ...string) Names {
	return Names{Repositories: []string{"docker.io/library/" + name, "public.ecr.aws/docker/library/" + name, "mirror.gcr.io/library/" + name},
		Oldest: oldest, Newest: newest, Words: words}
}

// skeleton is what every image that is more than one program has: the folders of
// the file hierarchy standard, merged /usr, and the users Debian has.
func skeleton() []File {
	files := []File{
		{Path: "/bin", Link: "usr/bin"}, {Path: "/sbin", Link: "usr/sbin"}, {Path: "/lib", Link: "usr/lib"}, {Path: "/lib64", Link: "usr/lib64"},
		{Path: "/tmp", Mode: fs.ModeDir | fs.ModeSticky | 0o777}, {Path: "/var/tmp", Mode: fs.ModeDir | fs.ModeSticky | 0o777},
		{Path: "/root", Mode: fs.ModeDir | 0o700}, {Path: "/var/run", Link: "/run"},
		{Path: "/etc/passwd", Text: passwd}, {Path: "/etc/group", Text: group},
		{Path: "/etc/nsswitch.conf", Text: "passwd: files\ngroup: files\nhosts: files dns\n"},
	}
	for _, d := range []string{"/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib64", "/usr/local/bin", "/usr/local/sbin", "/home", "/mnt", "/opt", "/srv", "/run",
		"/proc", "/sys", "/dev", "/var/lib", "/var/log", "/var/cache", "/var/spool"} {
		files = append(files, File{Path: d, Mode: dir})
	}
	return files
}

const passwd = `root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
bin:x:2:2:bin:/bin:/usr/sbin/nologin
mail:x:8:8:mail:/var/mail:/usr/sbin/nologin
www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
`

const group = `root:x:0:
daemon:x:1:
bin:x:2:
tty:x:5:
mail:x:8:
www-data:x:33:
users:x:100:
nogroup:x:65534:
`

// Recipes lists the whole catalogue; a base comes before what stands on it.
func Recipes() []Recipe {
	return slices.Concat(hellos(), echoes(), basics(), suite(), creatures(), shells(), []Recipe{desk()})
}

// basics are the images that others stand on, and the servers and tools that
// learners know.
func basics() []Recipe {
	return []Recipe{
		{
			Name: "busybox", Packages: []string{"busybox", "libc6"}, Keep: []string{"/bin/busybox"}, Applets: "/usr/bin",
			Files:  append(skeleton(), File{Path: "/usr/bin/wget", Mode: script, Text: wget}, File{Path: "/usr/bin/printenv", Mode: script, Text: printenv}),
			Config: v1.Config{Env: []string{path0}, Cmd: []string{"sh"}},
			Names: []Names{library("busybox", "1.20", "1.38", "stable", "unstable"),
				{Repositories: []string{"registry.k8s.io/busybox", "k8s.gcr.io/busybox", "gcr.io/google_containers/busybox", "gcr.io/google-containers/busybox", "registry.k8s.io/e2e-test-images/busybox"}, Oldest: "1.20", Newest: "1.38"}},
			VersionOf: "busybox",
		},
		{
			Name:     "base",
			Packages: []string{"busybox", "bash", "dash", "base-files", "ncurses-base", "libc6", "libgcc-s1"},
			// Pthread_exit loads libgcc_s by itself. The shell is Debian's own.
			Keep: []string{"/bin/busybox", "/bin/bash", "/bin/dash", "/lib/*-linux-gnu*/libgcc_s.so.1", "/usr/lib/os-release", "/etc/os-release", "/etc/debian_version",
				"/lib/terminfo/x/xterm", "/lib/terminfo/x/xterm-256color", "/lib/terminfo/l/linux", "/lib/terminfo/v/vt100", "/lib/terminfo/s/screen"},
			Applets: "/usr/bin", Files: append(skeleton(), File{Path: "/usr/bin/sh", Link: "dash"}, File{Path: "/usr/bin/wget", Mode: script, Text: wget}, File{Path: "/usr/bin/printenv", Mode: script, Text: printenv}),
		},
		{
			// What nearly every image wants, so that it is kept and unpacked once.
			Name: "net", Base: "base", Packages: []string{"curl", "ca-certificates"}, Keep: []string{"/usr/bin/curl"}, CACertificates: true,
		},
		nginx(),
		httpd(),
		redis(),
		tools(),
		curl(),
		{
			Name: "agnhost", Base: "tools", Programs: map[string]string{"k8s.io/kubernetes/test/images/agnhost": "/agnhost"},
			Sources: map[string]string{"k8s.io/kubernetes/test/images/agnhost/porter/localhost.crt": "/localhost.crt",
				"k8s.io/kubernetes/test/images/agnhost/porter/localhost.key": "/localhost.key"},
			Files: []File{{Path: "/agnhost-2", Link: "agnhost"}, {Path: "/uploads", Mode: dir},
				{Path: "/etc/passwd", Text: passwd + "user-defined-in-image:x:1000:1000::/home/user-defined-in-image:/bin/sh\n"},
				{Path: "/etc/group", Text: group + "user-defined-in-image:x:1000:\ngroup-defined-in-image:x:50000:user-defined-in-image\n"}},
			Config: v1.Config{Env: []string{path0}, Entrypoint: []string{"/agnhost"}, Cmd: []string{"pause"},
				ExposedPorts: map[string]struct{}{"80/tcp": {}, "8080/tcp": {}, "8081/tcp": {}, "9376/tcp": {}, "5000/tcp": {}}},
			Names: []Names{{Repositories: []string{"registry.k8s.io/e2e-test-images/agnhost", "k8s.gcr.io/e2e-test-images/agnhost",
				"gcr.io/k8s-staging-e2e-test-images/agnhost", "us.gcr.io/k8s-artifacts-prod/e2e-test-images/agnhost"}, Oldest: "2.0", Newest: "2.70"}},
			Version: "as built from Kubernetes",
		},
		{
			Name: "http-echo", Programs: map[string]string{"programs/http-echo": "/http-echo"},
			Config: v1.Config{Env: []string{path0}, Entrypoint: []string{"/http-echo"}, User: "65532", ExposedPorts: map[string]struct{}{"5678/tcp": {}}},
			Names:  []Names{{Repositories: []string{"docker.io/hashicorp/http-echo"}, Oldest: "0.1", Newest: "1.0"}},
		},
		{
			Name: "whoami", Programs: map[string]string{"programs/whoami": "/whoami"},
			Config: v1.Config{Env: []string{path0}, Entrypoint: []string{"/whoami"}, ExposedPorts: map[string]struct{}{"80/tcp": {}}},
			Names:  []Names{{Repositories: []string{"docker.io/traefik/whoami", "docker.io/containous/whoami", "ghcr.io/traefik/whoami"}, Oldest: "1.0", Newest: "1.12"}},
		},
		{
			Name: "pause", Programs: map[string]string{"programs/pause": "/pause"},
			Config: v1.Config{Env: []string{path0}, Entrypoint: []string{"/pause"}, User: "65535:65535"},
			Names:  []Names{{Repositories: []string{"registry.k8s.io/pause", "k8s.gcr.io/pause", "gcr.io/google_containers/pause", "gcr.io/google-containers/pause"}, Oldest: "1.0", Newest: "3.12"}},
		},
		{
			Name: "nonewprivs", Programs: map[string]string{"k8s.io/kubernetes/test/images/nonewprivs": "/usr/local/bin/nnp"}, SetUID: []string{"/usr/local/bin/nnp"},
			Config:  v1.Config{Env: []string{path0}, Cmd: []string{"nnp"}},
			Names:   []Names{{Repositories: []string{"registry.k8s.io/e2e-test-images/nonewprivs"}, Oldest: "1.0", Newest: "1.9"}},
			Version: "as built from Kubernetes",
		},
		{
			// The program only waits: engine/dns answers in its pod's namespace.
			Name: "coredns", Programs: map[string]string{"programs/coredns": "/coredns"},
			Config: v1.Config{Env: []string{path0}, Entrypoint: []string{"/coredns"}, User: "65532:65532", WorkingDir: "/",
				ExposedPorts: map[string]struct{}{"53/tcp": {}, "53/udp": {}}},
			Names: []Names{{Repositories: []string{"registry.k8s.io/coredns/coredns", "registry.k8s.io/coredns", "docker.io/coredns/coredns", "k8s.gcr.io/coredns/coredns"},
				Oldest: "1.6", Newest: "1.15"}},
			Version: "a stand-in: Podhop answers in its pod's network",
		},
		{
			// The program only waits: engine/ingress serves in its pod's namespace.
			Name: "proxy", Programs: map[string]string{"programs/proxy": "/proxy"},
			Config:  v1.Config{Env: []string{path0}, Entrypoint: []string{"/proxy"}, User: "65532:65532", WorkingDir: "/"},
			Names:   []Names{{Repositories: []string{"docker.io/podhop/proxy"}, Words: []string{"1.0"}, Only: true}},
			Version: "Podhop's own: it serves in its pod's network",
		},
	}
}

// creatures are the images of the update demo, which tell of themselves: a page of
// agnhost's web server, a picture and its name.
func creatures() []Recipe {
	var out []Recipe
	for _, name := range []string{"nautilus", "kitten"} {
		folder := "k8s.io/kubernetes/test/images/agnhost//../" + name + "/html/"
		out = append(out, Recipe{
			Name: name, Base: "agnhost", Sources: map[string]string{folder + "data.json": "/data.json", folder + name + ".jpg": "/" + name + ".jpg"},
			Config:  v1.Config{Env: []string{path0}, Entrypoint: []string{"/agnhost"}, Cmd: []string{"test-webserver"}, ExposedPorts: map[string]struct{}{"80/tcp": {}}},
			Names:   []Names{{Repositories: []string{"registry.k8s.io/e2e-test-images/" + name, "gcr.io/kubernetes-e2e-test-images/" + name}, Oldest: "1.0", Newest: "1.8"}},
			Version: "as built from Kubernetes",
		})
	}
	return out
}

// hellos are the images of the tutorials on rolling updates. They tell their
// versions, so each tag that is there has an image of its own, and no other answers.
func hellos() []Recipe {
	var out []Recipe
	for _, h := range []struct {
		style, version, tag string
		repositories        []string
	}{
		{"app", "1.0.0", "1.0", []string{"gcr.io/google-samples/hello-app", "us-docker.pkg.dev/google-samples/containers/gke/hello-app"}},
		{"app", "2.0.0", "2.0", []string{"gcr.io/google-samples/hello-app", "us-docker.pkg.dev/google-samples/containers/gke/hello-app"}},
		{"bootcamp", "1", "v1", []string{"gcr.io/google-samples/kubernetes-bootcamp", "docker.io/jocatalin/kubernetes-bootcamp"}},
		{"bootcamp", "2", "v2", []string{"gcr.io/google-samples/kubernetes-bootcamp", "docker.io/jocatalin/kubernetes-bootcamp"}},
	} {
		out = append(out, Recipe{
			Name: "hello-" + h.style + "-" + h.tag, Programs: map[string]string{"programs/hello": "/hello"},
			Config: v1.Config{Env: []string{path0}, Entrypoint: []string{"/hello", "-style=" + h.style, "-version=" + h.version}, ExposedPorts: map[string]struct{}{"8080/tcp": {}}},
			Names:  []Names{{Repositories: h.repositories, Words: []string{h.tag}, Only: true}},
		})
	}
	return out
}

// tools answers for the images that people debug networks with.
func tools() Recipe {
	return Recipe{
		Name: "tools", Base: "net",
		Packages: []string{"bind9-dnsutils", "bind9-host", "iproute2", "iputils-ping", "tcpdump", "netcat-openbsd", "traceroute", "jq",
			"conntrack", "mtr-tiny", "iperf3", "socat", "ethtool", "openssl", "apache2-utils", "nftables", "arping", "procps", "libc-bin"},
		Keep: []string{"/usr/bin/dig", "/usr/bin/getent", "/usr/bin/nslookup", "/usr/bin/host", "/bin/ip", "/bin/ss", "/sbin/bridge", "/sbin/tc",
			"/etc/iproute2/*", "/bin/ping", "/usr/bin/tcpdump", "/bin/nc.openbsd", "/usr/bin/traceroute.db", "/usr/bin/jq", "/usr/sbin/conntrack",
			"/usr/bin/mtr", "/usr/bin/mtr-packet", "/usr/bin/iperf3", "/usr/bin/socat", "/sbin/ethtool", "/usr/bin/openssl", "/etc/ssl/openssl.cnf",
			"/usr/bin/ab", "/usr/sbin/nft", "/usr/sbin/arping", "/usr/bin/watch", "/bin/ps", "/usr/bin/top", "/usr/bin/free", "/usr/bin/pgrep", "/usr/bin/pkill"},
		Files: []File{{Path: "/usr/bin/nc", Link: "nc.openbsd"}, {Path: "/usr/bin/netcat", Link: "nc.openbsd"}, {Path: "/usr/bin/traceroute", Link: "traceroute.db"},
			{Path: "/usr/bin/traceroute6", Link: "traceroute.db"}, {Path: "/usr/bin/ping4", Link: "ping"}, {Path: "/usr/bin/ping6", Link: "ping"},
			// Debian's tcpdump goes on as this user, and not at all where there is none.
			{Path: "/etc/passwd", Text: passwd + "tcpdump:x:102:102::/nonexistent:/usr/sbin/nologin\n"}, {Path: "/etc/group", Text: group + "tcpdump:x:102:\n"}},
		Config: v1.Config{Env: []string{path0}, Cmd: []string{"bash"}, WorkingDir: "/root"},
		Names: []Names{{Repositories: []string{"docker.io/nicolaka/netshoot", "ghcr.io/nicolaka/netshoot"}, Oldest: "0.1", Newest: "0.15"},
			{Repositories: []string{"registry.k8s.io/e2e-test-images/jessie-dnsutils", "gcr.io/kubernetes-e2e-test-images/dnsutils"}, Oldest: "1.0", Newest: "1.7"},
			{Repositories: []string{"registry.k8s.io/e2e-test-images/glibc-dns-testing"}, Oldest: "2.0", Newest: "2.1"},
			{Repositories: []string{"docker.io/tutum/dnsutils"}}, {Repositories: []string{"docker.io/radial/busyboxplus"}, Words: []string{"curl"}}},
		Version: "tools of Debian",
	}
}

func curl() Recipe {
	return Recipe{
		Name: "curl", Base: "net",
		Files: []File{{Path: "/entrypoint.sh", Mode: script, Text: curlEntrypoint}, {Path: "/home/curl_user", Mode: dir, UID: 100, GID: 101},
			{Path: "/etc/passwd", Text: passwd + "curl_user:x:100:101::/home/curl_user:/bin/sh\n"}, {Path: "/etc/group", Text: group + "curl_group:x:101:\n"}},
		Config: v1.Config{Env: []string{path0, "CURL_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt"}, Entrypoint: []string{"/entrypoint.sh"}, Cmd: []string{"curl"},
			User: "curl_user", WorkingDir: "/home/curl_user"},
		Names:     []Names{{Repositories: []string{"docker.io/curlimages/curl", "quay.io/curl/curl", "quay.io/curl/curl-base"}, Oldest: "7.60", Newest: "8.20"}},
		VersionOf: "curl",
	}
}

const curlEntrypoint = `#!/bin/sh
# An option alone means curl, as in the image of this name.
case "$1" in -*) set -- curl "$@" ;; esac
exec "$@"
`

func redis() Recipe {
	return Recipe{
		Name: "redis", Base: "net", Packages: []string{"redis-tools", "redis-server"}, Keep: []string{"/usr/bin/redis-server", "/usr/bin/redis-cli", "/usr/bin/redis-benchmark"},
		Files: []File{{Path: "/data", Mode: dir, UID: 999, GID: 999}, {Path: "/usr/local/bin/docker-entrypoint.sh", Mode: script, Text: redisEntrypoint},
			{Path: "/etc/passwd", Text: passwd + "redis:x:999:999::/data:/bin/sh\n"}, {Path: "/etc/group", Text: group + "redis:x:999:\n"}},
		Config: v1.Config{Env: []string{path0}, Entrypoint: []string{"docker-entrypoint.sh"}, Cmd: []string{"redis-server"}, WorkingDir: "/data",
			ExposedPorts: map[string]struct{}{"6379/tcp": {}}},
		Names:     []Names{library("redis", "3.0", "8.6")},
		VersionOf: "redis-server",
	}
}

const redisEntrypoint = `#!/bin/sh
# Options or a configuration file mean the server. Protected mode is off, as in
# the official image, where it is compiled out: other pods may connect.
case "$1" in -* | *.conf) set -- redis-server "$@" ;; esac
if [ "$1" = redis-server ]; then
	exec "$@" --protected-mode no
fi
exec "$@"
`
