package lessons

import (
	"bytes"
	"html/template"

	chromahtml "github.com/alecthomas/chroma/v2/formatters/html"
	"github.com/yuin/goldmark"
	highlighting "github.com/yuin/goldmark-highlighting/v2"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
)

// markdown renders a step. Raw HTML is an author's error: it would be left out
// of the page without a word otherwise. Code is marked with classes, because a
// strict Content-Security-Policy forbids style attributes.
func (l *loader) markdown(file string, source []byte) template.HTML {
	return l.markdownAt(file, 0, source)
}

// markdownAt renders text that begins after some lines of the file.
func (l *loader) markdownAt(file string, before int, source []byte) template.HTML {
	md := goldmark.New(goldmark.WithExtensions(
		extension.Table,
		highlighting.NewHighlighting(highlighting.WithFormatOptions(chromahtml.WithClasses(true))),
	))
	doc := md.Parser().Parse(text.NewReader(source))
	last := 0 // a tag and its end are one mistake
	complain := func(at *text.Segments) {
		if line := before + lineAt(source, at); line != last {
			l.fail(file, line, "raw HTML is not allowed")
			last = line
		}
	}
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.HTMLBlock:
			complain(n.Lines())
		case *ast.RawHTML:
			complain(n.Segments)
		}
		return ast.WalkContinue, nil
	})
	var b bytes.Buffer
	if err := md.Renderer().Render(&b, source, doc); err != nil {
		l.fail(file, 0, "%v", err)
	}
	return template.HTML(b.String())
}

func lineAt(source []byte, segments *text.Segments) int {
	if segments.Len() == 0 {
		return 0
	}
	return 1 + bytes.Count(source[:segments.At(0).Start], []byte("\n"))
}
