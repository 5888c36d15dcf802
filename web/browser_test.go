package web_test

import (
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/podhop/podhop/internal/chromium"
	"github.com/podhop/podhop/lessons"
	"github.com/podhop/podhop/web"
	"github.com/podhop/podhop/web/internal/devserver"
)

// pace is how long a told pod takes from state to state.
const pace = 20 * time.Millisecond

func TestMain(m *testing.M) { os.Exit(chromium.Main(m)) }

// A tab shows a page of a told server.
type tab struct {
	*chromium.Tab
	server *devserver.Server
}

func openTab(t testing.TB, path string, o chromium.Options) *tab {
	t.Helper()
	library, errs := lessons.Load(lessons.Content())
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return openWith(t, library, path, o)
}

// openWith opens a page of a server that has some lessons.
func openWith(t testing.TB, library lessons.Library, path string, o chromium.Options) *tab {
	t.Helper()
	server := devserver.New(devserver.Config{Web: web.New(web.Config{Lessons: func() lessons.Library { return library }}), Pace: pace})
	hs := httptest.NewServer(server)
	t.Cleanup(func() {
		hs.CloseClientConnections()
		hs.Close()
	})
	return &tab{Tab: chromium.Open(t, hs.URL+path, o), server: server}
}
