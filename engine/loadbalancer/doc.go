// Package loadbalancer is a session's cloud, as far as Services of type LoadBalancer
// need one: upstream's service controller asks it for load balancers, it gives
// addresses of a pool, checks which nodes are fit, and says which of them the client
// outside is to send to.
//
// A load balancer here passes packets on as they are (ipMode VIP); what happens on a
// node is kube-proxy's. This package must not know how an address is announced.
package loadbalancer
