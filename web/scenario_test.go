package web_test

import (
	"os"
	"strings"
	"testing"

	"github.com/podhop/podhop/internal/chromium"
	"github.com/podhop/podhop/lessons"
	"github.com/podhop/podhop/lessons/killercoda"
)

// course is ours, in Killercoda's format.
func course(t *testing.T) lessons.Library {
	t.Helper()
	library, errs := lessons.Load(os.DirFS("../lessons/killercoda/testdata/course"), killercoda.Format{})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return library
}

func TestScenario(t *testing.T) {
	p := openWith(t, course(t), "/s/new?lesson=first-service", chromium.Options{Allow: "404"}) // its image is not there
	p.Until(live)
	// The intro's foreground script runs in the learner's terminal, once.
	p.Until(says("echo step 1"))
	p.Click("[data-step='1'] [data-go='2']")
	p.Click("[data-step='2'] [data-run]")
	p.Until(says("kubectl -n shop run web"))
	p.Click("[data-step='2'] summary")
	p.Click("[data-step='2'] [data-copy]")
	p.Until(`document.querySelector("#announce").textContent.includes("Copied")`)
	p.accessible("a scenario's step")
	p.Click("[data-step='2'] [data-go='3']")
	if got := chromium.Eval[string](p.Tab, `document.querySelector("[data-step='3'] .prose a").getAttribute("href")`); got != "/s/new/port/host1/30080/" {
		t.Errorf("the port is at %s", got)
	}
}

func TestPortsPage(t *testing.T) {
	p := openTab(t, "/s/demo/ports", chromium.Options{})
	p.Until(`document.querySelector(".ports h1") && document.querySelector("[name=host]").options.length === 4`)
	if got := p.Text(".ports"); !strings.Contains(got, "cookies are passed neither way") {
		t.Errorf("the page reads %q", got)
	}
}
