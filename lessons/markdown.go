package lessons

import (
	"html/template"

	"github.com/podhop/podhop/lessons/markdown"
)

// markdown renders a step. Raw HTML is an author's error: it would be left out
// of the page without a word otherwise.
func (l *loader) markdown(file string, source []byte) template.HTML {
	return l.markdownAt(file, 0, source)
}

// markdownAt renders text that begins after some lines of the file.
func (l *loader) markdownAt(file string, before int, source []byte) template.HTML {
	text, mistakes := markdown.Render(source, markdown.Options{Shell: true})
	for _, m := range mistakes {
		l.fail(file, before+m.Line, "%s", m.Message)
	}
	return text.HTML
}
