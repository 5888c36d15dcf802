package web_test

import (
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/podhop/podhop/internal/chromium"
)

// scriptBudget is what the script of a first load may weigh in gzip: all that a page
// fetches before anything is clicked, the editor included. Parts that are fetched when they
// are opened are listed, and weigh nothing here.
const scriptBudget = 200_000

func TestScriptBudget(t *testing.T) {
	type file struct {
		Name string
		Size int
	}
	for name, c := range map[string]struct{ path, until string }{
		"playground": {"/s/demo", live + ` && document.querySelector(".cm-content")`},
		"lesson":     {"/s/demo?lesson=your-first-pod", live + ` && document.querySelector(".cm-content")`},
		"recording":  {"/recordings", `document.querySelector("open-recording input[type=file]")`},
	} {
		t.Run(name, func(t *testing.T) {
			p := openTab(t, c.path, chromium.Options{})
			p.Until(c.until)
			p.Until(`document.readyState === "complete"`)
			// encodedBodySize is what came over the line: the server sends gzip.
			loaded := chromium.Eval[[]file](p.Tab, `performance.getEntriesByType("resource").filter(e => new URL(e.name).pathname.endsWith(".js")).map(e => ({name: new URL(e.name).pathname, size: e.encodedBodySize}))`)
			total, names := 0, []string{}
			for _, f := range loaded {
				t.Logf("%s: %d bytes in gzip", path.Base(f.Name), f.Size)
				total += f.Size
				names = append(names, path.Base(f.Name))
			}
			if len(loaded) == 0 || total == 0 || total > scriptBudget {
				t.Errorf("the first load has %d bytes of script in gzip, may have %d", total, scriptBudget)
			}
			t.Logf("%d of %d bytes", total, scriptBudget)
			entries, err := os.ReadDir("dist")
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				if strings.HasSuffix(e.Name(), ".js") && !slices.Contains(names, e.Name()) {
					size := chromium.Eval[int](p.Tab, `fetch("/static/`+e.Name()+`").then(async a => { await a.arrayBuffer(); return performance.getEntriesByName(a.url)[0].encodedBodySize })`)
					t.Logf("later: %s: %d bytes in gzip", e.Name(), size)
				}
			}
		})
	}
}
