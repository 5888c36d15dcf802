package container

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
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
				if st := c.Status(); st.ExitCode != 0 && tt.reference != "hashicorp/http-echo:1.0" {
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
