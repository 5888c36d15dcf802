package container

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// get asks a server in a sandbox, over its loopback, until it answers.
func get(t *testing.T, c *Container, url string) (string, *http.Response) {
	t.Helper()
	box := c.Spec().Sandbox
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		return box.Net.DialContext(ctx, network, address)
	}}}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		res, err := client.Get(url)
		if err == nil {
			body, _ := io.ReadAll(res.Body)
			res.Body.Close()
			return string(body), res
		}
		if st := c.Status(); st.State == Exited || time.Now().After(deadline) {
			t.Fatalf("%s: %v, container %+v, log:\n%s", url, err, st, logged(t, c))
		}
	}
}

// hosts are one with all ids and one with root alone, as an ordinary user has it.
func hosts(t *testing.T, test func(t *testing.T, h *Host)) {
	t.Run("ids", func(t *testing.T) { test(t, testHost(t)) })
	t.Run("old-kernel", func(t *testing.T) {
		h := testHost(t)
		h.idmaps = false
		test(t, h)
	})
	t.Run("single-id", func(t *testing.T) {
		h := testHost(t)
		env := *h.env
		env.SubIDs = 1
		h.env, h.layers.singleID = &env, true
		test(t, h)
	})
}

func TestServers(t *testing.T) {
	for _, tt := range []struct {
		reference string
		args      []string
		url       string
		want, log string
	}{
		{reference: "nginx:1.25", url: "http://127.0.0.1:80/", want: "<h1>Welcome to nginx!</h1>", log: `stdout F 127.0.0.1 - - [`},
		{reference: "nginx", url: "http://127.0.0.1:80/nope", want: "404 Not Found", log: `open() "/usr/share/nginx/html/nope" failed`},
		{reference: "httpd:2.4", url: "http://127.0.0.1:80/", want: "It works!", log: `"GET / HTTP/1.1" 200`},
		{reference: "gcr.io/google-samples/hello-app:2.0", url: "http://127.0.0.1:8080/", want: "Hello, world!\nVersion: 2.0.0\nHostname: pod\n", log: "Serving request: /"},
		{reference: "gcr.io/google-samples/kubernetes-bootcamp:v1", url: "http://127.0.0.1:8080/", want: "Hello Kubernetes bootcamp! | Running on: pod | v=1\n", log: "Serving request: /"},
		{reference: "registry.k8s.io/echoserver:1.10", url: "http://127.0.0.1:8080/a?b=c", want: "\n\nHostname: pod\n\nPod Information:\n\t-no pod information available-\n", log: "GET /a?b=c"},
		{reference: "kicbase/echo-server:1.0", url: "http://127.0.0.1:8080/a?b=c", want: "Request served by pod\n\nGET /a?b=c HTTP/1.1\n\nHost: 127.0.0.1:8080\n", log: "GET /a?b=c"},
		{reference: "registry.k8s.io/hpa-example", url: "http://127.0.0.1:80/index.php", want: "OK!", log: "Server listening"},
		{reference: "python:3.12-slim", args: []string{"python", "-m", "http.server", "8000"}, url: "http://127.0.0.1:8000/etc/", want: "Directory listing for /etc/", log: `"GET /etc/ HTTP/1.1" 200`},
		{reference: "hashicorp/http-echo:1.0", args: []string{"-text=hello"}, url: "http://127.0.0.1:5678/", want: "hello\n", log: "[INFO] server is listening on :5678"},
	} {
		t.Run(strings.NewReplacer("/", "-", ":", "-").Replace(tt.reference), func(t *testing.T) {
			hosts(t, func(t *testing.T, h *Host) {
				s := testSession(t, h, 1, nil)
				c := run(t, s, func(s *Spec) { s.Image, s.Args = testImage(t, tt.reference), tt.args })
				body, _ := get(t, c, tt.url)
				if !strings.Contains(body, tt.want) {
					t.Errorf("body %q has no %q", body, tt.want)
				}
				for deadline := time.Now().Add(5 * time.Second); !strings.Contains(logged(t, c), tt.log); time.Sleep(time.Millisecond) {
					if time.Now().After(deadline) {
						t.Fatalf("log has no %q:\n%s", tt.log, logged(t, c))
					}
				}
				if err := c.Stop(t.Context(), 10*time.Second); err != nil {
					t.Error(err)
				}
				if st := c.Status(); st.ExitCode != 0 && strings.HasSuffix(tt.url, ":80/") {
					t.Errorf("after its stop signal: %+v", st)
				}
			})
		})
	}
}

func TestRedis(t *testing.T) {
	hosts(t, func(t *testing.T, h *Host) {
		s := testSession(t, h, 1, nil)
		c := run(t, s, func(s *Spec) { s.Image = testImage(t, "redis:7") })
		for deadline := time.Now().Add(20 * time.Second); !strings.Contains(logged(t, c), "Ready to accept connections"); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) || c.Status().State == Exited {
				t.Fatal("never ready: ", logged(t, c))
			}
		}
		if got := execOutput(t, c, "redis-cli", "set", "a", "b"); got != "OK\n" {
			t.Errorf("set: %q", got)
		}
	})
}

func TestNginxAsLearnersChangeIt(t *testing.T) {
	h := testHost(t)
	s := testSession(t, h, 1, nil)
	c := run(t, s, func(s *Spec) { s.Image = testImage(t, "nginx") })
	get(t, c, "http://127.0.0.1:80/")
	execOutput(t, c, "bash", "-c", "echo changed >/usr/share/nginx/html/index.html; sed -i 's/listen       80;/listen 80; listen 8080;/' /etc/nginx/conf.d/default.conf; nginx -s reload")
	if body, _ := get(t, c, "http://127.0.0.1:8080/"); body != "changed\n" {
		t.Errorf("body %q", body)
	}
	if got := execOutput(t, c, "sh", "-c", "curl -s http://127.0.0.1:8080; ls -l /var/log/nginx | grep -c /dev/std; id -un nginx"); got != "changed\n2\nnginx\n" {
		t.Errorf("got %q", got)
	}
	worker := "nginx"
	if h.SingleID() {
		worker = "root"
	}
	if got := execOutput(t, c, "ps", "-o", "user,args"); !strings.Contains(strings.Join(strings.Fields(got), " "), worker+" nginx: worker process") {
		t.Errorf("workers do not run as %s:\n%s", worker, got)
	}
}

func TestTools(t *testing.T) {
	h := testHost(t)
	s := testSession(t, h, 1, nil)
	box := testSandbox(t, s)
	web := run(t, s, func(s *Spec) { s.ID, s.Sandbox, s.Image = "web", box, testImage(t, "traefik/whoami:v1.10") })
	body, _ := get(t, web, "http://127.0.0.1:80/path?a=b")
	for _, want := range []string{"Hostname: pod\n", "IP: 127.0.0.1\n", "RemoteAddr: 127.0.0.1:", "GET /path?a=b HTTP/1.1\r\nHost: 127.0.0.1:80\r\n"} {
		if !strings.Contains(body, want) {
			t.Errorf("whoami says\n%s, without %q", body, want)
		}
	}
	c := run(t, s, func(s *Spec) { s.ID, s.Sandbox, s.Image = "tools", box, testImage(t, "nicolaka/netshoot") }, "sleep", "1000")
	for command, want := range map[string]string{
		"curl -s http://127.0.0.1/api | jq -r .hostname":        "pod\n",
		"ip -j addr show lo | jq -r '.[0].addr_info[0].local'":  "127.0.0.1\n",
		"ss -Hltn | grep -c :80":                                "1\n",
		"ping -c 1 -W 1 127.0.0.1 | grep -c '1 received'":       "1\n",
		"nc -zv 127.0.0.1 80 2>&1 | grep -c succeeded":          "1\n",
		"traceroute -n -m 1 127.0.0.1 | grep -c ' ms'":          "1\n",
		"dig +time=1 +tries=1 @127.0.0.1 a.b | grep -c refused": "1\n",
		"tcpdump --version 2>&1 | grep -c 'tcpdump version'":    "1\n",
		"nslookup -version 2>&1 | grep -c nslookup":             "1\n",
		"for p in mtr iperf3 socat ethtool openssl ab nft conntrack arping host bridge tc ps top watch; do command -v $p >/dev/null || echo no $p; done": "",
		"mtr --version | grep -c mtr; iperf3 --version | grep -c 'iperf 3'; socat -V | grep -c 'socat version'; ethtool --version | grep -c ethtool":     "1\n1\n1\n1\n",
		"wget -qO- http://127.0.0.1/ | grep -c Hostname; vi --help 2>&1 | grep -c 'Edit FILE'":                                                           "1\n1\n",
	} {
		if out, errs, code, err := c.ExecSync(t.Context(), []string{"bash", "-c", command}, 20*time.Second); string(out) != want || err != nil {
			t.Errorf("%s:\n%q (code %d, %v, %s), want %q", command, out, code, err, errs, want)
		}
	}
	curl := run(t, s, func(s *Spec) {
		s.ID, s.Sandbox, s.Image, s.Args = "curl", box, testImage(t, "curlimages/curl:8.5.0"), []string{"-sS", "http://127.0.0.1/api"}
		s.LogPath += ".curl"
	})
	if st := wait(t, curl); st.ExitCode != 0 || !strings.Contains(logged(t, curl), `"hostname":"pod"`) {
		t.Errorf("curl: %+v\n%s", st, logged(t, curl))
	}
	pause := run(t, s, func(s *Spec) {
		s.ID, s.Sandbox, s.Image, s.LogPath = "pause", box, testImage(t, "registry.k8s.io/pause:3.9"), ""
	})
	// Process 1 gets no signal that it does not handle yet, and Go's runtime
	// handles it, with code 2, before the program does.
	for ended := false; !ended; {
		pause.Signal(unix.SIGTERM)
		select {
		case <-pause.Done():
			ended = true
		case <-time.After(5 * time.Millisecond):
		}
	}
	if st := pause.Status(); st.ExitCode != 0 && st.ExitCode != 2 {
		t.Errorf("pause: %+v", st)
	}
}

// TestWgetTimeout asks as the tutorial on network policies does, a server that
// answers and one that only listens.
func TestWgetTimeout(t *testing.T) {
	for _, reference := range []string{"busybox:1.28", "curlimages/curl"} {
		t.Run(strings.NewReplacer("/", "-", ":", "-").Replace(reference), func(t *testing.T) {
			s := testSession(t, testHost(t), 1, nil)
			c := run(t, s, func(s *Spec) {
				s.Image = testImage(t, reference)
				s.Command = []string{"sh", "-c", "echo hello >/tmp/hello; nc -ll -p 8081 -e sleep 1000 & exec busybox httpd -f -p 8080 -h /tmp"}
			})
			get(t, c, "http://127.0.0.1:8080/hello")
			for _, tt := range []struct {
				args, out, errs string
				code            int
			}{
				{"-qO- -T 2 127.0.0.1:8080/hello", "hello\n", "", 0},
				{"-qT2 -O - 127.0.0.1:8080/hello", "hello\n", "", 0},
				{"-O/dev/stdout --timeout=2 -q 127.0.0.1:8080/hello", "hello\n", "", 0},
				{"--spider --timeout=1 127.0.0.1:8080/hello", "", "Connecting to 127.0.0.1:8080 (127.0.0.1:8080)\nremote file exists\n", 0},
				{"--spider --timeout 1 127.0.0.1:8081", "", "Connecting to 127.0.0.1:8081 (127.0.0.1:8081)\nwget: download timed out\n", 1},
				{"-T 1 -qO- 127.0.0.1:8081", "", "wget: download timed out\n", 1},
				{"-T 1 -qO- 127.0.0.1:8082", "", "wget: can't connect to remote host (127.0.0.1): Connection refused\n", 1},
				{"-T soon -qO- 127.0.0.1:8080/hello", "", "wget: invalid number 'soon'\n", 1},
				{"-qO- 127.0.0.1:8080/hello", "hello\n", "", 0},
			} {
				out, errs, code, err := c.ExecSync(t.Context(), append([]string{"sh", "-c", "wget $*", "sh"}, strings.Fields(tt.args)...), 20*time.Second)
				if err != nil || string(out) != tt.out || string(errs) != tt.errs || int(code) != tt.code {
					t.Errorf("wget %s: %q, %q, code %d, %v", tt.args, out, errs, code, err)
				}
			}
		})
	}
}

// TestPrograms runs what is no server: each ends by itself and says something.
func TestPrograms(t *testing.T) {
	s := testSession(t, testHost(t), 1, nil)
	for i, tt := range []struct {
		reference string
		args      []string
		want      string
		code      int
	}{
		// As the documentation of Jobs has it.
		{"perl:5.34.0", []string{"perl", "-Mbignum=bpi", "-wle", "print bpi(50)"}, "stdout F 3.1415926535897932384626433832795028841971693993751", 0},
		{"python:3", []string{"python", "-c", "import json, ssl, sqlite3, hashlib; print(json.dumps({'a': 1}))"}, `stdout F {"a": 1}`, 0},
		{"alpine:3.20", []string{"sh", "-c", "echo $((1+1)); apk add curl"}, "installs no packages", 100},
		{"ubuntu:24.04", []string{"bash", "-c", "echo ${BASH_VERSION%%.*}; apt-get update"}, "apt-get: this is Podhop's stand-in", 100},
		{"registry.k8s.io/e2e-test-images/nonewprivs:1.4", nil, "Effective uid: 0", 0},
		{"registry.k8s.io/e2e-test-images/nonroot:1.5", []string{"id", "-u"}, "stdout F 1234", 0},
	} {
		c := run(t, s, func(s *Spec) {
			s.ID, s.Image, s.Args = fmt.Sprint("c", i), testImage(t, tt.reference), tt.args
			s.LogPath += s.ID
		})
		if st := wait(t, c); st.ExitCode != tt.code || !strings.Contains(logged(t, c), tt.want) {
			t.Errorf("%s: %+v\n%s, want %q and code %d", tt.reference, st, logged(t, c), tt.want, tt.code)
		}
	}
}
