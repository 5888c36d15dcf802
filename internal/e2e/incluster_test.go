package e2e

import (
	"errors"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// inCluster asks the API as a program in a pod does: with the files of its service
// account, and nothing else.
const inCluster = `cd /var/run/secrets/kubernetes.io/serviceaccount
curl -sS -m 10 --cacert ca.crt -w ' %{http_code} HTTP/%{http_version}' `

const withToken = `-H "Authorization: Bearer $(cat token)" `

// TestInCluster asks https://kubernetes.default.svc from pods of two sessions.
func TestInCluster(t *testing.T) {
	s := start(t, t.TempDir())
	x, other := s.open(), s.open()
	for _, x := range []*session{x, other} {
		x.apply("{apiVersion: v1, kind: Pod, metadata: {name: shell}, spec: {containers: [{name: shell, image: nicolaka/netshoot, command: [sleep, '1000000']}]}}")
	}
	x.apply(`apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: viewer}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{kind: ServiceAccount, name: default}]
`)
	for _, x := range []*session{x, other} {
		x.kubectl("wait", "--for=condition=Ready", "pod/shell", "--timeout=60s")
	}
	token := x.kubectl("exec", "shell", "--", "cat", "/var/run/secrets/kubernetes.io/serviceaccount/token")
	pods := "/api/v1/namespaces/default/pods"
	for _, c := range []struct {
		name string
		x    *session
		curl string
		want string
	}{
		{"anonymous", x, "https://kubernetes.default.svc" + pods, `User \"system:anonymous\" cannot list`},
		{"anonymous code", x, "https://kubernetes.default.svc" + pods, " 403 HTTP/2"},
		{"allowed", x, withToken + "https://kubernetes.default.svc" + pods, `"kind": "PodList"`},
		{"HTTP/2", x, withToken + "https://kubernetes.default.svc.cluster.local" + pods, " 200 HTTP/2"},
		{"a short name", x, withToken + "https://kubernetes" + pods, " 200 HTTP/2"},
		{"by address", x, withToken + "https://10.96.0.1" + pods, " 200 HTTP/2"},
		{"by the endpoint's address", x, withToken + "https://172.18.0.10:6443" + pods, " 200 HTTP/2"},
		{"from the environment", x, withToken + "https://$KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT_HTTPS" + pods, " 200 HTTP/2"},
		{"another namespace", x, withToken + "https://kubernetes.default.svc/api/v1/namespaces/kube-system/pods", `User \"system:serviceaccount:default:default\" cannot list`},
		{"another name", x, "https://shell", "curl: ("},
		{"a watch", x, withToken + "-m 2 'https://kubernetes.default.svc" + pods + "?watch=1'", `{"type":"ADDED","object":{"kind":"Pod",`},
		{"another session's account", other, withToken + "https://kubernetes.default.svc" + pods, " 403 HTTP/2"},
		{"another session's token", other, `-H "Authorization: Bearer ` + token + `" https://kubernetes.default.svc` + pods, " 401 HTTP/2"},
	} {
		c.x.run(t, c.name, func(t *testing.T, x *session) {
			until(t, patience, c.curl, func() string { // the rules of a new session come a moment later
				out, _ := x.tryKubectl("", "exec", "shell", "--", "sh", "-c", inCluster+c.curl)
				if strings.Contains(out, c.want) {
					return ""
				}
				return out
			})
		})
	}
	x.run(t, "objects", func(t *testing.T, x *session) {
		out := x.kubectl("get", "endpoints,endpointslices", "kubernetes")
		if strings.Count(out, "172.18.0.10") != 2 || !strings.Contains(out, "172.18.0.10:6443") {
			t.Error(out)
		}
		out = x.kubectl("get", "endpoints", "kubernetes", "-o", "jsonpath={.metadata.labels}")
		if !strings.HasSuffix(out, `{"endpointslice.kubernetes.io/skip-mirror":"true"}`) {
			t.Error(out)
		}
	})
	x.run(t, "connections without end", func(t *testing.T, x *session) {
		before := s.openFiles()
		done := make(chan error, 1)
		go func() {
			out, err := x.tryKubectl("", "exec", "shell", "--", "bash", "-c", "for n in 1 2 3; do (for i in $(seq 700); do exec {fd}<>/dev/tcp/172.18.0.10/6443 || exit; done; echo all; sleep 2) & done; wait")
			if strings.Count(out, "all") != 3 {
				err = errors.Join(err, errors.New(out))
			}
			done <- err
		}()
		most := 0
		for over := false; !over; {
			select {
			case err := <-done:
				if over = true; err != nil {
					t.Error(err)
				}
			case <-time.After(50 * time.Millisecond):
				most = max(most, s.openFiles()-before)
			}
		}
		if most > 1300 { // of 2,100, and some are others'
			t.Errorf("one pod has the server open %d files", most)
		}
		t.Logf("the server has %d more files open", most)
	})
	x.run(t, "from outside the cluster", func(t *testing.T, x *session) {
		for _, from := range []string{"client", "node/node-2"} {
			if a := x.send(from, "172.18.0.10:6443").Answers[0]; a.Outcome != "answered" {
				t.Errorf("%s: %+v", from, a)
			}
		}
	})
}

// openFiles is how many descriptors the server has.
func (s *server) openFiles() int {
	s.t.Helper()
	r := must(http.Get(s.URL + "/metrics"))
	defer r.Body.Close()
	m := regexp.MustCompile(`(?m)^process_open_fds (\S+)$`).FindSubmatch(must(io.ReadAll(r.Body)))
	if m == nil {
		s.t.Fatal("there are no metrics of descriptors")
	}
	return int(must(strconv.ParseFloat(string(m[1]), 64)))
}
