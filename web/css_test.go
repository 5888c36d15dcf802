package web

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// All pages have one sheet. So a class that one file styles wherever it stands is no other
// file's to style likewise: it would change parts that it knows nothing of.
func TestStylesStayApart(t *testing.T) {
	files, err := filepath.Glob("app/css/*.css")
	if err != nil || len(files) == 0 {
		t.Fatal("no style sheets", err)
	}
	comment := regexp.MustCompile(`(?s)/\*.*?\*/`)
	alone := regexp.MustCompile(`^\.[\w-]+$`)
	first := map[string]string{} // of a class, the file
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		mine := map[string]bool{}
		for _, selectors := range outermost(comment.ReplaceAllString(string(data), "")) {
			list := strings.Split(selectors, ",")
			for _, s := range list {
				s = strings.TrimSpace(s)
				if len(list) > 1 || !alone.MatchString(s) || mine[s] {
					continue // what several have in common is meant so
				}
				mine[s] = true
				if other := first[s]; other != "" {
					t.Errorf("%s is styled by %s and by %s: let one of them say where it means", s, filepath.Base(other), filepath.Base(file))
				}
				first[s] = file
			}
		}
	}
}

// outermost are the selectors of a sheet's rules, but for those inside of at-rules.
func outermost(sheet string) (all []string) {
	depth, begin := 0, 0
	for i, c := range sheet {
		switch c {
		case '{':
			if depth == 0 {
				all = append(all, strings.TrimSpace(sheet[begin:i]))
			}
			depth++
		case '}', ';':
			if c == '}' {
				depth--
			}
			if depth == 0 {
				begin = i + 1
			}
		}
	}
	return all
}
