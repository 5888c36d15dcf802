package explain

import (
	"strconv"
	"strings"
)

// A Ruleset is what `nft -a list ruleset` says of one node.
type Ruleset struct {
	Tables map[string]*Table // by "family name"
}

// A Table is one nftables table.
type Table struct {
	Family, Name string
	Handle       uint64 // tells a table from one of the same name before it
	Chains       map[string]*Chain
	Sets         map[string]*Set // and maps
	Rules        map[uint64]*Rule
}

// A Chain is a chain with its rules in order. Hook is empty but for base chains.
type Chain struct {
	Name, Hook, Comment string
	Rules               []*Rule
}

// A Rule is one rule's text, as nft lists it.
type Rule struct {
	Chain   *Chain
	Handle  uint64
	Text    string
	Comment string // also part of Text
}

// A Set is a named set or map.
type Set struct {
	Name     string
	Timeout  string // of elements that do not stay: "3h"; empty for others
	Elements []Element
}

// An Element is one of a set; Value is empty but for maps.
type Element struct {
	Key, Value, Comment string
}

// ParseRuleset reads what `nft -a list ruleset` prints. It takes any text, and
// passes over what it does not understand.
func ParseRuleset(text string) *Ruleset {
	p := parser{ruleset: &Ruleset{Tables: map[string]*Table{}}}
	for line := range strings.Lines(text) {
		p.line(strings.TrimSpace(line))
	}
	return p.ruleset
}

// Table is a table by family and name, nil if there is none.
func (r *Ruleset) Table(family, name string) *Table {
	if r == nil {
		return nil
	}
	return r.Tables[family+" "+name]
}

type parser struct {
	ruleset  *Ruleset
	table    *Table
	chain    *Chain
	set      *Set
	other    int    // depth within blocks that do not matter: counters, flowtables
	elements string // what of an elements list was read so far
	open     bool   // the list goes on
}

func (p *parser) line(l string) {
	switch {
	case l == "":
	case p.open:
		p.more(l)
	case p.other > 0:
		p.other += strings.Count(l, "{") - strings.Count(l, "}")
	case l == "}":
		p.close()
	case p.table == nil:
		p.startTable(l)
	case p.chain != nil:
		p.inChain(l)
	case p.set != nil:
		p.inSet(l)
	default:
		p.startBlock(l)
	}
}

func (p *parser) close() {
	switch {
	case p.chain != nil:
		p.chain = nil
	case p.set != nil:
		p.set = nil
	default:
		p.table = nil
	}
}

func (p *parser) startTable(l string) {
	f := strings.Fields(l)
	if len(f) < 4 || f[0] != "table" {
		return
	}
	_, handle := cutHandle(l)
	p.table = &Table{Family: f[1], Name: f[2], Handle: handle, Chains: map[string]*Chain{}, Sets: map[string]*Set{}, Rules: map[uint64]*Rule{}}
	p.ruleset.Tables[f[1]+" "+f[2]] = p.table
}

func (p *parser) startBlock(l string) {
	f := strings.Fields(l)
	if len(f) < 3 || !strings.Contains(l, "{") {
		return // the table's comment, or its flags
	}
	switch f[0] {
	case "chain":
		p.chain = &Chain{Name: f[1]}
		p.table.Chains[f[1]] = p.chain
	case "set", "map":
		p.set = &Set{Name: f[1]}
		p.table.Sets[f[1]] = p.set
	default:
		p.other = strings.Count(l, "{") - strings.Count(l, "}")
	}
}

func (p *parser) inChain(l string) {
	text, handle := cutHandle(l)
	if handle == 0 {
		f := strings.Fields(l)
		if i := index(f, "hook"); f[0] == "type" && i >= 0 && i+1 < len(f) {
			p.chain.Hook = f[i+1]
		}
		if f[0] == "comment" {
			p.chain.Comment = comment(l)
		}
		return
	}
	r := &Rule{Chain: p.chain, Handle: handle, Text: text, Comment: comment(text)}
	p.chain.Rules = append(p.chain.Rules, r)
	p.table.Rules[handle] = r
}

func (p *parser) inSet(l string) {
	if rest, ok := strings.CutPrefix(l, "timeout "); ok {
		p.set.Timeout = rest
	}
	if rest, ok := strings.CutPrefix(l, "elements = {"); ok {
		p.elements, p.open = "", true
		p.more(rest)
	}
}

// more reads on in a list of elements, which nft breaks over lines.
func (p *parser) more(l string) {
	if rest, done := strings.CutSuffix(l, "}"); done {
		l, p.open = rest, false
	}
	p.elements += l + " "
	if p.open {
		return
	}
	for _, e := range split(p.elements, ',') {
		if e = strings.TrimSpace(e); e == "" {
			continue
		}
		element := Element{Key: e, Comment: comment(e)}
		if key, value, ok := cutValue(e); ok {
			element.Key, element.Value = key, value
		}
		element.Key, _, _ = strings.Cut(element.Key, ` comment "`)
		for _, word := range []string{" timeout ", " expires ", " counter "} {
			element.Key, _, _ = strings.Cut(element.Key, word)
		}
		p.set.Elements = append(p.set.Elements, element)
	}
}

// cutValue parts an element of a map at " : ": addresses of IPv6 and comments have
// colons of their own.
func cutValue(e string) (key, value string, ok bool) {
	parts := split(e, ':')
	for i := 1; i < len(parts); i++ {
		if strings.HasSuffix(parts[i-1], " ") && strings.HasPrefix(parts[i], " ") {
			return strings.TrimSpace(strings.Join(parts[:i], ":")), strings.TrimSpace(strings.Join(parts[i:], ":")), true
		}
	}
	return "", "", false
}

// split is strings.Split that leaves what is in quotes alone.
func split(s string, sep byte) []string {
	var parts []string
	quoted, start := false, 0
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == sep && !quoted:
			parts, start = append(parts, s[start:i]), i+1
		}
	}
	return append(parts, s[start:])
}

// cutHandle cuts "# handle N" off a line; 0 if it has none.
func cutHandle(l string) (string, uint64) {
	i := strings.LastIndex(l, "# handle ")
	if i < 0 {
		return l, 0
	}
	n, err := strconv.ParseUint(l[i+len("# handle "):], 10, 64)
	if err != nil {
		return l, 0
	}
	return strings.TrimSpace(l[:i]), n
}

// comment is a rule's or element's comment, without the quotes.
func comment(l string) string {
	_, rest, ok := strings.Cut(l, `comment "`)
	if !ok {
		return ""
	}
	c, _, _ := strings.Cut(rest, `"`)
	return c
}

func index(words []string, w string) int {
	for i := range words {
		if words[i] == w {
			return i
		}
	}
	return -1
}

// has reports whether a word stands in a rule's text, outside its comment.
func has(text, word string) bool {
	text, _, _ = strings.Cut(text, ` comment "`)
	return index(strings.Fields(text), word) >= 0
}
