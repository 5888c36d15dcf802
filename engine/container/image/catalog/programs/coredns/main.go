// Coredns stands in for CoreDNS: it says so and waits to be told to stop. As long
// as it runs, Podhop answers DNS in its pod's network namespace (engine/dns).
package main

import (
	"os"
	"os/signal"
	"syscall"
)

// Without package fmt the process takes less memory, of which every session has one.
func main() {
	os.Stdout.WriteString(".:53\n" +
		"This is Podhop's stand-in for CoreDNS: the playground itself answers DNS in this pod's network,\n" +
		"from the cluster's Services and EndpointSlices. The Corefile is not read.\n")
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	s := <-signals
	os.Stdout.WriteString("Shutting down, got signal: " + s.String() + "\n")
}
