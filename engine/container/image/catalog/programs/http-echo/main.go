// Http-echo answers every request with one text: the flags, the port and the
// log line of hashicorp/http-echo, for the catalogue image of that name.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	listen := flag.String("listen", ":5678", "address and port to listen")
	text := flag.String("text", os.Getenv("ECHO_TEXT"), "text to put on the webpage")
	status := flag.Int("status-code", http.StatusOK, "http response code, e.g.: 200")
	version := flag.Bool("version", false, "display version information")
	flag.Parse()
	if *version {
		fmt.Println("http-echo (Podhop's)")
		return
	}
	if *text == "" {
		fmt.Fprintln(os.Stderr, "Missing -text option or ECHO_TEXT env var!")
		os.Exit(127)
	}
	if flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "Too many arguments!")
		os.Exit(127)
	}

	out := log.New(os.Stdout, "", log.LstdFlags)
	mux := http.NewServeMux()
	mux.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, `{"status":"ok"}`)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		w.Header().Set("X-App-Name", "http-echo")
		w.WriteHeader(*status)
		n, _ := fmt.Fprintln(w, *text)
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		out.Printf("%s %s %q %d %d %q %v", r.Host, host, r.Method+" "+r.URL.Path+" "+r.Proto, *status, n, r.UserAgent(), time.Since(start))
	})

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	server := &http.Server{Addr: *listen, Handler: mux}
	go func() {
		<-ctx.Done()
		out.Println("[INFO] received interrupt, shutting down...")
		deadline, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		server.Shutdown(deadline)
	}()
	out.Printf("[INFO] server is listening on %s", *listen)
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		out.Fatalf("[ERR] server exited with: %s", err)
	}
}
