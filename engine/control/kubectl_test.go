package control

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// cluster serves sessions over TLS under /s/ID, as the server does.
type cluster struct {
	*httptest.Server
	sessions map[string]*lab
}

func serve(t *testing.T, labs ...*lab) *cluster {
	c := &cluster{sessions: map[string]*lab{}}
	for _, l := range labs {
		c.sessions[l.ID()] = l
	}
	c.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// a host name for --raw, a prefix for everything else
		if id, _, ok := strings.Cut(r.Host, ".session."); ok && c.sessions[id] != nil {
			c.sessions[id].ServeHTTP(w, r)
			return
		}
		id, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/s/"), "/")
		l := c.sessions[id]
		if l == nil {
			http.NotFound(w, r)
			return
		}
		http.StripPrefix("/s/"+id, l.Session).ServeHTTP(w, r)
	}))
	c.EnableHTTP2 = true
	c.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	c.StartTLS()
	t.Cleanup(c.Close)
	return c
}

// kubectl returns a runner of kubectl against a session.
func (c *cluster) kubectl(t *testing.T, id, token string) func(stdin string, args ...string) (string, error) {
	t.Helper()
	return c.kubectlAs(t, id, &clientcmdapi.AuthInfo{Token: token})
}

func (c *cluster) kubectlAs(t *testing.T, id string, who *clientcmdapi.AuthInfo) func(stdin string, args ...string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate().Raw})
	conf := clientcmdapi.NewConfig()
	conf.Clusters["c"] = &clientcmdapi.Cluster{Server: c.URL + "/s/" + id, CertificateAuthorityData: ca}
	conf.AuthInfos["u"] = who
	conf.Contexts["x"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "u"}
	conf.CurrentContext = "x"
	path := filepath.Join(dir, "config")
	if err := clientcmd.WriteToFile(*conf, path); err != nil {
		t.Fatal(err)
	}
	return func(stdin string, args ...string) (string, error) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
		cmd.Env = append(os.Environ(), "PODHOP_TEST_KUBECTL=1", "KUBECONFIG="+path, "HOME="+dir, "NO_COLOR=1")
		cmd.Stdin = strings.NewReader(stdin)
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		err := cmd.Run()
		return out.String(), err
	}
}

const manifest = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, image: "nginx:1"}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
`

const crontabs = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: crontabs.stable.example.com}
spec:
  group: stable.example.com
  scope: Namespaced
  names: {plural: crontabs, singular: crontab, kind: CronTab, shortNames: [ct]}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec: {type: object, description: when to run, properties: {cronSpec: {type: string}}}
`

func TestKubectl(t *testing.T) {
	s := server(t)
	a, b := open(t, s, "a"), open(t, s, "b")
	defer a.close()
	defer b.close()
	c := serve(t, a, b)
	ka, kb := c.kubectl(t, "a", a.AdminToken()), c.kubectl(t, "b", b.AdminToken())

	steps := []struct {
		name, stdin, args string
		want              []string // in the output
		fails             bool
	}{
		{"version", "", "version", []string{"Server Version: v1.37"}, false},
		{"nodes", "", "get nodes -o wide", []string{"node-1", "Ready"}, false},
		{"namespaces", "", "get ns", []string{"kube-system", "Active"}, false},
		{"strict", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndatta: {}\n", "apply -f -", []string{`unknown field "datta"`}, true},
		{"apply", manifest, "apply -f -", []string{"deployment.apps/web created", "service/web created"}, false},
		{"apply server side", manifest, "apply --server-side --force-conflicts -f -", []string{"deployment.apps/web serverside-applied"}, false},
		{"diff of nothing", manifest, "diff -f -", nil, false},
		{"diff", strings.Replace(manifest, "nginx:1", "nginx:2", 1), "diff -f -", []string{"+", "nginx:2"}, true},
		{"wide", "", "get deploy,rs,svc -o wide", []string{"deployment.apps/web", "replicaset.apps/web-", "10.96.", "nginx:1"}, false},
		{"yaml", "", "get svc web -o yaml", []string{"clusterIP: 10.96."}, false},
		{"describe", "", "describe deployment web", []string{"ScalingReplicaSet", "Replicas:"}, false},
		{"scale", "", "scale deployment web --replicas=3", []string{"scaled"}, false},
		{"set image", "", "set image deployment/web c=nginx:2", []string{"image updated"}, false},
		{"history", "", "rollout history deployment/web", []string{"REVISION", "2"}, false},
		{"undo", "", "rollout undo deployment/web", []string{"rolled back"}, false},
		{"explain", "", "explain deployment.spec.replicas", []string{"FIELD: replicas <integer>"}, false},
		{"explain recursively", "", "explain pod.spec.containers", []string{"livenessProbe"}, false},
		{"api resources", "", "api-resources", []string{"deployments", "endpointslices", "networkpolicies", "customresourcedefinitions"}, false},
		{"api versions", "", "api-versions", []string{"apps/v1", "apiextensions.k8s.io/v1"}, false},
		{"can i", "", "auth can-i create pods", []string{"yes"}, false},
		{"cannot i", "", "auth can-i create pods --as someone", []string{"no"}, true},
		{"can a node", "", "auth can-i get nodes/node-1 --as system:node:node-1 --as-group system:nodes", []string{"yes"}, false},
		{"whoami", "", "auth whoami", []string{"kubernetes-admin"}, false},
		{"events", "", "events", []string{"ScalingReplicaSet"}, false},
		{"crd", crontabs, "apply -f -", []string{"created"}, false},
		{"crd established", "", `wait --for=jsonpath={.status.conditions[?(@.type=="Established")].status}=True crd/crontabs.stable.example.com --timeout=20s`, []string{"condition met"}, false},
		{"custom resource", "apiVersion: stable.example.com/v1\nkind: CronTab\nmetadata: {name: one}\nspec: {cronSpec: '* * *'}\n", "apply -f -", []string{"crontab.stable.example.com/one created"}, false},
		{"get it", "", "get ct", []string{"one"}, false},
		{"explain it", "", "explain crontab.spec", []string{"when to run"}, false},
		{"delete", "", "delete deployment web --wait=false", []string{"deleted"}, false},
		{"new namespace", "", "create ns shop", []string{"created"}, false},
		{"delete namespace", "", "delete ns shop --timeout=30s", []string{"deleted"}, false},
	}
	for _, st := range steps {
		t.Run(st.name, func(t *testing.T) {
			out, err := ka(st.stdin, strings.Fields(st.args)...)
			if (err != nil) != st.fails {
				t.Fatalf("kubectl %s: %v\n%s", st.args, err, out)
			}
			for _, w := range st.want {
				if !strings.Contains(out, w) {
					t.Errorf("kubectl %s: no %q in\n%s", st.args, w, out)
				}
			}
		})
	}

	t.Run("another session sees nothing of it", func(t *testing.T) {
		if out, err := kb("", "get", "ct"); err == nil {
			t.Error(out)
		}
		if out, _ := kb("", "get", "deploy,svc", "-o", "name"); strings.Contains(out, "web") {
			t.Error(out)
		}
	})
	t.Run("tokens", func(t *testing.T) {
		out, err := ka("", "create", "token", "default")
		if err != nil {
			t.Fatal(out)
		}
		token := strings.TrimSpace(out)
		if out, err := c.kubectl(t, "a", token)("", "auth", "whoami"); err != nil || !strings.Contains(out, "system:serviceaccount:default:default") {
			t.Error("its own session:", out)
		}
		if out, err := c.kubectl(t, "a", token)("", "get", "secrets"); err == nil || !strings.Contains(out, "Forbidden") {
			t.Error("RBAC lets it:", out)
		}
		for name, foreign := range map[string]string{"service account": token, "admin": a.AdminToken()} {
			if out, err := c.kubectl(t, "b", foreign)("", "get", "pods"); err == nil || !strings.Contains(out, "Unauthorized") && !strings.Contains(out, "logged in") {
				t.Errorf("%s token in another session: %s", name, out)
			}
		}
	})
	t.Run("client certificates", func(t *testing.T) {
		key, request := requestFor(t, "jane")
		out, err := ka("apiVersion: certificates.k8s.io/v1\nkind: CertificateSigningRequest\nmetadata: {name: jane}\nspec: {signerName: kubernetes.io/kube-apiserver-client, usages: [client auth], request: "+request+"}\n", "apply", "-f", "-")
		if err != nil {
			t.Fatal(out)
		}
		if out, err := ka("", "get", "csr", "jane", "--no-headers"); err != nil || !strings.Contains(out, "Pending") {
			t.Error(out)
		}
		if out, err := ka("", "certificate", "approve", "jane"); err != nil {
			t.Fatal(out)
		}
		const signed = "jsonpath={.status.certificate}"
		if out, err := ka("", "wait", "csr/jane", "--for="+signed, "--timeout=60s"); err != nil {
			t.Fatal(out)
		}
		out, err = ka("", "get", "csr", "jane", "-o", signed)
		if err != nil {
			t.Fatal(out)
		}
		certificate, err := base64.StdEncoding.DecodeString(out)
		if err != nil {
			t.Fatal(err)
		}
		who := &clientcmdapi.AuthInfo{ClientCertificateData: certificate, ClientKeyData: key}
		if out, err := c.kubectlAs(t, "a", who)("", "auth", "whoami"); err != nil || !strings.Contains(out, "jane") || !strings.Contains(out, "editors") {
			t.Error("its own session:", out)
		}
		if out, err := c.kubectlAs(t, "a", who)("", "get", "pods"); err == nil || !strings.Contains(out, `User "jane" cannot list`) {
			t.Error("RBAC lets it:", out)
		}
		if out, err := c.kubectlAs(t, "b", who)("", "get", "pods"); err == nil || !strings.Contains(out, "Unauthorized") && !strings.Contains(out, "logged in") {
			t.Error("another session:", out)
		}
	})
	t.Run("raw by host name", func(t *testing.T) {
		req, _ := http.NewRequestWithContext(context.Background(), http.MethodGet, c.URL+"/openapi/v2", nil)
		req.Host = "a.session.localhost"
		req.Header.Set("Authorization", "Bearer "+a.AdminToken())
		resp, err := c.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Error(resp.Status)
		}
	})
}

// requestFor makes a key and a request for a certificate, as openssl req would.
func requestFor(t *testing.T, name string) (key []byte, request string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: name, Organization: []string{"editors"}}}, private)
	if err != nil {
		t.Fatal(err)
	}
	key = pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
	return key, base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr}))
}
