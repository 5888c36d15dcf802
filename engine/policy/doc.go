// Package policy makes networking.k8s.io/v1 NetworkPolicies hold in a session.
//
// A pure planner (Compile) turns policies, pods and namespaces into verdicts and
// into each node's rules; Policies keeps the kernel of every node as the plan of the
// moment says. Both read the same compiled rules, and tests check one by the other.
//
// Rules stand in a table of their own beside kube-proxy's, in the forward hook,
// which what a bridge switches passes as well (br_netfilter). DNAT was done before, so
// policies see pods' addresses, and what a node sends to its own pods passes by them. A node with no isolated pod has no table.
//
// A pod is isolated from its first packet on to its last: rules follow the addresses
// that the network gives, not those in statuses, and Ready holds a new pod back until
// its node has them. Its connections go with it (network.Detach), so that the next
// pod of the same address does not go on with them.
//
// What an earlier packet opened goes on, whatever is applied meanwhile (ct state
// established, related): upstream leaves that to the implementation ("implementation
// defined" in the documentation of NetworkPolicy), and so do Calico and kube-router.
//
// It must not know sessions or links: it is given informers, and nodes' namespaces.
package policy
