// Echo answers with the request as it arrived and who answered it, in the formats
// of two servers that tutorials use for that: the echoserver of Kubernetes'
// tests, and jmalloc/echo-server, which minikube's tutorial has as kicbase/echo-server.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
)

// most is of a request's body that is echoed.
const most = 1 << 20

func main() {
	style := flag.String("style", "echoserver", "echoserver or jmalloc")
	flag.Parse()
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	host, err := os.Hostname()
	if err != nil {
		log.Fatal(err)
	}
	answer := echoserver
	if *style == "jmalloc" {
		answer = jmalloc
	}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		log.Printf("%s | %s %s", r.RemoteAddr, r.Method, r.URL)
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
		if err != nil {
			http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
			return
		}
		w.Header().Set("Content-Type", "text/plain")
		answer(w, r, host, string(body))
	})
	log.Printf("Echo server listening on port %s.", port)
	log.Fatal(http.ListenAndServe(":"+port, nil))
}

func jmalloc(w io.Writer, r *http.Request, host, body string) {
	fmt.Fprintf(w, "Request served by %s\n\n%s %s %s\n\nHost: %s\n", host, r.Method, r.URL.RequestURI(), r.Proto, r.Host)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		for _, value := range r.Header[name] {
			fmt.Fprintf(w, "%s: %s\n", name, value)
		}
	}
	fmt.Fprintf(w, "\n%s", body)
}

func echoserver(w io.Writer, r *http.Request, host, body string) {
	fmt.Fprintf(w, "\n\nHostname: %s\n\nPod Information:\n", host)
	told := false
	for _, v := range [][2]string{{"NODE_NAME", "node name"}, {"POD_NAME", "pod name"}, {"POD_NAMESPACE", "pod namespace"}, {"POD_IP", "pod IP"}} {
		if value := os.Getenv(v[0]); value != "" {
			fmt.Fprintf(w, "\t%s:\t%s\n", v[1], value)
			told = true
		}
	}
	if !told {
		fmt.Fprint(w, "\t-no pod information available-\n")
	}
	client, _, _ := net.SplitHostPort(r.RemoteAddr)
	fmt.Fprintf(w, "\nServer values:\n\tserver_version=podhop's echo\n\nRequest Information:\n\tclient_address=%s\n\tmethod=%s\n\treal path=%s\n\tquery=%s\n\trequest_version=%s\n\trequest_scheme=http\n\trequest_uri=http://%s%s\n\nRequest Headers:\n",
		client, r.Method, r.URL.RequestURI(), r.URL.RawQuery, strings.TrimPrefix(r.Proto, "HTTP/"), r.Host, r.URL.RequestURI())
	fmt.Fprintf(w, "\thost=%s\n", r.Host)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		fmt.Fprintf(w, "\t%s=%s\n", strings.ToLower(name), strings.Join(r.Header[name], ", "))
	}
	if body == "" {
		body = "\t-no body in request-"
	}
	fmt.Fprintf(w, "\nRequest Body:\n%s\n\n", body)
}
