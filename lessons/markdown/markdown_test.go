package markdown

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

func render(t *testing.T, source string) Text {
	t.Helper()
	text, mistakes := Render([]byte(source), Options{HTML: true, Resolve: func(ref string) (string, bool) {
		return "/files/" + ref, ref == "a.png" || ref == "./pod.yaml"
	}})
	for _, m := range mistakes {
		t.Error(m)
	}
	return text
}

const run = `<button type="button" data-run=`

func TestShell(t *testing.T) {
	for source, want := range map[string][]string{
		"```sh\nkubectl get pods\nls\n```":    {"kubectl get pods\nls"},
		"```bash\na\n```\n\n~~~shell\nb\n~~~": {"a", "b"},
		"```sh\na\n```{{copy}}":               nil, // says something else
		"```sh\na\n```{{}}":                   nil,
		"```yaml\na: 1\n```":                  nil,
		"```\na\n```":                         nil,
		"```sh\na\n```{{exec interrupt}}":     {"a"},
	} {
		for _, shell := range []bool{true, false} {
			text, _ := Render([]byte(source), Options{Shell: shell})
			want := want
			if !shell && !strings.Contains(source, "{{exec") {
				want = nil
			}
			if !slices.Equal(text.Commands, want) {
				t.Errorf("%q, shell %v: %q can be run, want %q", source, shell, text.Commands, want)
			}
		}
	}
}

func TestActions(t *testing.T) {
	for _, c := range []struct {
		name, source string
		has, not     []string
		commands     []string
	}{
		{name: "code alone", source: "`a`", has: []string{"<code>a</code>"}, not: []string{"button"}},
		{name: "nothing offered", source: "`a`{{}} b", has: []string{"<code>a</code> b"}, not: []string{"button", "{{"}},
		{name: "run", source: "Do `ls -lh`{{exec}}.", commands: []string{"ls -lh"},
			has: []string{`<span class="acted"><code>ls -lh</code>` + run + `"ls -lh" aria-label="Run: ls -lh">Run</button></span>.`}},
		{name: "as Katacoda has it", source: "`ls`{{execute T2}} `id`{{execute HOST1 interrupt}}", commands: []string{"ls", "id"},
			has: []string{run + `"ls"`, run + `"id"`, "data-interrupt"}},
		{name: "interrupt", source: "`w`{{exec interrupt}}", commands: []string{"w"}, has: []string{"data-interrupt", `title="Presses Ctrl-C first"`}},
		{name: "copy", source: "`c`{{copy}}", has: []string{`data-copy="c"`, ">Copy</button>"}, not: []string{"data-run"}},
		{name: "what else has braces", source: "`{{ .Values.x }}` {{exec}} {{sandbox}} `a`{{ .Release }} `b`{{open}}", not: []string{"button"},
			has: []string{"{{ .Values.x }}", "{{exec}}", "{{sandbox}}", "{{ .Release }}", "{{open}}"}},
		{name: "quotes", source: "`echo \"<b>\" 'x' && y`{{exec}}", commands: []string{`echo "<b>" 'x' && y`},
			has: []string{`data-run="echo &#34;&lt;b&gt;&#34; &#39;x&#39; &amp;&amp; y"`}},
		{name: "over lines", source: "`a\nb`{{exec}}", commands: []string{"a b"}},
		{name: "fence", source: "```\nuname -r\n\npwd\n```{{exec}}\nafter", commands: []string{"uname -r\n\npwd"},
			has: []string{"<div class=\"acted\"><pre", "data-run=\"uname -r\n\npwd\" aria-label=\"Run: uname -r ...\"", "<p>after</p>"}},
		{name: "fences", source: "```plain\na\n```{{exec}}\n\n~~~sh\nb\n~~~ {{ exec interrupt }}\n\n````\n```{{exec}}\n````\n\n```\nc\n```{{copy}}", commands: []string{"a", "b"},
			has: []string{`data-run="b"`, "data-interrupt", `data-copy="c"`, "```{{exec}}"}},
		{name: "in a list", source: "1. one\n   ```bash\n   kubectl get pods\n   ```{{exec}}\n2. two `x`{{exec}}\n", commands: []string{"kubectl get pods", "x"}, has: []string{"<li>two"}},
		{name: "in a quote", source: "> ```\n> a\n> ```{{exec}}\n", commands: []string{"a"}},
		{name: "Windows", source: "\ufeff# T\r\n\r\n```\r\na\r\nb\r\n```{{exec}}\r\n", commands: []string{"a\nb"}, has: []string{"<h1>T</h1>"}},
		{name: "fence without an end", source: "```\na {{exec}}\n", has: []string{"a {{exec}}"}, not: []string{"button"}},
		{name: "fence with nothing in it", source: "```\n```{{exec}}\n\ntext", has: []string{"<p>text</p>"}, not: []string{"button"}},
		{name: "a template in a fence", source: "```yaml\na: {{ .Values.a }}\n```\n", has: []string{".Values.a"}, not: []string{"button"}},
		{name: "marked lines", source: "```yaml{1,3-4}\na: 1\nb: 2\nc: 3\nd: 4\n```{{copy}}", has: []string{`class="line hl"`, "data-copy"}, not: []string{"style="}},
		{name: "in a fold", source: "<details><summary>Tip</summary>\n\n```plain\nkubectl create -h\n```{{exec}}\n\n</details>\n\nafter", commands: []string{"kubectl create -h"},
			has: []string{"<details><summary>Tip</summary>", "</button></div></details>\n<p>after</p>"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := render(t, c.source)
			for _, want := range c.has {
				if !strings.Contains(string(text.HTML), want) {
					t.Errorf("lacks %s:\n%s", want, text.HTML)
				}
			}
			for _, bad := range c.not {
				if strings.Contains(string(text.HTML), bad) {
					t.Errorf("has %s:\n%s", bad, text.HTML)
				}
			}
			if !slices.Equal(text.Commands, c.commands) {
				t.Errorf("commands %q, want %q", text.Commands, c.commands)
			}
		})
	}
}

func TestLinks(t *testing.T) {
	const away = ` target="_blank" rel="noopener noreferrer">`
	for source, want := range map[string]string{
		"[NGINX]({{TRAFFIC_HOST1_30080}})":                       `<a href="/s/-/port/host1/30080/"` + away + "NGINX</a>",
		"[UI]({{TRAFFIC_HOST2_80}}/ui/?a=b)":                     `<a href="/s/-/port/host2/80/ui/?a=b"` + away + "UI</a>",
		"[PORTS]({{TRAFFIC_SELECTOR}})":                          `<a href="/s/-/ports"` + away + "PORTS</a>",
		"See {{TRAFFIC_HOST1_80}}.":                              `See <a href="/s/-/port/host1/80/"` + away + "host1:80</a>.",
		`<a href="{{TRAFFIC_HOST1_80}}">x</a>`:                   `<a href="/s/-/port/host1/80/"` + away + "x</a>",
		"[x](https://kubernetes.io/docs)":                        `<a href="https://kubernetes.io/docs"` + away + "x</a>",
		`<img src="a.png" style="max-width: none; width: 50px">`: `<img width="50" src="/files/a.png"/>`,
		"[x](./pod.yaml) [y](gone.md)":                           `<a href="/files/./pod.yaml" target="_blank">x</a> <a>y</a>`,
		"![alt](a.png) <img src='a.png' width='50px'>":           `<img alt="alt" src="/files/a.png"/> <img width="50px" src="/files/a.png"/>`,
		"![a graph](https://elsewhere.test/x.png) ![no](b.png)":  `<a href="https://elsewhere.test/x.png"` + away + `a graph</a> <em>no</em>`,
	} {
		got := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(string(render(t, source).HTML)), "<p>"), "</p>")
		if got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", source, got, want)
		}
	}
}

// What an author writes shapes the text, and can neither act nor leave its place.
func TestMarkdownThatTriesToScript(t *testing.T) {
	for _, source := range []string{
		"<script>alert(1)</script>", "a <script>alert(1)</script> b", "<ScRiPt src=//evil.test/x.js>", "<style>*{display:none}</style>",
		"<img src=x onerror=alert(1)>", "<img src='x' onerror='alert(1)' />", "a <b onclick=alert(1)>b</b>", "<img src=\"a.png\" style=\"position:fixed;inset:0\">",
		"<svg onload=alert(1)><script>alert(1)</script></svg>", "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
		"<iframe src=https://evil.test></iframe>", "<iframe srcdoc='<script>alert(1)</script>'>", "<object data=x>", "<embed src=x>", "<base href=//evil.test/>",
		"<meta http-equiv=refresh content='0;url=//evil.test'>", "<link rel=stylesheet href=//evil.test/x.css>", "<form action=//evil.test><input name=a><button>b</button></form>",
		"[x](javascript:alert(1))", "[x](JaVaScRiPt:alert(1))", "[x](java&#10;script:alert(1))", "[x](&#1;javascript:alert(1))", "[x](javascript&colon;alert(1))",
		"[x](data:text/html;base64,PHNjcmlwdD4=)", "[x](vbscript:x)", "[x](file:///etc/passwd)", "<javascript:alert(1)>", "<data:text/html,x>",
		"![x](javascript:alert(1))", "![x](data:image/svg+xml;base64,PHN2Zz4=)", "![x](x\"onerror=\"alert(1))",
		"<a href='javascript:alert(1)'>x</a>", "<a href=' \tjava\nscript:alert(1)'>x</a>", "<a href='{{TRAFFIC_HOST1_80}}' onclick=alert(1)>x</a>",
		"<a href='javascript:alert(1)//{{TRAFFIC_HOST1_80}}'>x</a>", "[x](javascript:alert(1)//{{TRAFFIC_HOST1_80}})",
		"<details ontoggle=alert(1) open><summary>x", "</div></article></section></main><h1>mine</h1>", "<!-- --><script>alert(1)</script>", "<!--><img src=x onerror=alert(1)>-->",
		"<![CDATA[<script>alert(1)</script>]]>", "<?php <script>alert(1)</script> ?>", "<img src=\"`\"`{{exec}} onerror=alert(1)>",
		"`\"><img src=x onerror=alert(1)>`{{exec}}", "```\n\"><script>alert(1)</script>\n```{{exec}}", "```\"onmouseover=alert(1)\nx\n```{{copy}}", "```yaml {onclick=\"alert(1)\"}\nx: 1\n```",
		"# x {onclick=alert(1)}", "0) x", "| a | b |\n|:-:|--:|\n| c | d |", "<a <b href=javascript:alert(1)>x", "<img src=\"a.png", "<p title=\"</p><script>alert(1)</script>\">x</p>",
		"<noscript><p title='</noscript><img src=x onerror=alert(1)>'>", "<textarea><script>alert(1)</script>", "<xmp><script>alert(1)</script></xmp>", "<template><script>alert(1)</script></template>",
		"<b class=hidden id=lesson data-go=1>x</b>", "<step-checks></step-checks>", "\x00<script>alert(1)</script>", "<scr\x00ipt>alert(1)</scr\x00ipt>",
	} {
		// Inside of the page's own elements, as the page has it.
		page := `<main><article id="mine"><div>` + string(render(t, source).HTML) + `</div></article><aside id="after">after</aside></main>`
		doc, err := html.Parse(strings.NewReader(page))
		if err != nil {
			t.Fatal(err)
		}
		var walk func(n *html.Node, inside bool)
		after := false
		walk = func(n *html.Node, inside bool) {
			if n.Type == html.ElementNode {
				if attribute(n, "id") == "after" {
					after = !inside && n.Parent.Data == "main" && n.FirstChild.Data == "after"
				}
				if inside {
					harmless(t, source, n)
				}
				inside = inside || attribute(n, "id") == "mine"
			}
			for c := n.FirstChild; c != nil; c = c.NextSibling {
				walk(c, inside)
			}
		}
		walk(doc, false)
		if !after {
			t.Errorf("%q changes what comes after it:\n%s", source, page)
		}
	}
}

func harmless(t *testing.T, source string, n *html.Node) {
	t.Helper()
	if n.Data != "button" && !slices.Contains(strings.Fields(shaping), n.Data) {
		t.Errorf("%q makes <%s>", source, n.Data)
	}
	for _, a := range n.Attr {
		ok := slices.Contains([]string{"title", "alt", "open", "width", "height"}, a.Key) ||
			n.Data == "button" && slices.Contains([]string{"type", "aria-label", "data-run", "data-copy", "data-interrupt"}, a.Key) ||
			slices.Contains([]string{"span", "div", "pre", "code"}, n.Data) && (a.Key == "class" || a.Key == "tabindex") ||
			n.Data == "a" && (a.Key == "target" || a.Key == "rel" || a.Key == "href" && (strings.HasPrefix(a.Val, "http") || strings.HasPrefix(a.Val, SessionPath))) ||
			n.Data == "ol" && a.Key == "start" || (n.Data == "td" || n.Data == "th") && a.Key == "align" ||
			n.Data == "img" && a.Key == "src" && strings.HasPrefix(a.Val, "/files/")
		if !ok || strings.Contains(a.Val, "hidden") {
			t.Errorf("%q makes <%s %s=%q>", source, n.Data, a.Key, a.Val)
		}
	}
}

func TestRawHTML(t *testing.T) {
	for source, want := range map[string]string{
		"a <br> b":                   "<p>a <br/> b</p>",
		"the pod <pod-name> in <ns>": "<p>the pod &lt;pod-name&gt; in &lt;ns&gt;</p>",
		"> <strong>Note</strong>: x": "<blockquote>\n<p><strong>Note</strong>: x</p>\n</blockquote>",
		"<script>alert(1)</script>":  "&lt;script&gt;alert(1)&lt;/script&gt;",
		"<h1 align=center>T</h1>":    "<h1>T</h1>",
		"a ~~b~~":                    "<p>a <del>b</del></p>",
	} {
		if got := strings.TrimSpace(string(render(t, source).HTML)); want != "" && got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", source, got, want)
		}
	}
	_, mistakes := Render([]byte("fine\r\n\r\n<b>x</b> <i>y</i>\r\n\r\n<div>\r\n"), Options{})
	if !slices.Equal(mistakes, []Mistake{{3, "raw HTML is not allowed"}, {5, "raw HTML is not allowed"}}) {
		t.Errorf("mistakes %v", mistakes)
	}
}

func FuzzRender(f *testing.F) {
	for _, s := range []string{"`a`{{exec}}", "```\nx\n```{{exec}}\n", "<details>\n\n{{TRAFFIC_HOST1_80}}", "> ```{{copy}}", "<img src=x onerror=y>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, source string) {
		text, _ := Render([]byte(source), Options{HTML: true})
		doc, err := html.ParseFragment(strings.NewReader(string(text.HTML)), &html.Node{Type: html.ElementNode, Data: "div", DataAtom: atom.Div})
		if err != nil {
			t.Fatal(err)
		}
		var walk func(n *html.Node)
		walk = func(n *html.Node) {
			if n.Type == html.ElementNode {
				harmless(t, source, n)
			}
			for c := n.FirstChild; c != nil; c = c.NextSibling {
				walk(c)
			}
		}
		for _, n := range doc {
			walk(n)
		}
	})
}
