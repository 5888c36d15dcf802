// Whoami tells who answered: the host name, the addresses and the request as it
// arrived, in the format of traefik/whoami, for the catalogue image of that name.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// answer is the shape of /api.
type answer struct {
	Hostname   string      `json:"hostname,omitempty"`
	IP         []string    `json:"ip,omitempty"`
	Headers    http.Header `json:"headers,omitempty"`
	URL        string      `json:"url,omitempty"`
	Host       string      `json:"host,omitempty"`
	Method     string      `json:"method,omitempty"`
	Name       string      `json:"name,omitempty"`
	RemoteAddr string      `json:"remoteAddr,omitempty"`
}

func main() {
	port := flag.String("port", envOr("WHOAMI_PORT_NUMBER", "80"), "give me a port number")
	name := flag.String("name", os.Getenv("WHOAMI_NAME"), "give me a name")
	flag.Bool("verbose", false, "enable verbose logging")
	flag.Parse()

	var health atomic.Int32
	health.Store(http.StatusOK)
	mux := http.NewServeMux()
	mux.HandleFunc("/api", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(whoami(r, *name))
	})
	mux.HandleFunc("/health", func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			var code int
			if err := json.NewDecoder(r.Body).Decode(&code); err != nil || code < 100 || code > 599 {
				http.Error(w, "want a status code", http.StatusBadRequest)
				return
			}
			health.Store(int32(code))
			return
		}
		w.WriteHeader(int(health.Load()))
	})
	mux.HandleFunc("/data", func(w http.ResponseWriter, r *http.Request) {
		size, err := strconv.Atoi(r.URL.Query().Get("size"))
		if err != nil || size < 0 {
			size = 1
		}
		const line = "-ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		for ; size > 0; size -= len(line) {
			if _, err := fmt.Fprint(w, line[:min(size, len(line))]); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if wait, err := time.ParseDuration(r.URL.Query().Get("wait")); err == nil {
			select {
			case <-time.After(wait):
			case <-r.Context().Done():
			}
		}
		text(w, r, *name)
	})

	log.Printf("Starting up on port %s", *port)
	log.Fatal(http.ListenAndServe(":"+*port, mux))
}

func text(w http.ResponseWriter, r *http.Request, name string) {
	if name != "" {
		fmt.Fprintln(w, "Name:", name)
	}
	a := whoami(r, name)
	fmt.Fprintln(w, "Hostname:", a.Hostname)
	for _, ip := range a.IP {
		fmt.Fprintln(w, "IP:", ip)
	}
	fmt.Fprintln(w, "RemoteAddr:", r.RemoteAddr)
	r.Write(w)
}

func whoami(r *http.Request, name string) answer {
	hostname, _ := os.Hostname()
	a := answer{Hostname: hostname, Headers: r.Header, URL: r.URL.RequestURI(), Host: r.Host,
		Method: r.Method, Name: name, RemoteAddr: r.RemoteAddr}
	addresses, _ := net.InterfaceAddrs()
	for _, address := range addresses {
		ip, _, _ := strings.Cut(address.String(), "/")
		a.IP = append(a.IP, ip)
	}
	return a
}

func envOr(key, otherwise string) string {
	if value := os.Getenv(key); value != "" {
		return value
	}
	return otherwise
}
