package api

import (
	"strings"
	"sync"
	_ "unsafe" // for go:linkname

	"k8s.io/component-base/version"
)

// kubernetesVersion is the one in go.mod; a test compares them.
const kubernetesVersion = "v1.37.2"

// Upstream's build sets these with -ldflags -X, which `go test` and a plain
// `go build` would not, and kubectl refuses a server without a version.

//go:linkname gitVersion k8s.io/component-base/version.gitVersion
var gitVersion string

//go:linkname gitMajor k8s.io/component-base/version.gitMajor
var gitMajor string

//go:linkname gitMinor k8s.io/component-base/version.gitMinor
var gitMinor string

//go:linkname gitTreeState k8s.io/component-base/version.gitTreeState
var gitTreeState string

// SetVersion tells k8s.io/component-base which Kubernetes this is. New calls
// it; a program that reports a kubelet's version before may call it too.
var SetVersion = sync.OnceValue(func() error {
	parts := strings.Split(strings.TrimPrefix(kubernetesVersion, "v"), ".")
	gitVersion, gitMajor, gitMinor, gitTreeState = kubernetesVersion, parts[0], parts[1], "clean"
	return version.SetDynamicVersion(kubernetesVersion)
})
