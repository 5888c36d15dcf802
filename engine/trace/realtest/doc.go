// Package realtest tests tracing together with the session's own network and
// kube-proxy, apart from package trace so that its tests need not link Kubernetes.
package realtest
