package markdown

import (
	"bytes"
	"fmt"
	stdhtml "html"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/util"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// shaping are the elements that only shape a text. Others are shown as they are written.
const shaping = "a abbr b blockquote br center code dd del details div dl dt em figcaption figure h1 h2 h3 h4 h5 h6 hr i img ins kbd li mark ol p pre q s " +
	"samp small span strong sub summary sup table tbody td tfoot th thead tr u ul var"

// sanitizer lets shaping elements through, and of their attributes what cannot act.
var sanitizer = sync.OnceValue(func() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements(strings.Fields(shaping)...)
	p.AllowNoAttrs().OnElements("a", "span")
	p.AllowStandardURLs()
	p.AllowRelativeURLs(true)
	p.RequireNoFollowOnLinks(false)
	p.AllowAttrs("href").OnElements("a")
	p.AllowAttrs("src", "alt").OnElements("img")
	p.AllowAttrs("width", "height").Matching(regexp.MustCompile(`^[0-9]{1,4}(px|%)?$`)).OnElements("img", "table", "td", "th")
	p.AllowAttrs("colspan", "rowspan").Matching(bluemonday.Integer).OnElements("td", "th")
	p.AllowAttrs("title").Globally()
	p.AllowAttrs("open").OnElements("details")
	return p
})

// nodes renders what our extension adds, and raw HTML.
type nodes struct{ r *rendering }

func (n nodes) RegisterFuncs(reg renderer.NodeRendererFuncRegisterer) {
	reg.Register(kindActed, n.acted)
	reg.Register(ast.KindRawHTML, n.raw)
	reg.Register(ast.KindHTMLBlock, n.raw)
}

func (nodes) acted(w util.BufWriter, _ []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
	n := node.(*acted)
	tag := "span"
	if n.block {
		tag = "div"
	}
	switch {
	case !n.action.run && !n.action.copy:
	case entering:
		fmt.Fprintf(w, `<%s class="acted">`, tag)
	default:
		first, _, more := strings.Cut(n.code, "\n")
		if more {
			first += " ..."
		}
		kind, word, how := "run", "Run", ""
		switch {
		case n.action.copy:
			kind, word = "copy", "Copy"
		case n.action.interrupt:
			how = ` data-interrupt title="Presses Ctrl-C first"`
		}
		fmt.Fprintf(w, `<button type="button" data-%s="%s" aria-label="%s: %s"%s>%s</button></%s>`,
			kind, stdhtml.EscapeString(n.code), word, stdhtml.EscapeString(first), how, word, tag)
	}
	return ast.WalkContinue, nil
}

// raw renders raw HTML a piece at a time. A piece is a sequence of whole tokens when it
// was sanitised, none of which changes how what follows is read.
func (n nodes) raw(w util.BufWriter, source []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering || !n.r.options.HTML {
		return ast.WalkSkipChildren, nil
	}
	var b bytes.Buffer
	switch node := node.(type) {
	case *ast.RawHTML:
		b.Write(node.Segments.Value(source))
	case *ast.HTMLBlock:
		b.Write(node.Lines().Value(source))
		if node.HasClosure() {
			b.Write(node.ClosureLine.Value(source))
		}
	}
	_, err := w.WriteString(sanitizer().Sanitize(escapeOthers(sized(b.String()))))
	return ast.WalkSkipChildren, err
}

var (
	styled = regexp.MustCompile(`(?i)(<img\b[^>]*?)\sstyle\s*=\s*(?:"([^"]*)"|'([^']*)')`)
	wide   = regexp.MustCompile(`(?i)(?:^|[;\s])width\s*:\s*([0-9]{1,4})(px|%)`)
)

// sized has the width that an image's style says be an attribute: pages of ours have no
// style attributes, and authors of scenarios do it so.
func sized(fragment string) string {
	return styled.ReplaceAllStringFunc(fragment, func(tag string) string {
		m := styled.FindStringSubmatch(tag)
		w := wide.FindStringSubmatch(m[2] + m[3])
		if w == nil {
			return m[1]
		}
		return m[1] + ` width="` + strings.TrimSuffix(w[1]+w[2], "px") + `"`
	})
}

// escapeOthers turns the tags of elements that do not shape a text into text: <pod> is
// what an author wrote of a name, and nothing is lost without a word.
func escapeOthers(fragment string) string {
	allowed := strings.Fields(shaping)
	z := html.NewTokenizer(strings.NewReader(fragment))
	var b strings.Builder
	for {
		kind := z.Next()
		raw := string(z.Raw())
		if kind == html.ErrorToken {
			return b.String() + stdhtml.EscapeString(raw)
		}
		name := ""
		if kind == html.StartTagToken || kind == html.EndTagToken || kind == html.SelfClosingTagToken {
			tag, _ := z.TagName()
			name = string(tag)
		}
		if name == "" || slices.Contains(allowed, name) {
			b.WriteString(raw)
		} else {
			b.WriteString(stdhtml.EscapeString(raw))
		}
	}
}

// finish parses what was rendered, so that nothing in it stays open, leads its links and
// images to where they are, and lets those who have no mouse scroll its code.
func (r *rendering) finish(rendered string) (string, error) {
	div := &html.Node{Type: html.ElementNode, Data: "div", DataAtom: atom.Div}
	parsed, err := html.ParseFragment(strings.NewReader(rendered), div)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, n := range parsed {
		div.AppendChild(n)
	}
	r.lead(div)
	for n := div.FirstChild; n != nil; n = n.NextSibling {
		if err := html.Render(&b, n); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

// lead looks at every link and image below n.
func (r *rendering) lead(n *html.Node) {
	for c := n.FirstChild; c != nil; {
		next := c.NextSibling
		r.lead(c)
		if c.Type == html.ElementNode && c.DataAtom == atom.A {
			r.link(c)
		}
		if c.Type == html.ElementNode && c.DataAtom == atom.Pre {
			set(c, "tabindex", "0")
		}
		if c.Type == html.ElementNode && c.DataAtom == atom.Img {
			r.image(n, c)
		}
		c = next
	}
}

func (r *rendering) link(a *html.Node) {
	address := attribute(a, "href")
	if unescaped, err := url.PathUnescape(address); err == nil && port.MatchString(unescaped) {
		address = traffic(unescaped) // raw HTML's
	}
	set(a, "href", "")
	at, err := url.Parse(address)
	switch {
	case err != nil || address == "":
		return
	case strings.HasPrefix(address, SessionPath), at.Scheme == "http", at.Scheme == "https", at.Scheme == "mailto":
		set(a, "href", address)
		set(a, "target", "_blank")
		set(a, "rel", "noopener noreferrer")
	case at.Scheme != "":
	case strings.HasPrefix(address, "#"), strings.HasPrefix(address, "/") && !strings.HasPrefix(address, "//") && !strings.HasPrefix(address, `/\`):
		set(a, "href", address)
	default:
		if found, ok := r.resolve(at.Path); ok {
			set(a, "href", found)
			set(a, "target", "_blank")
		}
	}
}

// image keeps images of the lesson's folder. Those of elsewhere the page would not load:
// it asks nobody but its own server. They become links.
func (r *rendering) image(parent, img *html.Node) {
	source, alt := attribute(img, "src"), attribute(img, "alt")
	at, err := url.Parse(source)
	if err == nil && at.Scheme == "" && at.Host == "" {
		if found, ok := r.resolve(at.Path); ok {
			set(img, "src", found)
			return
		}
	}
	instead := &html.Node{Type: html.ElementNode, Data: "em", DataAtom: atom.Em}
	if alt == "" {
		alt = "image"
	}
	if err == nil && (at.Scheme == "http" || at.Scheme == "https") {
		instead.Data, instead.DataAtom = "a", atom.A
		set(instead, "href", source)
		r.link(instead)
	}
	instead.AppendChild(&html.Node{Type: html.TextNode, Data: alt})
	parent.InsertBefore(instead, img)
	parent.RemoveChild(img)
}

func (r *rendering) resolve(ref string) (string, bool) {
	if r.options.Resolve == nil {
		return "", false
	}
	return r.options.Resolve(ref)
}

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// set sets an attribute; an empty value takes it away.
func set(n *html.Node, key, value string) {
	kept := n.Attr[:0]
	for _, a := range n.Attr {
		if a.Key != key {
			kept = append(kept, a)
		}
	}
	if n.Attr = kept; value != "" {
		n.Attr = append(n.Attr, html.Attribute{Key: key, Val: value})
	}
}
