package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const hook = `apiVersion: v1
kind: Pod
metadata: {name: hook, labels: {app: hook}}
spec:
  volumes: [{name: tls, secret: {secretName: hook}}]
  containers:
  - name: hook
    image: registry.k8s.io/e2e-test-images/agnhost:2.53
    args: [webhook, --tls-cert-file=/tls/tls.crt, --tls-private-key-file=/tls/tls.key, --port=8443]
    ports: [{name: tls, containerPort: 8443}]
    volumeMounts: [{name: tls, mountPath: /tls}]
    readinessProbe: {periodSeconds: 1, httpGet: {scheme: HTTPS, port: 8443, path: /readyz}}
---
apiVersion: v1
kind: Service
metadata: {name: hook}
spec: {selector: {app: hook}, ports: [{name: https, port: 443, targetPort: tls}]}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: hook}
webhooks:
- name: deny.example.com
  admissionReviewVersions: [v1]
  sideEffects: None
  objectSelector: {matchLabels: {denied: "yes"}}
  rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}]
  clientConfig: {caBundle: CA, service: {namespace: default, name: hook, path: /always-deny}}
`

const denied = "{apiVersion: v1, kind: ConfigMap, metadata: {name: denied, labels: {denied: 'yes'}}}"

// TestExtend has a pod judge what is written, asks it and others through the API's
// proxies, and comes with a certificate that the session signed.
func TestExtend(t *testing.T) {
	s := start(t, t.TempDir())
	x := s.open()
	dir := t.TempDir()
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "hook"}, DNSNames: []string{"hook.default.svc"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true}
	certificate := encoded("CERTIFICATE", must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)))
	private := encoded("EC PRIVATE KEY", must(x509.MarshalECPrivateKey(key)))
	write := func(name string, data []byte) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	x.kubectl("create", "secret", "tls", "hook", "--cert", write("tls.crt", certificate), "--key", write("tls.key", private))
	manifest := strings.ReplaceAll(hook, "CA", base64.StdEncoding.EncodeToString(certificate))
	if out, err := x.tryKubectl(manifest, "apply", "-f", "-"); err != nil {
		t.Fatal(out)
	}
	until(t, 3*time.Minute, "the webhook", func() string {
		out, err := x.tryKubectl("", "get", "pod", "hook", "-o", `jsonpath={.status.conditions[?(@.type=="Ready")].status}`)
		if err != nil || out != "True" {
			return out
		}
		return ""
	})
	says := func(t *testing.T, stdin, want string, args ...string) {
		t.Helper()
		until(t, time.Minute, strings.Join(args, " "), func() string { // rules come a moment after the pod
			if out, _ := x.tryKubectl(stdin, args...); !strings.Contains(out, want) {
				return out
			}
			return ""
		})
	}
	x.run(t, "webhook", func(t *testing.T, x *session) {
		says(t, denied, `admission webhook "deny.example.com" denied the request: this webhook denies all requests`, "create", "--dry-run=server", "-f", "-")
	})
	for name, path := range map[string]string{
		"a Service":          "namespaces/default/services/https:hook:443",
		"a Service's port":   "namespaces/default/services/https:hook:https",
		"a pod":              "namespaces/default/pods/https:hook:8443",
		"a node":             "nodes/node-1",
		"a node, by address": "nodes/node-1:10250",
	} {
		x.run(t, "proxy of "+name, func(t *testing.T, x *session) {
			last := "/readyz"
			if strings.HasPrefix(path, "nodes") {
				last = "/healthz"
			}
			says(t, "", "ok", "get", "--raw", "/api/v1/"+path+"/proxy"+last)
		})
	}
	x.run(t, "what is there from the start", func(t *testing.T, x *session) {
		for kind, want := range map[string]string{
			"apiservices": "v1.apps", "flowschemas": "catch-all", "clustertrustbundles": "kubernetes.io:kube-apiserver-serving:",
		} {
			if out := x.kubectl("get", kind); !strings.Contains(out, want) {
				t.Errorf("%s: no %q in\n%s", kind, want, out)
			}
		}
	})
	x.run(t, "client certificate", func(t *testing.T, x *session) {
		mine := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
		request := encoded("CERTIFICATE REQUEST", must(x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "jane"}}, mine)))
		out, err := x.tryKubectl("{apiVersion: certificates.k8s.io/v1, kind: CertificateSigningRequest, metadata: {name: jane}, spec: {signerName: kubernetes.io/kube-apiserver-client, usages: [client auth], request: "+
			base64.StdEncoding.EncodeToString(request)+"}}", "create", "-f", "-")
		if err != nil {
			t.Fatal(out)
		}
		x.kubectl("certificate", "approve", "jane")
		until(t, time.Minute, "the certificate", func() string {
			if out = x.kubectl("get", "csr", "jane", "-o", "jsonpath={.status.certificate}"); out == "" {
				return "not there yet"
			}
			return ""
		})
		signed, private := write("jane.crt", must(base64.StdEncoding.DecodeString(out))), write("jane.key", encoded("EC PRIVATE KEY", must(x509.MarshalECPrivateKey(mine))))
		x.kubeconfig = write("jane", must(os.ReadFile(x.kubeconfig)))
		x.kubectl("config", "set-credentials", "jane", "--client-certificate", signed, "--client-key", private)
		x.kubectl("config", "set-context", "--current", "--user", "jane")
		if out := x.kubectl("auth", "whoami"); !strings.Contains(out, "jane") {
			t.Error(out)
		}
		if out, err := x.tryKubectl("", "get", "pods"); err == nil || !strings.Contains(out, `User "jane" cannot list resource "pods"`) {
			t.Error(out)
		}
	})
}

func encoded(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
