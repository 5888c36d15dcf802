// Hpa-example computes a million square roots for each request and says OK!, as
// the page does that the Kubernetes walkthrough of horizontal autoscaling loads.
package main

import (
	"fmt"
	"log"
	"math"
	"net/http"
)

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		x := 0.0001
		// The page is PHP, which takes some twenty times as long for each.
		for range 20 * 1_000_001 {
			x += math.Sqrt(x)
		}
		if x > 0 { // so that no compiler leaves it out
			fmt.Fprint(w, "OK!")
		}
	})
	log.Print("Server listening on port 80")
	log.Fatal(http.ListenAndServe(":80", nil))
}
