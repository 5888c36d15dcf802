package web_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
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
	return openAt(t, "", library, path, o)
}

// openAt opens a page of a server below a base path.
func openAt(t testing.TB, base string, library lessons.Library, path string, o chromium.Options) *tab {
	t.Helper()
	server := devserver.New(devserver.Config{Web: web.New(web.Config{Lessons: func() lessons.Library { return library }}), Pace: pace, Base: base})
	hs := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, base+"/") {
			t.Errorf("the page asked for %s, which is not below %s", r.URL, base)
		}
		server.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		hs.CloseClientConnections()
		hs.Close()
	})
	return &tab{Tab: chromium.Open(t, hs.URL+base+path, o), server: server}
}
