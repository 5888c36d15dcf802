// Proxy says what it stands for and waits to be told to stop. As long as it runs,
// Podhop serves Ingresses and Gateways in its pod's network namespace (engine/ingress).
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	os.Stdout.WriteString("The playground itself serves Ingresses and Gateways in this pod's network, from the objects of the\n" +
		"cluster's API. kubectl describe says of each what is wrong with it.\n")
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	s := <-signals
	os.Stdout.WriteString("Shutting down, got signal: " + s.String() + "\n")
}
