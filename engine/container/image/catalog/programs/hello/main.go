// Hello answers with a greeting that tells its version and its host, as the
// small servers do that the Kubernetes tutorials roll out and roll back:
// google-samples/hello-app and google-samples/kubernetes-bootcamp.
package main

import (
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
)

func main() {
	style := flag.String("style", "app", "app or bootcamp")
	version := flag.String("version", "1", "version to tell")
	flag.Parse()
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	host, err := os.Hostname()
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		log.Printf("Serving request: %s", r.URL.Path)
		if *style == "bootcamp" {
			fmt.Fprintf(w, "Hello Kubernetes bootcamp! | Running on: %s | v=%s\n", host, *version)
			return
		}
		fmt.Fprintf(w, "Hello, world!\nVersion: %s\nHostname: %s\n", *version, host)
	})
	log.Printf("Server listening on port %s", port)
	log.Fatal(http.ListenAndServe(":"+port, nil))
}
