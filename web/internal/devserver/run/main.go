// Command run serves the pages with told clusters, for working on them:
//
//	go run ./web/internal/devserver/run -listen localhost:8089
//
// Open /s/demo, /s/many or / in a browser.
package main

import (
	"flag"
	"log"
	"net/http"
	"time"

	"github.com/podhop/podhop/lessons"
	"github.com/podhop/podhop/web"
	"github.com/podhop/podhop/web/internal/devserver"
)

func main() {
	listen := flag.String("listen", "localhost:8089", "address")
	flag.Parse()
	library, errs := lessons.Load(lessons.Content())
	for _, err := range errs {
		log.Print(err)
	}
	log.Printf("http://%s", *listen)
	pages := web.New(web.Config{Lessons: func() lessons.Library { return library }})
	log.Fatal(http.ListenAndServe(*listen, devserver.New(devserver.Config{Web: pages, Pace: 350 * time.Millisecond})))
}
