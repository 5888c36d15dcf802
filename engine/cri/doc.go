// Package cri is the container runtime of one node, as the node's kubelet sees
// it: RuntimeService and ImageManagerService of k8s.io/cri-api, called in
// process. It joins the parts that do the work, which it knows by the narrow
// interfaces Network, Containers and Images only.
//
// It must not know the Kubernetes API (what it is told comes from the kubelet),
// netlink, or how a container is started.
//
// Source of what the calls mean: k8s.io/cri-api/pkg/apis/runtime/v1/api.proto;
// where that leaves room, containerd's CRI is followed, because that is what
// learners meet elsewhere.
package cri
